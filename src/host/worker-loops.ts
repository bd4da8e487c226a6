import { hostname } from 'node:os';
import type { Logger } from '../core/logger.js';
import type { TaskClient } from '../conductor/clients/task-client.js';
import { Delivery } from '../worker/delivery/delivery.js';
import { ExclusiveGate } from '../worker/polling/exclusive-gate.js';
import { Outbox } from '../worker/delivery/outbox.js';
import { OutboxStore } from '../worker/delivery/outbox-store.js';
import { PollLoop } from '../worker/polling/poll-loop.js';
import { TaskRunner } from '../worker/execution/task-runner.js';
import type { ChannelReporter } from './channel-reporter.js';
import type { HostedWorker } from './hosted-worker.js';
import { SimpleHistogram } from '../core/meter.js';
import type { TaskEnd } from '../worker/execution/task-reporter.js';
import type { DurationsEntry, LoopReport, ReadyWorker, WorkerTuning } from '../protocol/messages.js';
import type { ProcessMarker } from '../protocol/process-marker.js';

/** How long leaving waits for the results that are just on their way; the rest is on disk. */
const OUTBOX_CLOSE_MS = 2_000;

/** The poll loops of a worker process, with what they share: client, outbox, and the gate for suspect tasks. */
export class WorkerLoops {
  readonly #marker: ProcessMarker;
  readonly #client: TaskClient;
  readonly #logger: Logger;
  readonly #reporter: ChannelReporter;
  readonly #pollLimitMs: number;
  readonly #onFirstPoll: () => void;
  readonly #gate = new ExclusiveGate();
  readonly #store: OutboxStore;
  readonly #outbox: Outbox;
  #loops: readonly PollLoop[] = [];
  /** Of each loop, since the last report. */
  #durations: readonly Map<TaskEnd, SimpleHistogram>[] = [];
  /** Whether the worker of each loop is paused by a command. */
  #paused: boolean[] = [];

