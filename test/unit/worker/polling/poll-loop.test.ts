import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { Delivery } from '../../../../src/worker/delivery/delivery.js';
import { ExclusiveGate } from '../../../../src/worker/polling/exclusive-gate.js';
import { PollLoop } from '../../../../src/worker/polling/poll-loop.js';
import type { TaskEnd } from '../../../../src/worker/execution/task-reporter.js';
import { TaskRunner } from '../../../../src/worker/execution/task-runner.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { FakeTaskReporter } from '../../../support/fake-task-reporter.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LONG_MS = 5_000;
const INTERVAL_MS = 100;

/** A poll loop with a queue before it and a worker behind it whose tasks end when the test says so. */
class Bench {
  readonly client = new FakeTaskClient();
  readonly reporter = new FakeTaskReporter();
  readonly logger = new RecordingLogger();
  readonly loop: PollLoop;
  isPaused = false;
  /** Ids in the order in which their code began. */
  readonly begun: string[] = [];
  mostAtOnce = 0;
  hasReturned = false;
  readonly executed: [end: TaskEnd, ms: number][] = [];
  readonly #open = new Map<string, { end: (value: unknown) => void; signal: AbortSignal }>();
  #run: Promise<void> | undefined;

  constructor(concurrency: number, options: { instantly?: boolean } = {}) {
    const { client, reporter, logger } = this;
    const execute = (task: Task, context: { signal: AbortSignal }): unknown => {
      this.begun.push(task.taskId);
      if (options.instantly === true) return { ok: true };
      return new Promise((end) => {
        this.#open.set(task.taskId, { end, signal: context.signal });
        this.mostAtOnce = Math.max(this.mostAtOnce, this.#open.size);
      });
    };
    const shared = { execute };
    this.loop = new PollLoop({
      onExecuted: (end, ms) => this.executed.push([end, Math.round(ms)]),
      taskType: 'greet',
      domain: 'eu',
      workerId: 'w-1',
      concurrency,
      pollIntervalMs: INTERVAL_MS,
      isPaused: () => this.isPaused,
      client,
      runner: new TaskRunner({
        source: { shared, acquire: () => Promise.reject(new Error('not used')) },
        workerId: 'w-1',
        logger,
        executionTimeout: undefined,
        onProgress: () => undefined,
      }),
      delivery: new Delivery({ client, logger }),
      reporter,
      gate: new ExclusiveGate(),
      logger,
    });
  }

  start(): this {
    this.#run = this.loop.run().then(() => void (this.hasReturned = true));
    return this;
  }

  /** Lets time go by, with everything that happens in it. */
  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** Starts, and passes the first short poll that finds nothing: a long one waits at the server. */
  async startIdle(): Promise<this> {
    this.start();
    await this.pass(INTERVAL_MS + 50);
    if (this.client.polls.at(-1)?.timeoutMs !== LONG_MS) throw new Error('no long poll waits');
    return this;
  }

  get running(): string[] {
    return [...this.#open.keys()];
  }

  async end(taskId: string, value: unknown = {}): Promise<void> {
    const { end } = this.#open.get(taskId)!;
    this.#open.delete(taskId);
    end(value);
    await this.pass(1);
  }

  /** Starts, and ends the first task, whose update waits at the server. @returns answers it with the next task */
  async endWaitingForNext(taskId: string): Promise<(task: Task) => void> {
    let bringNext!: (task: Task) => void;
    this.client.answers.updateAndPoll = () => new Promise((resolve) => (bringNext = resolve));
    this.start();
    await this.pass(INTERVAL_MS);
    await this.end(taskId);
    return bringNext;
  }

  signalOf(taskId: string): AbortSignal {
    return this.#open.get(taskId)!.signal;
  }

  async stopped(): Promise<void> {
    this.loop.stop();
    for (const taskId of this.running) await this.end(taskId);
    await this.pass(LONG_MS);
    await this.#run;
  }

  /** Status of each result that the server got, by task. */
  get statuses(): Record<string, string> {
    return Object.fromEntries(this.client.results.map((result) => [result.taskId, result.status]));
  }
}

const tasks = (...ids: string[]): Task[] => ids.map((id) => makeTask(id));

describe('a task that fails', () => {
  const warnings = (bench: Bench): unknown[] =>
    bench.logger.entries.filter(({ level }) => level === 'warn').map(({ fields }) => fields['taskId']);

  it('is logged once, and one that is cancelled is not logged as failed', async () => {
    const bench = new Bench(3).start();
    bench.client.push(...tasks('declined', 'cancelled', 'done'));
    await bench.pass(INTERVAL_MS);
    bench.loop.cancel('cancelled', 'the workflow has ended');
    for (const taskId of ['declined', 'cancelled'])
      await bench.end(taskId, { status: 'FAILED', reasonForIncompletion: taskId });
    await bench.end('done');
    await bench.stopped();
    expect(bench.statuses).toEqual({ declined: 'FAILED', done: 'COMPLETED' });
    expect(bench.logger.at('warn')).toEqual([
      'a task failed',
      'the result of a task is dropped: the task is over on the server',
    ]);
    expect(warnings(bench)).toEqual(['declined', 'cancelled']);
  });
});

describe('polling', () => {
  it('asks for all free places at once, then waits at the server with a long poll for one task', async () => {
    const bench = new Bench(5).start();
    await bench.pass(INTERVAL_MS + 50);
    expect(bench.client.polls).toEqual([
      expect.objectContaining({ taskType: 'greet', domain: 'eu', workerId: 'w-1', count: 5 }),
      expect.objectContaining({
        taskType: 'greet',
        domain: 'eu',
        workerId: 'w-1',
        count: 1,
        timeoutMs: LONG_MS,
      }),
    ]);
    expect(bench.client.polls[0]!.timeoutMs).toBeLessThanOrEqual(100);
    await bench.stopped();
  });

  it('goes on when the clock is set back', async () => {
    const bench = await new Bench(5).startIdle();
    vi.setSystemTime(Date.now() - 3_600_000);
    await bench.pass(LONG_MS * 2 + 10);
    expect(bench.client.polls.slice(1)).toHaveLength(3);
    await bench.stopped();
  });

  it('stays with one long poll after the other while nothing comes', async () => {
    const bench = await new Bench(5).startIdle();
    await bench.pass(LONG_MS * 4 + 10);
    const idle = bench.client.polls.slice(1);
    expect(idle).toHaveLength(5);
    for (const poll of idle) expect(poll).toMatchObject({ count: 1, timeoutMs: LONG_MS });
    await bench.stopped();
  });

  it('after a hit fills exactly the other free places, by a poll that does not wait', async () => {
    const bench = await new Bench(5).startIdle();
    const before = bench.client.polls.length;
    bench.client.push(...tasks('a', 'b', 'c'));
    await bench.pass(5);
    expect(bench.running).toEqual(['a', 'b', 'c']);
    const [fill, idle] = bench.client.polls.slice(before);
    expect(fill).toMatchObject({ count: 4 });
    expect(fill!.timeoutMs).toBeLessThanOrEqual(100);
    // Two were fewer than it asked for, so it asks once more, and then waits.
    expect(idle).toMatchObject({ count: 2 });
    expect(bench.client.polls.at(-1)).toMatchObject({ count: 1, timeoutMs: LONG_MS });
    await bench.stopped();
  });

  it.each([1, 2, 3, 7])(
    'never runs more than %i tasks, and never asks for more than are free',
    async (concurrency) => {
      const bench = new Bench(concurrency);
      const all = Array.from({ length: 25 }, (_, index) => makeTask(`t-${index}`));
      bench.client.push(...all);
      bench.start();
      while (bench.begun.length < all.length || bench.running.length > 0) {
        await bench.pass(INTERVAL_MS + 1);
        const [first] = bench.running;
        if (first !== undefined) await bench.end(first);
      }
      expect(bench.mostAtOnce).toBe(concurrency);
      for (const poll of bench.client.polls) expect(poll.count).toBeLessThanOrEqual(concurrency);
      await bench.stopped();
      expect(Object.keys(bench.statuses)).toHaveLength(25);
      expect(new Set(bench.begun).size).toBe(25);
    },
  );

  it('does not poll at all while every place is taken, and at once when one is free', async () => {
    const bench = new Bench(2);
    bench.client.push(...tasks('a', 'b'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    const polls = bench.client.polls.length;
    await bench.pass(60_000);
    expect(bench.client.polls).toHaveLength(polls);
    bench.client.canChain = false;
    await bench.end('a');
    expect(bench.client.polls[polls]).toMatchObject({ count: 1 });
    await bench.stopped();
  });

  it('is not hurried by a server that answers empty long polls at once', async () => {
    const bench = new Bench(1);
    bench.client.answers.poll = () => Promise.resolve([]);
    bench.start();
    await bench.pass(60_000);
    // An interval of 100 ms alone would be 600 polls.
    expect(bench.client.polls.length).toBeGreaterThan(30);
    expect(bench.client.polls.length).toBeLessThan(120);
    await bench.stopped();
  });

  it('asks less and less often where an empty queue is answered at once, and at once after the first task', async () => {
    const bench = new Bench(1, { instantly: true });
    bench.client.canChain = false;
    const times: number[] = [];
    let waiting: Task[] = [];
    let cameAt = 0;
    bench.client.answers.poll = () => {
      const answer = waiting.splice(0);
      if (answer.length > 0) cameAt = times.length;
      times.push(Date.now());
      return Promise.resolve(answer);
    };
    const gaps = (): number[] => times.slice(1).map((time, index) => time - times[index]!);
    bench.start();
    await bench.pass(20_000);
    expect(gaps()[2]).toBeLessThanOrEqual(INTERVAL_MS * 1.1 + 1);
    expect(gaps().at(-1)).toBeGreaterThanOrEqual(INTERVAL_MS * 10);
    waiting = tasks('a');
    await bench.pass(INTERVAL_MS * 20);
    expect(bench.begun).toEqual(['a']);
    // As often as at the beginning again.
    for (const gap of gaps().slice(cameAt, cameAt + 4))
      expect(gap).toBeLessThanOrEqual(INTERVAL_MS * 1.1 + 1);
    await bench.stopped();
  });

  it('counts what it sees, for status()', async () => {
    const bench = await new Bench(1).startIdle();
    expect(bench.loop.stats).toMatchObject({ polls: 1, failuresInARow: 0, lastPollError: undefined });
    expect(bench.loop.stats.lastPollAt).toBeGreaterThan(0);
    await bench.stopped();
  });
});

describe('started before run', () => {
  it('no code begins before the orchestrator was told', async () => {
    const bench = new Bench(2);
    let written!: () => void;
    bench.reporter.writing = new Promise((resolve) => (written = resolve));
    bench.client.push(...tasks('a', 'b'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    expect(bench.reporter.events).toEqual(['started a b']);
    expect(bench.begun).toEqual([]);
    written();
    await bench.pass(0);
    expect(bench.begun).toEqual(['a', 'b']);
    await bench.stopped();
    expect(bench.reporter.events).toContain('finished a COMPLETED');
  });

  it('a chained task is told as well before its code begins', async () => {
    const bench = new Bench(1, { instantly: true });
    bench.client.push(...tasks('a', 'b', 'c'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    expect(bench.begun).toEqual(['a', 'b', 'c']);
    const { events } = bench.reporter;
    for (const id of ['a', 'b', 'c']) {
      expect(events.indexOf(`started ${id}`)).toBeLessThan(events.indexOf(`finished ${id} COMPLETED`));
    }
    await bench.stopped();
  });
});

describe('chaining', () => {
  it('while the queue is full, each update brings the next task', async () => {
    const bench = new Bench(1, { instantly: true });
    bench.client.push(...tasks('a', 'b', 'c', 'd'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    expect(bench.client.chained.map((result) => result.taskId)).toEqual(['a', 'b', 'c', 'd']);
    expect(bench.client.updates).toEqual([]);
    await bench.stopped();
  });

  it('while the queue is nearly empty, an update is only an update: nothing waits at the server', async () => {
    const bench = await new Bench(3).startIdle();
    bench.client.push(...tasks('a'));
    await bench.pass(5);
    await bench.end('a');
    expect(bench.client.updates.map((result) => result.taskId)).toEqual(['a']);
    expect(bench.client.chained).toEqual([]);
    await bench.stopped();
  });

  it('a task that an update brings after the worker was paused is run, not dropped', async () => {
    const bench = new Bench(1);
    bench.client.push(...tasks('a'));
    const bringNext = await bench.endWaitingForNext('a');
    bench.isPaused = true;
    bringNext(makeTask('next'));
    await bench.pass(0);
    expect(bench.running).toEqual(['next']);
    await bench.end('next');
    expect(bench.statuses).toEqual({ a: 'COMPLETED', next: 'COMPLETED' });
    // The last one asked for nothing more.
    expect(bench.client.chained.map((result) => result.taskId)).toEqual(['a']);
    await bench.stopped();
  });

  it('is not tried on a server without update-v2', async () => {
    const bench = new Bench(1, { instantly: true });
    bench.client.canChain = false;
    bench.client.push(...tasks('a', 'b', 'c'));
    bench.start();
    await bench.pass(INTERVAL_MS * 5);
    expect(bench.client.updates.map((result) => result.taskId)).toEqual(['a', 'b', 'c']);
    expect(bench.client.chained).toEqual([]);
    await bench.stopped();
  });

  it('ends when the worker is paused: the task that runs is reported without asking for another', async () => {
    const bench = new Bench(1);
    bench.client.push(...tasks('a', 'b'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.isPaused = true;
    await bench.end('a');
    await bench.pass(10_000);
    expect(bench.client.updates.map((result) => result.taskId)).toEqual(['a']);
    expect(bench.begun).toEqual(['a']);
    expect(bench.client.queued).toBe(1);
    await bench.stopped();
  });
});

describe('pause', () => {
  it('no poll while paused, and polls again afterwards', async () => {
    const bench = new Bench(1);
    bench.isPaused = true;
    bench.start();
    await bench.pass(30_000);
    expect(bench.client.polls).toEqual([]);
    bench.isPaused = false;
    await bench.pass(INTERVAL_MS * 2);
    expect(bench.client.polls.length).toBeGreaterThan(0);
    await bench.stopped();
  });

  it('stops while paused', async () => {
    const bench = new Bench(1);
    bench.isPaused = true;
    bench.start();
    await bench.pass(INTERVAL_MS * 3);
    bench.loop.stop();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
  });
});

describe('stop', () => {
  it('before the first poll: none is made', async () => {
    const bench = new Bench(1).start();
    bench.loop.stop();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
    expect(bench.client.polls).toEqual([]);
  });

  it('during a long poll: it is awaited, and what it brings is given back, not run', async () => {
    const bench = await new Bench(1).startIdle();
    bench.loop.stop();
    await bench.pass(100);
    expect(bench.hasReturned).toBe(false);
    bench.client.push(makeTask('late', { outputData: { page: 3 } }));
    await bench.pass(10);
    expect(bench.hasReturned).toBe(true);
    expect(bench.begun).toEqual([]);
    // Output of an earlier poll of the same attempt stays.
    expect(bench.client.updates).toEqual([
      expect.objectContaining({
        taskId: 'late',
        status: 'IN_PROGRESS',
        callbackAfterSeconds: 0,
        outputData: { page: 3 },
      }),
    ]);
    expect(bench.reporter.events).toContain('finished late HANDED_BACK');
  });

  it('during a long poll on a server that notices dropped polls: at once', async () => {
    const bench = new Bench(1);
    bench.client.isAbortable = true;
    await bench.startIdle();
    bench.loop.stop();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
    expect(bench.logger.at('warn')).toEqual([]);
  });

  it('while a poll waits for a token: at once, for it can bring nothing', async () => {
    const bench = new Bench(1);
    bench.client.answers.poll = ({ unsentSignal }) =>
      new Promise((_, reject) => {
        unsentSignal?.addEventListener('abort', () => reject(unsentSignal.reason as Error));
      });
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.loop.stop();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
    expect(bench.logger.at('warn')).toEqual([]);
    expect(bench.reporter.events).toEqual([]);
  });

  it('between poll and start: the tasks are given back', async () => {
    const bench = new Bench(2);
    let written!: () => void;
    bench.reporter.writing = new Promise((resolve) => (written = resolve));
    bench.client.push(...tasks('a', 'b'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.loop.stop();
    written();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
    expect(bench.begun).toEqual([]);
    expect(bench.statuses).toEqual({ a: 'IN_PROGRESS', b: 'IN_PROGRESS' });
    expect(bench.reporter.events).toEqual(
      expect.arrayContaining(['finished a HANDED_BACK', 'finished b HANDED_BACK']),
    );
  });

  it('while tasks run: they finish, and their results ask for nothing more', async () => {
    const bench = new Bench(2);
    bench.client.push(...tasks('a', 'b', 'c'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.loop.stop();
    await bench.end('a');
    expect(bench.hasReturned).toBe(false);
    await bench.end('b');
    expect(bench.hasReturned).toBe(true);
    expect(bench.client.updates.map((result) => result.taskId)).toEqual(['a', 'b']);
    expect(bench.client.chained).toEqual([]);
    expect(bench.client.queued).toBe(1);
  });

  it('while an update waits for the next task: that task is given back, never dropped', async () => {
    const bench = new Bench(1);
    bench.client.push(...tasks('a'));
    const bringNext = await bench.endWaitingForNext('a');
    expect(bench.client.chained).toHaveLength(1);
    bench.loop.stop();
    bringNext(makeTask('next'));
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
    expect(bench.begun).toEqual(['a']);
    expect(bench.statuses).toEqual({ a: 'COMPLETED', next: 'IN_PROGRESS' });
    expect(bench.reporter.events).toContain('finished next HANDED_BACK');
  });

  it('while it waits after an error: at once', async () => {
    const bench = new Bench(1);
    bench.client.answers.poll = () => Promise.reject(new Error('down'));
    bench.start();
    await bench.pass(20_000);
    bench.loop.stop();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
  });

  it('more than once is no harm', async () => {
    const bench = await new Bench(1).startIdle();
    bench.loop.stop();
    bench.loop.stop();
    await bench.pass(LONG_MS);
    expect(bench.hasReturned).toBe(true);
  });

  it('a task that was told to end and obeys is reported', async () => {
    const bench = new Bench(1);
    bench.client.push(...tasks('a'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.loop.stop();
    bench.loop.abortTasks('the application stops');
    expect(bench.signalOf('a')).toMatchObject({ aborted: true, reason: { code: 'TASK_ABORTED' } });
    await bench.end('a', { partial: true });
    expect(bench.hasReturned).toBe(true);
    expect(bench.statuses).toEqual({ a: 'COMPLETED' });
  });
});

describe('errors', () => {
  const request = { method: 'GET', path: '/tasks/poll/batch/greet' };

  /** Milliseconds between the starts of polls. */
  async function gapsOf(error: unknown, forMs: number): Promise<number[]> {
    const bench = new Bench(1);
    const times: number[] = [];
    bench.client.answers.poll = () => {
      times.push(Date.now());
      return Promise.reject(error);
    };
    bench.start();
    await bench.pass(forMs);
    await bench.stopped();
    return times.slice(1).map((time, index) => time - times[index]!);
  }

  it('back off, further and further, up to a limit', async () => {
    const gaps = await gapsOf(new HttpError('HTTP_NETWORK', 'no answer', request), 300_000);
    expect(gaps[0]).toBeLessThanOrEqual(250);
    expect(gaps[4]).toBeGreaterThan(gaps[0]! * 4);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
    expect(gaps.length).toBeLessThan(30);
  });

  it('refused credentials back off slower', async () => {
    const gaps = await gapsOf(new HttpError('HTTP_AUTH', 'refused', { ...request, status: 401 }), 60_000);
    expect(gaps[0]).toBeGreaterThanOrEqual(800);
  });

  it('one good answer lets the back-off begin anew, that of refused credentials too', async () => {
    const bench = new Bench(1);
    const times: number[] = [];
    let isRefused = true;
    bench.client.answers.poll = () => {
      times.push(Date.now());
      return isRefused
        ? Promise.reject(new HttpError('HTTP_AUTH', 'refused', { ...request, status: 401 }))
        : Promise.resolve([]);
    };
    bench.start();
    await bench.pass(60_000);
    const longest = times.at(-1)! - times.at(-2)!;
    isRefused = false;
    // The longest pause.
    await bench.pass(61_000);
    expect(bench.loop.stats.failuresInARow).toBe(0);
    isRefused = true;
    const from = times.length;
    await bench.pass(INTERVAL_MS * 12 + 2_000);
    const [first, second] = times.slice(from);
    expect(longest).toBeGreaterThan(10_000);
    expect(second! - first!).toBeLessThanOrEqual(1_000);
    await bench.stopped();
  });

  it('Retry-After is obeyed', async () => {
    const busy = new HttpError('HTTP_STATUS', 'busy', { ...request, status: 429, retryAfterMs: 7_000 });
    expect((await gapsOf(busy, 30_000))[0]).toBeGreaterThanOrEqual(7_000);
  });

  it('are logged when they are news, and their end too; the orchestrator is told', async () => {
    const bench = new Bench(1);
    bench.client.answers.poll = () => Promise.reject(new Error('down'));
    bench.start();
    await bench.pass(10_000);
    expect(bench.logger.at('warn')).toEqual(['a poll failed; trying again']);
    expect(bench.loop.stats).toMatchObject({ lastPollError: 'down' });
    expect(bench.loop.stats.failuresInARow).toBeGreaterThan(3);
    expect(bench.reporter.events).toContain('uncertain');
    delete bench.client.answers.poll;
    await bench.pass(40_000);
    expect(bench.logger.at('info')).toContain('polls succeed again');
    expect(bench.loop.stats).toMatchObject({ lastPollError: undefined, failuresInARow: 0 });
    await bench.stopped();
  });

  it('take no place away', async () => {
    const bench = new Bench(2);
    bench.client.answers.poll = () => Promise.reject(new Error('down'));
    bench.start();
    await bench.pass(30_000);
    delete bench.client.answers.poll;
    bench.client.push(...tasks('a', 'b'));
    await bench.pass(40_000);
    expect(bench.running).toEqual(['a', 'b']);
    await bench.stopped();
  });
});

describe('a server that gives more than it was asked for', () => {
  it('gets the rest back', async () => {
    const bench = new Bench(2);
    bench.client.answers.poll = () => {
      delete bench.client.answers.poll;
      return Promise.resolve(tasks('a', 'b', 'c', 'd'));
    };
    bench.start();
    await bench.pass(INTERVAL_MS);
    expect(bench.running).toEqual(['a', 'b']);
    expect(bench.statuses).toEqual({ c: 'IN_PROGRESS', d: 'IN_PROGRESS' });
    await bench.stopped();
    expect(bench.begun).toEqual(['a', 'b']);
  });

  it('has it back before the loop is over', async () => {
    const bench = new Bench(1);
    let take!: () => void;
    const taken = new Promise<void>((resolve) => (take = resolve));
    bench.client.answers.update = ({ taskId }) => (taskId === 'b' ? taken : Promise.resolve());
    bench.client.answers.poll = () => {
      delete bench.client.answers.poll;
      return Promise.resolve(tasks('a', 'b'));
    };
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.loop.stop();
    await bench.end('a');
    await bench.pass(100);
    expect(bench.hasReturned).toBe(false);
    take();
    await bench.pass(0);
    expect(bench.hasReturned).toBe(true);
  });
});

describe('a task that runs already', () => {
  it('is not run a second time, and takes no place', async () => {
    const bench = new Bench(1);
    bench.reporter.runningElsewhere.add('twin');
    bench.client.push(makeTask('twin', { pollCount: 2 }));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.client.push(makeTask('other'));
    await bench.pass(INTERVAL_MS + 100);
    expect(bench.begun).toEqual(['other']);
    expect(bench.reporter.events.filter((event) => event === 'duplicate')).toHaveLength(1);
    await bench.stopped();
  });

  it('is not run a second time when a poll is answered twice, or has it twice in one answer', async () => {
    const bench = new Bench(3);
    // What a proxy sends once more looks as new as the first time.
    bench.client.push(...tasks('a', 'a'));
    bench.start();
    await bench.pass(INTERVAL_MS);
    bench.client.push(...tasks('a', 'b'));
    await bench.pass(INTERVAL_MS + 100);
    expect(bench.begun).toEqual(['a', 'b']);
    expect(bench.reporter.events.filter((event) => event === 'duplicate')).toHaveLength(2);
    await bench.end('a');
    await bench.end('b');
    // Nothing was given back that runs, and no place is lost.
    expect(bench.client.results.map(({ taskId, status }) => [taskId, status])).toEqual([
      ['a', 'COMPLETED'],
      ['b', 'COMPLETED'],
    ]);
    bench.client.push(...tasks('c', 'd', 'e'));
    await bench.pass(LONG_MS);
    expect(bench.running).toEqual(['c', 'd', 'e']);
    await bench.stopped();
  });

  it('does not make the loop ask without a pause when nothing else comes', async () => {
    const bench = new Bench(2);
    bench.client.answers.poll = () => Promise.resolve(tasks('a'));
    bench.start();
    await bench.pass(60_000);
    expect(bench.begun).toEqual(['a']);
    expect(bench.client.polls.length).toBeLessThan(120);
    await bench.stopped();
  });

  it.each([1, 3])(
    'does not make the loop ask without a pause when it was handed out before, with %i places',
    async (places) => {
      const bench = new Bench(places);
      bench.reporter.runningElsewhere.add('a');
      bench.client.answers.poll = () => Promise.resolve([makeTask('a', { pollCount: 2 })]);
      bench.start();
      await bench.pass(60_000);
      expect(bench.begun).toEqual([]);
      expect(bench.client.polls.length).toBeLessThan(200);
      delete bench.client.answers.poll;
      bench.client.push(...tasks('b'));
      await bench.pass(LONG_MS);
      expect(bench.begun).toEqual(['b']);
      await bench.stopped();
    },
  );

  it('is not run a second time when the answer to its own result brings it once more', async () => {
    const bench = new Bench(1, { instantly: true });
    bench.client.push(...tasks('a', 'b'));
    bench.client.answers.updateAndPoll = ({ taskId }) => Promise.resolve(makeTask(taskId));
    bench.start();
    await bench.pass(1_000);
    expect(bench.begun).toEqual(['a', 'b']);
    expect(bench.statuses).toEqual({ a: 'COMPLETED', b: 'COMPLETED' });
    await bench.stopped();
  });

  it('is not given back as surplus when an answer has it twice', async () => {
    const bench = await new Bench(1).startIdle();
    bench.client.answers.poll = () => {
      delete bench.client.answers.poll;
      return Promise.resolve(tasks('a', 'a'));
    };
    await bench.pass(LONG_MS);
    expect(bench.begun).toEqual(['a']);
    expect(bench.client.updates).toEqual([]);
    await bench.stopped();
    expect(bench.statuses).toEqual({ a: 'COMPLETED' });
  });
});

test('results are by the id of the process, whatever the worker says', async () => {
  const bench = new Bench(1);
  bench.client.push(makeTask('a', { workerId: 'somebody' }));
  bench.start();
  await bench.pass(INTERVAL_MS);
  await bench.end('a', {
    taskId: 'x',
    workflowInstanceId: 'y',
    status: 'COMPLETED',
    outputData: {},
    workerId: 'me',
  });
  expect(bench.client.results[0]).toMatchObject({
    taskId: 'a',
    workflowInstanceId: 'workflow-1',
    workerId: 'w-1',
  });
  await bench.stopped();
});

describe('a task of another type', () => {
  const foreign = (taskId: string): Task => makeTask(taskId, { taskType: 'pay', taskDefName: 'pay' });

  it('in the answer to a poll is handed back, not executed; the next poll waits', async () => {
    const bench = await new Bench(2).startIdle();
    bench.client.push(foreign('t-1'));
    await bench.pass(10);
    expect(bench.client.updates).toMatchObject([
      { taskId: 't-1', status: 'IN_PROGRESS', callbackAfterSeconds: 0 },
    ]);
    expect(bench.begun).toEqual([]);
    expect(bench.logger.at('error').join()).toContain('the server sent a task of another type');
    // A server that sends nothing else is not asked again and again.
    const { length } = bench.client.polls;
    bench.client.answers.poll = () => Promise.resolve([foreign('t-1')]);
    await bench.pass(INTERVAL_MS * 10);
    expect(bench.client.polls.length).toBeLessThan(length + 12);
    delete bench.client.answers.poll;
    bench.client.push(makeTask('t-2'));
    await bench.pass(LONG_MS);
    expect(bench.begun).toEqual(['t-2']);
  });

  it('in the answer to an update is handed back', async () => {
    const bench = new Bench(1);
    bench.client.push(makeTask('t-1'), makeTask('t-2'));
    bench.client.answers.updateAndPoll = () => Promise.resolve(foreign('t-3'));
    bench.start();
    await bench.pass(INTERVAL_MS + 50);
    await bench.end('t-1');
    await bench.pass(10);
    expect(bench.client.updates).toMatchObject([{ taskId: 't-3', status: 'IN_PROGRESS' }]);
    await bench.pass(INTERVAL_MS * 2);
    expect(bench.begun).toEqual(['t-1', 't-2']);
  });

  it('is executed when its definition has the name that was polled', async () => {
    const bench = await new Bench(1).startIdle();
    bench.client.push(makeTask('t-1', { taskType: 'SIMPLE' }));
    await bench.pass(10);
    expect(bench.begun).toEqual(['t-1']);
  });
});

it('reports how long the code of each task ran, and what came of it', async () => {
  const bench = new Bench(2);
  bench.client.push(makeTask('done'), makeTask('cancelled'));
  bench.start();
  await bench.pass(INTERVAL_MS);
  await bench.pass(250);
  expect(bench.executed).toEqual([]);
  const { length } = bench.begun;
  expect(length).toBe(2);
  await bench.end('done');
  bench.loop.cancel('cancelled', 'the workflow has ended');
  await bench.end('cancelled');
  expect(bench.executed.map(([end]) => end)).toEqual(['COMPLETED', 'CANCELLED']);
  for (const [, ms] of bench.executed) {
    expect(ms).toBeGreaterThanOrEqual(250);
    expect(ms).toBeLessThan(250 + 2 * INTERVAL_MS);
  }
});
