import type { Logger } from '../../core/logger.js';
import { within } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { Task } from '../../conductor/wire/types.js';
import type { Delivered, Delivery, Receipt } from '../delivery/delivery.js';
import type { ExclusiveGate } from './exclusive-gate.js';
import { FailureLog } from '../execution/failure-log.js';
import { poisonRecord } from '../execution/poison.js';
import { isOfType } from '../execution/task-fields.js';
import type { ReportedTask, TaskEnd, TaskReporter } from '../execution/task-reporter.js';
import type { RunningTask, TaskRunner } from '../execution/task-runner.js';

/** How long code that does not follow `context.signal` keeps its place after the result of its task is told. */
const RUNAWAY_WAIT_MS = 5_000;
/**
 * How long a task is alone after one death. What kills its process does it soon as a rule; and after a process died with many
 * long tasks, the worker must not stand still until each has ended alone. From the second death on there is no limit.
 */
const FIRST_SUSPICION_MS = 5_000;

/** A task on its way into the process. */
interface Arrival {
  readonly task: Task;
  /** Its turn, when it does not begin at once. */
  readonly waiting: Promise<void> | undefined;
}

export interface TaskSlotsOptions {
  readonly workerId: string;
  readonly concurrency: number;
  readonly client: TaskClient;
  readonly runner: TaskRunner;
  readonly delivery: Delivery;
  readonly reporter: TaskReporter;
  /** Shared by all workers of the process. */
  readonly gate: ExclusiveGate;
  readonly logger: Logger;
  readonly isPaused: () => boolean;
  readonly taskType: string;
  /** Gives back a task of another type, which came with the answer to an update. */
  readonly onForeign: (task: Task) => void;
  /** A slot is free again. */
  readonly onFreed: () => void;
  /** The code of a task has run for so long, and this came of it. */
  readonly onExecuted?: ((end: TaskEnd, ms: number) => void) | undefined;
}

/**
 * The places in which one worker's tasks run, `concurrency` of them. A task that comes with the answer to an update
 * takes over the place of the task before.
 */
export class TaskSlots {
  readonly #options: TaskSlotsOptions;
  readonly #running = new Map<string, RunningTask>();
  /** Tasks that have come, from their arrival to the end of their delivery. */
  readonly #here = new Set<string>();
  readonly #cancelled = new Set<string>();
  readonly #whenEmpty: (() => void)[] = [];
  readonly #failures: FailureLog;
  /** Told to end and reported, while their code goes on: since when. */
  readonly #lingering = new Map<RunningTask, number>();
  #taken = 0;
  #isStopping = false;
  /** The queue is probably not empty: then it pays to ask for the next task with each update. */
  #isBusy = false;
  #hasRefusedCopies = false;
  #concurrency: number;

  constructor(options: TaskSlotsOptions) {
    this.#options = options;
    this.#concurrency = options.concurrency;
    this.#failures = new FailureLog(options.logger);
  }