  constructor(options: {
    marker: ProcessMarker;
    client: TaskClient;
    logger: Logger;
    reporter: ChannelReporter;
    /** Longest time of a poll without the waiting at the server, in milliseconds. */
    pollLimitMs: number;
    /** The server has answered the first poll of a worker. */
    onFirstPoll: () => void;
  }) {
    this.#marker = options.marker;
    this.#client = options.client;
    this.#logger = options.logger;
    this.#reporter = options.reporter;
    this.#pollLimitMs = options.pollLimitMs;
    this.#onFirstPoll = options.onFirstPoll;
    this.#store = new OutboxStore(
      options.marker.outboxFolder ?? '',
      options.marker.incarnation,
      options.logger,
    );
    this.#outbox = new Outbox({
      store: this.#store,
      client: options.client,
      logger: options.logger,
      onSettled: ({ body }, end) => options.reporter.finished(body.taskId, end),
    });
  }

  /** Makes a loop for each worker. @returns what is reported of them to the orchestrator */
  add(workers: readonly HostedWorker[]): ReadyWorker[] {
    this.#paused = workers.map((worker) => worker.startsPaused);
    const durable = workers.filter((worker) => worker.isDurable).map((worker) => worker.key);
    if (durable.length > 0 && this.#marker.outboxFolder === undefined) {
      this.#logger.warn(
        '`durable` has no effect: there is no folder in which results could be written down',
        {
          workers: durable,
        },
      );
    }
    this.#durations = workers.map(() => new Map());
    this.#loops = workers.map((worker, index) => this.#makeLoop(worker, index));
    return workers.map((worker) => ({
      key: worker.key,
      taskType: worker.taskType,
      workerId: this.#workerId(worker),
      pollInterval: worker.pollInterval,
    }));
  }

  /** Polls until {@link stop}; resolves when every task has ended and its result is delivered or on disk. */
  async run(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.run()));
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
  }

  /** Changes the worker with this index. */
  tune(worker: number, { isPaused, concurrency, pollInterval }: WorkerTuning): void {
    if (isPaused !== undefined) this.#paused[worker] = isPaused;
    this.#loops[worker]?.tune({ concurrency, pollIntervalMs: pollInterval });
  }

  abortTasks(reason: string): void {
    for (const loop of this.#loops) loop.abortTasks(reason);
  }

  cancel(ref: number, reason: string): void {
    const taskId = this.#reporter.taskIdOf(ref);
    if (taskId !== undefined) for (const loop of this.#loops) loop.cancel(taskId, reason);
  }

  extendLeases(maxSeconds: number): void {
    for (const loop of this.#loops) loop.extendLeases(maxSeconds);
  }

  /** A poll was dropped by {@link stop}. */
  get hasDroppedPoll(): boolean {
    return this.#loops.some((loop) => loop.hasDroppedPoll);
  }

  /** How many tasks are running. */
  get inFlight(): number {
    return this.#loops.reduce((sum, loop) => sum + loop.inFlight, 0);
  }

  /** What the loops have seen. Durations are reported once. */
  reports(): LoopReport[] {
    return this.#loops.map((loop, index) => ({
      ...loop.stats,
      overdueMs: Math.round(loop.overdueMs()),
      isPaused: loop.isPaused,
      durations: this.#takeDurations(index),
    }));
  }

  /** Results that wait for the server. */
  get outboxSize(): number {
    return this.#outbox.size;
  }

  /** See {@link PollLoop.lingeringMs}. */
  get lingeringMs(): number {
    return Math.round(Math.max(0, ...this.#loops.map((loop) => loop.lingeringMs)));
  }

  async close(): Promise<void> {
    await this.#outbox.close(OUTBOX_CLOSE_MS);
    await this.#client.close();
  }

  #makeLoop(worker: HostedWorker, index: number): PollLoop {
    const client = this.#client;
    const logger = this.#logger.child({ worker: worker.key });
    const workerId = this.#workerId(worker);
    const reporter = this.#reporter.forWorker(index);
    return new PollLoop({
      taskType: worker.taskType,
      domain: worker.domain,
      workerId,
      concurrency: worker.concurrency,
      pollIntervalMs: worker.pollInterval,
      isPaused: () => this.#paused[index] === true || worker.pausesItself(),
      requestLimitMs: this.#pollLimitMs,
      onFirstPoll: this.#onFirstPoll,
      onExecuted: (end, ms) => this.#executed(index, end, ms),
      client,
      runner: new TaskRunner({
        source: worker.source,
        interceptors: worker.interceptors,
        workerId,
        worker: worker.key,
        logger,
        executionTimeout: worker.executionTimeout,
        onProgress: (taskId, progress) => reporter.progress(taskId, progress),
      }),
      delivery: new Delivery({
        client,
        logger,
        outbox: this.#outbox,
        durableStore: worker.isDurable && this.#marker.outboxFolder !== undefined ? this.#store : undefined,
        onUncertain: () => reporter.uncertain(),
      }),
      reporter,
      gate: this.#gate,
      logger,
    });
  }

  #executed(index: number, end: TaskEnd, ms: number): void {
    const durations = this.#durations[index]!;
    let histogram = durations.get(end);
    if (histogram === undefined) durations.set(end, (histogram = new SimpleHistogram()));
    histogram.record(ms);
  }

  #takeDurations(index: number): DurationsEntry[] {
    return [...this.#durations[index]!].flatMap(([end, histogram]): DurationsEntry[] => {
      const taken = histogram.take();
      return taken === undefined ? [] : [[end, taken]];
    });
  }

  /** Unique to this start of the process: the tasks of a dead process can be found by it. */
  #workerId(worker: HostedWorker): string {
    return `${worker.workerIdPrefix ?? hostname()}-${process.pid}-${this.#marker.incarnation}`;
  }
}
