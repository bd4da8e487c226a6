import { describeThrown } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { sleep } from '../core/sleep.js';
import type { TaskClient } from '../conductor/task-client.js';
import type { Task } from '../conductor/types.js';
import type { Delivery } from './delivery.js';
import { delayAfterPollError, idlePollGap } from './poll-backoff.js';
import type { TaskReporter } from './task-reporter.js';
import type { RunningTask, TaskRunner } from './task-runner.js';

/** The longest wait that the server allows (conductor: `ExecutionService`, "cannot be more than 5 seconds"). */
const LONG_POLL_MS = 5_000;
/** A batch poll waits until it is full, so a poll for the rest of the slots must not wait. */
const SHORT_POLL_MS = 1;
/** Processes that start together make their first polls spread over so many milliseconds. */
const START_SPREAD_MS = 100;

export interface PollLoopOptions {
  readonly taskType: string;
  readonly domain: string | undefined;
  readonly workerId: string;
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  readonly isPaused: () => boolean;
  readonly client: TaskClient;
  readonly runner: TaskRunner;
  readonly delivery: Delivery;
  readonly reporter: TaskReporter;
  readonly logger: Logger;
}

/** What a loop has seen of the server, for `status()`. Times are epoch milliseconds, 0 = never. */
export interface PollStats {
  polls: number;
  tasks: number;
  lastPollAt: number;
  lastPollError: string | undefined;
  failuresInARow: number;
}

/**
 * Polls tasks of one type and keeps up to `concurrency` of them running.
 *
 * Idle, one long poll with count 1 waits at the server; after a hit the other free slots are filled at once by a
 * short batch poll for exactly their number. A batch poll for more would be kept waiting by the server until it is
 * full. A poll under way is never dropped on a server that would lose the tasks with it.
 */
export class PollLoop {
  readonly #options: PollLoopOptions;
  readonly #running = new Set<RunningTask>();
  readonly #stop = new AbortController();
  readonly #pollAbort = new AbortController();
  readonly stats: PollStats = {
    polls: 0,
    tasks: 0,
    lastPollAt: 0,
    lastPollError: undefined,
    failuresInARow: 0,
  };
  /** Slots that are taken: by a running task, or by a poll that may bring one. */
  #taken = 0;
  #wakeUp: () => void = () => undefined;
  #mode: 'short' | 'long' = 'short';
  #earlyEmpty = 0;
  /** The queue is probably not empty: then it pays to ask for the next task with each update. */
  #isBusy = false;
  #isAbortable = false;
  #allDone: (() => void) | undefined;

  constructor(options: PollLoopOptions) {
    this.#options = options;
  }