  get free(): number {
    return Math.max(0, this.#concurrency - this.#taken);
  }

  /** Milliseconds since the first task whose code goes on was told to end and reported; 0: there is none. */
  get lingeringMs(): number {
    return this.#lingering.size === 0 ? 0 : performance.now() - Math.min(...this.#lingering.values());
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** When it is lowered, what runs may end, and nothing begins in its place. */
  resize(concurrency: number): void {
    this.#concurrency = concurrency;
  }

  /** What a poll has shown of the queue. @param isBusy - it is probably not empty */
  queueSeen(isBusy: boolean): void {
    this.#isBusy = isBusy;
  }

  /** Whether tasks came, since this was last asked, that run already here or elsewhere, and may come again at once. */
  takeRefusedCopies(): boolean {
    const hasRefused = this.#hasRefusedCopies;
    this.#hasRefusedCopies = false;
    return hasRefused;
  }

  /** Keeps places for what a poll may bring. */
  reserve(count: number): void {
    this.#taken += count;
  }

  release(count: number): void {
    this.#taken -= count;
  }

  /**
   * The tasks without those that are here already. The server counts deliveries, and such a task is asked for; but an
   * answer that comes twice, from a proxy say, looks as new as the first time.
   */
  withoutCopies(tasks: readonly Task[]): Task[] {
    const arrived = new Set<string>();
    return tasks.filter((task) => {
      if (!isNew(task)) return true;
      if (this.#isCopy(task, arrived)) return false;
      arrived.add(task.taskId);
      return true;
    });
  }

  /** Reports the tasks and starts them; resolves when all have been started, not when they have ended. */
  async begin(polled: readonly Task[]): Promise<void> {
    const receivedAt = Date.now();
    this.#taken += polled.length;
    // Whether one that was delivered before may be run can take a while to find out: nobody waits for that.
    for (const task of polled) if (!isNew(task)) void this.#beginClaimed(task, receivedAt);
    await this.#beginAll(polled.filter(isNew), receivedAt);
  }

  async #beginClaimed(task: Task, receivedAt: number): Promise<void> {
    if (await this.#mayRun(task)) return await this.#beginAll([task], receivedAt);
    this.#hasRefusedCopies = true;
    this.#freeOne();
  }

  async #beginAll(tasks: Task[], receivedAt: number): Promise<void> {
    if (tasks.length === 0) return;
    const arrivals = tasks.map((task) => this.#admit(task));
    await this.#options.reporter.started(arrivals.map((arrival) => this.#toReport(arrival)));
    for (const arrival of arrivals) void this.#occupy(arrival, receivedAt);
  }

  /** From now on nothing begins: tasks that come are given back. Running ones go on. */
  stop(): void {
    this.#isStopping = true;
  }

  abortAll(reason: string): void {
    for (const running of this.#running.values()) running.abort(reason);
  }

  /** Ends a task that is over on the server; its result is dropped. */
  cancel(taskId: string, reason: string): void {
    const running = this.#running.get(taskId);
    if (running === undefined) return;
    this.#cancelled.add(taskId);
    running.abort(reason);
  }

  /** Tells the server that the tasks with leases up to so many seconds are still being worked on. */
  extendLeases(maxSeconds: number): void {
    for (const { task } of this.#running.values()) {
      const isShort = task.responseTimeoutSeconds > 0 && task.responseTimeoutSeconds <= maxSeconds;
      if (isShort) void this.#options.client.extendLease(task).catch(() => undefined);
    }
  }

  /** Resolves when no task is left. */
  async emptied(): Promise<void> {
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    this.#failures.flush();
  }

  /** Before the task is reported: whoever is told to begin must not find the gate closed by then. */
  #admit(task: Task): Arrival {
    const { gate } = this.#options;
    this.#here.add(task.taskId);
    const deaths = deathsOf(task);
    return { task, waiting: deaths > 0 ? gate.enterExclusive(deaths > 1) : gate.enterShared() };
  }

  #toReport({ task, waiting }: Arrival): ReportedTask {
    const begins = waiting === undefined && !this.#isStopping;
    return { task, limitMs: this.#options.runner.limitOf(task), deaths: deathsOf(task), begins };
  }

  async #mayRun(task: Task): Promise<boolean> {
    if (await this.#options.reporter.mayRun(task)) return true;
    this.#tellOfCopy(task);
    return false;
  }

  /** @param arrived - ids of what came before it in the same answer */
  #isCopy(task: Task, arrived?: ReadonlySet<string>): boolean {
    const isHere = this.#here.has(task.taskId) || arrived?.has(task.taskId) === true;
    if (isHere) this.#tellOfCopy(task);
    return isHere;
  }

  #tellOfCopy({ taskId }: Task): void {
    this.#options.logger.warn('a task was delivered while it runs already; this copy is not run', { taskId });
    this.#options.reporter.duplicate();
  }

  /** One place, from a task to its last chained successor. */
  async #occupy(first: Arrival, receivedAt: number): Promise<void> {
    let arrival: Arrival | undefined = first;
    let cameAt = receivedAt;
    while (arrival !== undefined) {
      const next = this.#unlessForeign(
        await this.#runOne(arrival, {
          receivedAt: cameAt,
          responseTimeoutSeconds: arrival.task.responseTimeoutSeconds,
          pollCount: arrival.task.pollCount,
        }),
      );
      cameAt = Date.now();
      // The task that has just been told is still here: an answer that brings it once more brings a copy.
      const isNext = next !== undefined && (isNew(next) ? !this.#isCopy(next) : await this.#mayRun(next));
      this.#here.delete(arrival.task.taskId);
      arrival = isNext ? this.#admit(next) : undefined;
      if (arrival !== undefined) await this.#options.reporter.started([this.#toReport(arrival)]);
    }
    this.#freeOne();
  }

  #unlessForeign(next: Task | undefined): Task | undefined {
    if (next === undefined || isOfType(next, this.#options.taskType)) return next;
    this.#options.onForeign(next);
    return undefined;
  }

  #freeOne(): void {
    this.#taken--;
    this.#options.onFreed();
    if (this.#taken === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  async #runOne({ task, waiting }: Arrival, receipt: Receipt): Promise<Task | undefined> {
    const { gate, delivery, reporter } = this.#options;
    if (waiting !== undefined) {
      await waiting;
      if (!this.#isStopping) await reporter.begun(task.taskId);
    }
    const deaths = deathsOf(task);
    const leave =
      deaths === 0 ? () => gate.leaveShared() : gate.stayAlone(deaths === 1 ? FIRST_SUSPICION_MS : undefined);
    if (this.#isStopping) {
      leave();
      return await this.#handBack(task);
    }
    const begunAt = performance.now();
    const running = this.#options.runner.start(task);
    this.#running.set(task.taskId, running);
    const result = await running.result;
    const end = this.#cancelled.has(task.taskId) ? 'CANCELLED' : result.status;
    this.#options.onExecuted?.(end, performance.now() - begunAt);
    let next: Task | undefined;
    if (!this.#isDropped(task)) {
      if (running.failure !== undefined) this.#failures.tell(task, running.failure);
      // The server may hand it out again before the end of this copy is told.
      if (result.status === 'IN_PROGRESS') await reporter.releasing(task.taskId);
      const isChaining = running.hasEnded && this.#mayChain(receipt);
      next = this.#told(task, await delivery.deliver(result, isChaining, receipt), isChaining);
    }
    if (!running.hasEnded) await this.#ended(running);
    if (this.#running.get(task.taskId) === running) this.#running.delete(task.taskId);
    this.#cancelled.delete(task.taskId);
    // Not before its result is delivered: a suspect that is alone must be alone in the ledger as well.
    leave();
    return next;
  }

  /** Code that goes on after its task is over keeps its place for a while, not for ever. */
  async #ended(running: RunningTask): Promise<void> {
    // Longer than its place: the orchestrator replaces the process in the end.
    this.#lingering.set(running, performance.now());
    void running.ended.then(() => this.#lingering.delete(running));
    await within(running.ended, RUNAWAY_WAIT_MS);
    if (running.hasEnded) return;
    this.#options.logger.error(
      'the code of a task goes on although it was told to end; its place is given to another task',
      { taskId: running.task.taskId, waitedMs: RUNAWAY_WAIT_MS },
    );
  }

  #isDropped({ taskId }: Task): boolean {
    if (!this.#cancelled.delete(taskId)) return false;
    this.#options.logger.warn('the result of a task is dropped: the task is over on the server', { taskId });
    this.#options.reporter.finished(taskId, 'CANCELLED');
    return true;
  }

  /** Tells the orchestrator where the result is. @returns the task that came with the answer */
  #told({ taskId }: Task, { end, next }: Delivered, wasChaining: boolean): Task | undefined {
    const isInOutbox = end === 'STORED' || end === 'KEPT';
    if (isInOutbox) this.#options.reporter.stored(taskId, end === 'STORED');
    else this.#options.reporter.finished(taskId, end);
    // A refusal says nothing about the queue.
    if (wasChaining && !isInOutbox) this.#isBusy = next !== undefined;
    return next;
  }

  async #handBack(task: Task): Promise<undefined> {
    await this.#options.reporter.releasing(task.taskId);
    this.#told(task, await this.#options.delivery.handBack(task, this.#options.workerId), false);
  }

  /** While idle, asking for the next task would only keep the place waiting at the server. */
  #mayChain({ receivedAt, responseTimeoutSeconds }: Receipt): boolean {
    const { client, isPaused, gate } = this.#options;
    const mayHaveLapsed =
      responseTimeoutSeconds > 0 && Date.now() - receivedAt >= responseTimeoutSeconds * 1_000;
    const hasRoom = this.#taken <= this.#concurrency && !this.#isStopping && !gate.isClosed;
    return this.#isBusy && client.canChain && hasRoom && !mayHaveLapsed && !isPaused();
  }
}

/** Only a task that was handed out before can be running already; every other is spared the question. */
export function isNew(task: Task): boolean {
  return task.pollCount <= 1 && task.retryCount === 0;
}

/** How many processes have died with earlier attempts of the task. */
function deathsOf(task: Task): number {
  return task.retryCount === 0 ? 0 : poisonRecord(task.reasonForIncompletion).deaths;
}
