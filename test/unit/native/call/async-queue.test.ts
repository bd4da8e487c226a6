import { describe, expect, it } from 'vitest';
import { AsyncQueue, threadPoolSize } from '../../../../src/native/call/async-queue.js';

/** A call that ends when it is told to. */
function call(): {
  start: () => Promise<string>;
  end: (value: string) => void;
  fail: (error: Error) => void;
} {
  let end!: (value: string) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<string>((resolve, reject) => ([end, fail] = [resolve, reject]));
  return { start: () => promise, end, fail };
}

const turn = () => new Promise(setImmediate);

describe('AsyncQueue', () => {
  it('runs at most so many at a time, in order', async () => {
    const queue = new AsyncQueue(2);
    const calls = Array.from({ length: 4 }, call);
    const started: number[] = [];
    const results = calls.map(({ start }, i) =>
      queue.run(() => {
        started.push(i);
        return start();
      }),
    );
    await turn();
    expect([started, queue.running, queue.waiting]).toEqual([[0, 1], 2, 2]);
    calls[1]!.end('second');
    await turn();
    expect([started, queue.running, queue.waiting]).toEqual([[0, 1, 2], 2, 1]);
    for (const i of [0, 2, 3]) calls[i]!.end(`call ${i}`);
    expect(await Promise.all(results)).toEqual(['call 0', 'second', 'call 2', 'call 3']);
    expect([started, queue.running, queue.waiting]).toEqual([[0, 1, 2, 3], 0, 0]);
  });

  it('a place that is handed on is not taken by somebody who comes between', async () => {
    const queue = new AsyncQueue(1);
    const [first, second, third] = [call(), call(), call()];
    const started: string[] = [];
    const run = (name: string, { start }: ReturnType<typeof call>) =>
      queue.run(() => {
        started.push(name);
        return start();
      });
    const results = [run('first', first), run('second', second)];
    first.end('');
    results.push(run('third', third));
    await turn();
    expect([started, queue.running]).toEqual([['first', 'second'], 1]);
    second.end('');
    third.end('');
    await Promise.all(results);
    expect(started).toEqual(['first', 'second', 'third']);
  });

  it('a call that fails, or cannot be started, gives its place back', async () => {
    const queue = new AsyncQueue(1);
    const failing = call();
    const failed = queue.run(failing.start);
    const thrown = queue.run(() => {
      throw new Error('cannot be started');
    });
    const last = queue.run(() => Promise.resolve('last'));
    failing.fail(new Error('failed'));
    await expect(failed).rejects.toThrow('failed');
    await expect(thrown).rejects.toThrow('cannot be started');
    expect(await last).toBe('last');
    expect(queue.running).toBe(0);
  });
});

it.each([
  [undefined, 4],
  ['8', 8],
  ['0', 1],
  ['many', 4],
  ['5000', 1024],
])('the thread pool with UV_THREADPOOL_SIZE=%s has %i threads', (value, expected) => {
  expect(threadPoolSize(value === undefined ? {} : { UV_THREADPOOL_SIZE: value })).toBe(expected);
});