  /** Polls until {@link stop}, then resolves when every task has ended and its result is delivered. */
  async run(): Promise<void> {
    await sleep(Math.random() * Math.min(START_SPREAD_MS, this.#options.pollIntervalMs), this.#stop.signal);
    while (!this.#stop.signal.aborted) {
      if (this.#options.isPaused()) await sleep(this.#options.pollIntervalMs, this.#stop.signal);
      else if (this.#taken >= this.#options.concurrency) await this.#slotFreed();
      else await this.#pollOnce();
    }
    if (this.#running.size > 0 || this.#taken > 0)
      await new Promise<void>((resolve) => (this.#allDone = resolve));
  }

  /** No poll begins any more. What a poll under way brings is given back; running tasks go on. */
  stop(): void {
    this.#stop.abort();
    if (this.#isAbortable) this.#pollAbort.abort();
    this.#wakeUp();
  }

  /** Tells every running task to end. */
  abortTasks(reason: string): void {
    for (const running of this.#running) running.abort(reason);
  }

  get inFlight(): number {
    return this.#running.size;
  }

  async #slotFreed(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wakeUp = resolve));
  }

  async #pollOnce(): Promise<void> {
    const { taskType, domain, workerId, concurrency, client, delivery } = this.#options;
    const isLong = this.#mode === 'long';
    const count = isLong ? 1 : concurrency - this.#taken;
    const timeoutMs = isLong ? LONG_POLL_MS : SHORT_POLL_MS;
    const startedAt = Date.now();
    this.#taken += count;
    let tasks: Task[] = [];
    let error: unknown;
    try {
      const signal = this.#pollAbort.signal;
      const answer = await client.poll({ taskType, domain, workerId, count, timeoutMs, signal });
      this.#isAbortable = answer.isAbortable;
      tasks = answer.tasks;
      this.#succeeded(startedAt);
    } catch (thrown) {
      error = thrown;
    }
    this.#taken -= count;
    if (error !== undefined) return this.#failed(error);
    if (tasks.length > 0) {
      this.stats.tasks += tasks.length;
      this.#isBusy = !isLong && tasks.length >= count;
      this.#mode = 'short';
      this.#earlyEmpty = 0;
      // A server that gives more than was asked for must not bring the process above its capacity.
      for (const extra of tasks.slice(count)) void delivery.handBack(extra, workerId);
      await this.#begin(tasks.slice(0, count));
    } else if (isLong) {
      this.#earlyEmpty = Date.now() - startedAt < LONG_POLL_MS / 2 ? this.#earlyEmpty + 1 : 0;
      const gapMs = idlePollGap(this.#options.pollIntervalMs, this.#earlyEmpty);
      await sleep(startedAt + gapMs - Date.now(), this.#stop.signal);
    } else {
      this.#isBusy = false;
      this.#mode = 'long';
    }
  }

  #succeeded(startedAt: number): void {
    if (this.stats.failuresInARow > 0) {
      this.#options.logger.info('polls succeed again', { failures: this.stats.failuresInARow });
    }
    this.stats.polls++;
    this.stats.lastPollAt = startedAt;
    this.stats.failuresInARow = 0;
    this.stats.lastPollError = undefined;
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const failures = ++this.stats.failuresInARow;
    const message = describeThrown(error);
    const delayMs = delayAfterPollError(error, failures);
    // The first of a kind is news; afterwards once in a while is enough.
    const isNews = message !== this.stats.lastPollError || failures % 20 === 0;
    this.#options.logger.log(isNews ? 'warn' : 'debug', 'a poll failed; trying again', {
      error: message,
      failures,
      delayMs,
    });
    this.stats.lastPollError = message;
    await sleep(delayMs, this.#stop.signal);
  }

  /** Reports the tasks and starts them; resolves when all have been started, not when they have ended. */
  async #begin(tasks: readonly Task[]): Promise<void> {
    this.#taken += tasks.length;
    await this.#options.reporter.started(tasks);
    for (const task of tasks) void this.#occupySlot(task);
  }

  /** One slot from a task to its last chained successor. */
  async #occupySlot(first: Task): Promise<void> {
    let task: Task | undefined = first;
    while (task !== undefined) {
      const next: Task | undefined = await this.#runOne(task);
      if (next !== undefined) {
        this.stats.tasks++;
        await this.#options.reporter.started([next]);
      }
      task = next;
    }
    this.#taken--;
    this.#wakeUp();
    if (this.#taken === 0 && this.#running.size === 0) this.#allDone?.();
  }

  async #runOne(task: Task): Promise<Task | undefined> {
    const { delivery, runner, reporter, workerId } = this.#options;
    if (this.#stop.signal.aborted) {
      const { end } = await delivery.handBack(task, workerId);
      reporter.finished(task.taskId, end);
      return undefined;
    }
    const running = runner.start(task);
    this.#running.add(running);
    const result = await running.result;
    const isChaining = running.hasEnded && this.#mayChain();
    const { end, next } = await delivery.deliver(result, isChaining);
    reporter.finished(task.taskId, end);
    await running.ended;
    this.#running.delete(running);
    if (isChaining) this.#isBusy = next !== undefined;
    return next;
  }

  /** While idle, asking for the next task would only keep the slot waiting at the server. */
  #mayChain(): boolean {
    const { client, isPaused } = this.#options;
    return this.#isBusy && client.canChain && !this.#stop.signal.aborted && !isPaused();
  }
}
