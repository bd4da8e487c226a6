import { describe, expect, it } from 'vitest';
import { TaskQueue } from '../../../../src/server/engine/task-queue.js';

function queueOf(...messages: [taskId: string, priority: number, deliverAt: number][]): TaskQueue {
  const queue = new TaskQueue();
  for (const [taskId, priority, deliverAt] of messages) queue.push({ taskId, priority, deliverAt });
  return queue;
}

/** One at a time, as a poll with count 1 sees it. */
function drain(queue: TaskQueue, now: number): string[] {
  const order: string[] = [];
  for (let [next] = queue.pop(1, now); next !== undefined; [next] = queue.pop(1, now))
    order.push(next.taskId);
  return order;
}

describe('TaskQueue', () => {
  it.each<[string, [string, number, number][], now: number, string[]]>([
    [
      'creation decides among equals',
      [
        ['a', 0, 1],
        ['b', 0, 1],
        ['c', 0, 1],
      ],
      1,
      ['a', 'b', 'c'],
    ],
    [
      'earlier delivery goes first',
      [
        ['a', 0, 3],
        ['b', 0, 1],
        ['c', 0, 2],
      ],
      9,
      ['b', 'c', 'a'],
    ],
    [
      'higher priority goes before earlier delivery',
      [
        ['a', 1, 1],
        ['b', 9, 5],
        ['c', 5, 2],
      ],
      9,
      ['b', 'c', 'a'],
    ],
    [
      'what is not due stays',
      [
        ['a', 9, 100],
        ['b', 0, 1],
      ],
      50,
      ['b'],
    ],
    [
      'what becomes due has its priority',
      [
        ['a', 9, 100],
        ['b', 0, 1],
      ],
      100,
      ['a', 'b'],
    ],
  ])('%s', (_, messages, now, expected) => {
    expect(drain(queueOf(...messages), now)).toEqual(expected);
  });

  it('gives several in the order of creation, chosen by priority', () => {
    const queue = queueOf(['a', 1, 1], ['b', 5, 1], ['c', 99, 1], ['d', 3, 1]);
    expect(queue.pop(2, 1).map((message) => message.taskId)).toEqual(['b', 'c']);
    expect(queue.pop(5, 1).map((message) => message.taskId)).toEqual(['a', 'd']);
    expect(queue.pop(5, 1)).toEqual([]);
  });

  it('counts what waits, due or not, and forgets what is removed', () => {
    const queue = queueOf(['a', 0, 1], ['b', 0, 1000]);
    expect(queue.size).toBe(2);
    expect(queue.remove('a')).toBe(true);
    expect(queue.remove('a')).toBe(false);
    expect(queue.size).toBe(1);
    expect(drain(queue, 1000)).toEqual(['b']);
    expect(queue.size).toBe(0);
  });

  it('keeps one message of a task', () => {
    const queue = queueOf(['a', 0, 1]);
    queue.push({ taskId: 'a', priority: 0, deliverAt: 500 });
    expect(queue.size).toBe(1);
    expect(drain(queue, 499)).toEqual([]);
    expect(drain(queue, 500)).toEqual(['a']);
  });

  it('knows when the next one is due', () => {
    const queue = queueOf(['a', 0, 300], ['b', 0, 200]);
    expect(queue.nextDeliverAt(100)).toBe(200);
    expect(queue.nextDeliverAt(250)).toBe(200);
    queue.remove('b');
    expect(queue.nextDeliverAt(250)).toBe(300);
    queue.remove('a');
    expect(queue.nextDeliverAt(250)).toBeUndefined();
  });

  it('agrees with sorting on many messages', () => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 0x7fffffff) % below;
    const messages = Array.from({ length: 500 }, (_, index): [string, number, number] => [
      `m${index}`,
      random(5),
      random(50),
    ]);
    const expected = [...messages].sort((a, b) => b[1] - a[1] || a[2] - b[2]).map(([taskId]) => taskId);
    expect(drain(queueOf(...messages), 50)).toEqual(expected);
  });
});
