import { describeThrown } from '../../core/errors.js';
import { LogLimiter } from '../../core/log-limiter.js';
import type { Logger } from '../../core/logger.js';
import { sleep } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { Task } from '../../conductor/wire/types.js';
import type { Delivery } from '../delivery/delivery.js';
import type { ExclusiveGate } from './exclusive-gate.js';
import { delayAfterPollError, idlePollGap } from './poll-backoff.js';
import { isOfType } from '../execution/task-fields.js';
import type { TaskEnd, TaskReporter } from '../execution/task-reporter.js';
import type { TaskRunner } from '../execution/task-runner.js';
import { isNew, TaskSlots } from './task-slots.js';
import { TurnWatch } from './turn-watch.js';

/** The longest wait that the server allows (conductor: `ExecutionService`, "cannot be more than 5 seconds"). */
const LONG_POLL_MS = 5_000;
/** A batch poll waits until it is full, so a poll for the rest of the slots must not wait. */
const SHORT_POLL_MS = 1;
/** While a suspect is alone or waits for it, it is looked this often whether that is over. */
const GATE_CHECK_MS = 20;
/** Processes that start together make their first polls spread over so many milliseconds. */
const START_SPREAD_MS = 100;
/** How long a request may take beside the waiting at the server, when nothing else is said. */
const REQUEST_LIMIT_MS = 12_000;
/** How long it may take to find out whether a task that was delivered before may be run, and to tell of it. */
const BEGIN_LIMIT_MS = 40_000;

export interface PollLoopOptions {
  /** The server has answered for the first time. */
  readonly onFirstPoll?: () => void;
  /** The code of a task has run for so long, and this came of it. */
  readonly onExecuted?: (end: TaskEnd, ms: number) => void;
  readonly taskType: string;
  readonly domain: string | undefined;
  readonly workerId: string;
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  readonly isPaused: () => boolean;
  /** Longest time of a poll without the waiting at the server, in milliseconds; beyond it the loop is taken for stuck. */
  readonly requestLimitMs?: number;
  readonly client: TaskClient;
  readonly runner: TaskRunner;
  readonly delivery: Delivery;
  readonly reporter: TaskReporter;
  readonly gate: ExclusiveGate;
  readonly logger: Logger;
}

/** What can be changed while a loop runs. */
export interface LoopTuning {
  readonly concurrency?: number | undefined;
  readonly pollIntervalMs?: number | undefined;
}

/** What a loop has seen of the server, for `status()`. Times are epoch milliseconds, 0 = never. */
export interface PollStats {
  polls: number;
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
  readonly #slots: TaskSlots;
  readonly #stop = new AbortController();
  readonly #pollAbort = new AbortController();
  readonly #stats: PollStats = { polls: 0, lastPollAt: 0, lastPollError: undefined, failuresInARow: 0 };
  /** Tasks on their way back that were never asked for. */
  readonly #surplus = new Set<Promise<unknown>>();
  readonly #turns = new TurnWatch();
  readonly #foreigners = new LogLimiter();
  #pollIntervalMs: number;
  #wakeUp: () => void = () => undefined;
  #nap: AbortController | undefined;
  #mode: 'short' | 'long' = 'short';
  #earlyEmpty = 0;
  /** When the last poll began, by `performance.now()`. */
  #startedTick = 0;
  #isAbortable = false;

  constructor(options: PollLoopOptions) {
    this.#options = options;
    this.#pollIntervalMs = options.pollIntervalMs;
    this.#slots = new TaskSlots({
      ...options,
      onForeign: (task) => this.#handForeignBack(task),
      onFreed: () => this.#wakeUp(),
    });
  }

  get stats(): Readonly<PollStats> {
    return this.#stats;
  }

  /** Polls until {@link stop}, then resolves when every task has ended and its result is delivered or stored. */
  async run(): Promise<void> {
    await this.#sleep(Math.random() * Math.min(START_SPREAD_MS, this.#pollIntervalMs));
    while (!this.#stop.signal.aborted) {
      // Asking again at once would bring the same copies.
      if (this.#slots.takeRefusedCopies()) await this.#waitIdle();
      else if (this.#slots.free === 0) await this.#slotFreed();
      else if (this.#options.gate.isClosed) await this.#sleep(GATE_CHECK_MS);
      else if (this.#options.isPaused()) await this.#sleep(this.#pollIntervalMs);
      else await this.#pollOnce();
    }
    this.#turns.turn(Infinity);
    await this.#slots.emptied();
    await Promise.all(this.#surplus);
  }

  /** No poll begins any more. What a poll under way brings is given back; running tasks go on. */
  stop(): void {
    this.#stop.abort();
    this.#slots.stop();
    if (this.#isAbortable) this.#pollAbort.abort();
    this.#wakeUp();
    this.#nap?.abort();
  }

  /** Takes effect at once, but for a poll that is under way. */
  tune({ concurrency, pollIntervalMs }: LoopTuning): void {
    if (concurrency !== undefined) this.#slots.resize(concurrency);
    if (pollIntervalMs !== undefined) this.#pollIntervalMs = pollIntervalMs;
    this.#wakeUp();
    this.#nap?.abort();
  }

  /** Milliseconds by which the next turn is overdue; to be asked every few seconds. */
  overdueMs(): number {
    return this.#turns.look();
  }

  /** Milliseconds since the oldest task whose result is told, but whose code goes on, was told to end; 0: none. */
  get lingeringMs(): number {
    return this.#slots.lingeringMs;
  }

  get isPaused(): boolean {
    return this.#options.isPaused();
  }

  /** Tells every running task to end. */
  abortTasks(reason: string): void {
    this.#slots.abortAll(reason);
  }

  /** Ends a task that is over on the server, if it runs here. */
  cancel(taskId: string, reason: string): void {
    this.#slots.cancel(taskId, reason);
  }

  /** A poll was dropped by {@link stop}: the server may have answered it at the same moment. */
  get hasDroppedPoll(): boolean {
    return this.#pollAbort.signal.aborted;
  }

  extendLeases(maxSeconds: number): void {
    this.#slots.extendLeases(maxSeconds);
  }

  get inFlight(): number {
    return this.#slots.inFlight;
  }

  async #slotFreed(): Promise<void> {
    this.#turns.turn(Infinity);
    await new Promise<void>((resolve) => (this.#wakeUp = resolve));
  }

  /** Ends early by {@link stop} and {@link tune}. */
  async #sleep(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#turns.turn(ms);
    this.#nap = new AbortController();
    await sleep(ms, this.#nap.signal);
  }

  async #pollOnce(): Promise<void> {
    const isLong = this.#mode === 'long';
    const count = isLong ? 1 : this.#slots.free;
    const startedAt = Date.now();
    // Somebody may set the clock meanwhile.
    this.#startedTick = performance.now();
    this.#slots.reserve(count);
    const waitMs = isLong ? LONG_POLL_MS : SHORT_POLL_MS;
    this.#turns.turn(waitMs + (this.#options.requestLimitMs ?? REQUEST_LIMIT_MS));
    const answer = await this.#ask(count, waitMs, startedAt);
    this.#slots.release(count);
    const tasks = this.#slots.withoutCopies(this.#withoutForeign(answer.tasks));
    if (answer.error !== undefined) await this.#failed(answer.error);
    else if (tasks.length > 0) await this.#hit(tasks, count, isLong);
    // Nothing but copies of what is here, or what is not for this worker, is no reason to ask again at once.
    else if (isLong || answer.tasks.length > 0) await this.#waitIdle();
    else {
      this.#slots.queueSeen(false);
      this.#mode = 'long';
    }
  }

  async #ask(
    count: number,
    timeoutMs: number,
    startedAt: number,
  ): Promise<{ tasks: readonly Task[]; error?: unknown }> {
    const { taskType, domain, workerId, client, logger } = this.#options;
    const signal = this.#pollAbort.signal;
    try {
      const { tasks, isAbortable } = await client.poll({
        taskType,
        domain,
        workerId,
        count,
        timeoutMs,
        signal,
        unsentSignal: this.#stop.signal,
      });
      this.#isAbortable = isAbortable;
      if (this.#stats.failuresInARow > 0)
        logger.info('polls succeed again', { failures: this.#stats.failuresInARow });
      Object.assign(this.#stats, { lastPollAt: startedAt, failuresInARow: 0, lastPollError: undefined });
      if (this.#stats.polls++ === 0) this.#options.onFirstPoll?.();
      return { tasks };
    } catch (error) {
      return { tasks: [], error };
    }
  }

  async #hit(tasks: readonly Task[], count: number, isLong: boolean): Promise<void> {
    this.#slots.queueSeen(!isLong && tasks.length >= count);
    this.#mode = 'short';
    // Whether the others are copies of what runs is not known yet.
    if (tasks.some(isNew)) this.#earlyEmpty = 0;
    // A server that gives more than was asked for must not bring the process above its capacity.
    for (const extra of tasks.slice(count)) this.#handBack(extra);
    this.#turns.turn(BEGIN_LIMIT_MS * tasks.length);
    await this.#slots.begin(tasks.slice(0, count));
  }

  #withoutForeign(tasks: readonly Task[]): Task[] {
    return tasks.filter((task) => {
      const isOurs = isOfType(task, this.#options.taskType);
      if (!isOurs) this.#handForeignBack(task);
      return isOurs;
    });
  }

  /** The server puts it into the queue of its own type, where its worker finds it. */
  #handForeignBack(task: Task): void {
    const othersBefore = this.#foreigners.pass();
    const level = othersBefore === undefined ? 'debug' : 'error';
    this.#options.logger.log(level, 'the server sent a task of another type; it is handed back', {
      taskId: task.taskId,
      taskType: task.taskType,
      polled: this.#options.taskType,
      othersBefore: othersBefore === 0 ? undefined : othersBefore,
    });
    this.#handBack(task);
  }

  #handBack(task: Task): void {
    const { delivery, workerId } = this.#options;
    const underWay = delivery.handBack(task, workerId).finally(() => this.#surplus.delete(underWay));
    this.#surplus.add(underWay);
  }

  async #waitIdle(): Promise<void> {
    this.#earlyEmpty = performance.now() - this.#startedTick < LONG_POLL_MS / 2 ? this.#earlyEmpty + 1 : 0;
    const gapMs = idlePollGap(this.#pollIntervalMs, this.#earlyEmpty);
    await this.#sleep(this.#startedTick + gapMs - performance.now());
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#options.reporter.uncertain();
    const failures = ++this.#stats.failuresInARow;
    const message = describeThrown(error);
    const delayMs = delayAfterPollError(error, failures);
    // The first of a kind is news; afterwards once in a while is enough.
    const isNews = message !== this.#stats.lastPollError || failures % 20 === 0;
    this.#options.logger.log(isNews ? 'warn' : 'debug', 'a poll failed; trying again', {
      error: message,
      failures,
      delayMs,
    });
    this.#stats.lastPollError = message;
    await this.#sleep(delayMs);
  }
}
