import { hostname } from 'node:os';
import { ConfigurationError, describeThrown, stackOf } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { StateMachine } from '../core/state-machine.js';
import { sleep, within } from '../core/sleep.js';
import type { TaskClient } from '../conductor/task-client.js';
import { Delivery } from '../worker/delivery.js';
import { PollLoop } from '../worker/poll-loop.js';
import { TaskRunner, type WorkerSource } from '../worker/task-runner.js';
import { ChannelReporter } from './channel-reporter.js';
import { EXIT_CODES } from './exit-codes.js';
import type { OrchestratorMessage } from './messages.js';
import { errorReport, OrchestratorChannel } from './orchestrator-channel.js';
import type { ProcessMarker } from './process-launcher.js';
import { WORKER_PROCESS_TRANSITIONS, type WorkerProcessState } from './states.js';

/** Part of the orphan grace after which tasks are told to end; the guard kills at its end. */
const ORPHAN_ABORT_SHARE = 0.6;
const ORPHAN_EXIT_SHARE = 0.9;
const BEAT_MS = 2_000;
/** How long closing the services may take. */
const CLOSE_WAIT_MS = 5_000;

/** A worker, built and ready to execute. */
export interface HostedWorker {
  readonly key: string;
  readonly taskType: string;
  readonly domain: string | undefined;
  readonly concurrency: number;
  /** Milliseconds. */
  readonly pollInterval: number;
  readonly executionTimeout: number | undefined;
  readonly workerIdPrefix: string | undefined;
  readonly isPaused: () => boolean;
  readonly source: WorkerSource;
}

/** The workers of this process with everything that they need. */
export interface HostedWorkers {
  readonly workers: readonly HostedWorker[];
  /** Closes the services that were built for them. */
  close(): Promise<void>;
}

export interface WorkerHostOptions {
  readonly marker: ProcessMarker;
  readonly logger: Logger;
  readonly client: TaskClient;
  /** Builds the workers. A ConfigurationError ends the process for good, anything else lets it be started again. */
  readonly build: () => Promise<HostedWorkers>;
}

/** The life of a worker process: build, say ready, poll until told to stop, finish, leave. Ends the process. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #state: StateMachine<WorkerProcessState>;
  readonly #channel = new OrchestratorChannel();
  readonly #reporter = new ChannelReporter(this.#channel);
  #loops: readonly PollLoop[] = [];
  #hosted: HostedWorkers | undefined;
  #onCommand: () => void = () => undefined;

  constructor(options: WorkerHostOptions) {
    this.#options = options;
    this.#state = new StateMachine<WorkerProcessState>(
      'worker process',
      WORKER_PROCESS_TRANSITIONS,
      'starting',
      (from, to) => options.logger.debug('worker process state', { from, to }),
    );
  }

  /** Never returns: the process ends. */
  async run(): Promise<never> {
    this.#guardProcess();
    this.#channel.onMessage((message) => this.#obey(message));
    this.#channel.onGone(() => void this.#finishAsOrphan());
    try {
      this.#hosted = await this.#options.build();
      this.#loops = this.#hosted.workers.map((worker, index) => this.#makeLoop(worker, index));
    } catch (error) {
      return await this.#fail(
        error,
        error instanceof ConfigurationError ? EXIT_CODES.configuration : EXIT_CODES.failed,
      );
    }
    this.#channel.send({
      type: 'ready',
      workers: this.#hosted.workers.map((worker) => ({
        key: worker.key,
        taskType: worker.taskType,
        workerId: this.#workerId(worker),
        pollInterval: worker.pollInterval,
      })),
    });
    await this.#commanded();
    await this.#work();
    return await this.#leave();
  }

  /** Waits for `run` or `stop`. */
  async #commanded(): Promise<void> {
    if (!this.#state.is('starting')) return;
    await new Promise<void>((resolve) => (this.#onCommand = resolve));
  }

  async #work(): Promise<void> {
    if (!this.#state.is('running')) return;
    const beat = setInterval(() => this.#beat(), BEAT_MS);
    await Promise.all(this.#loops.map((loop) => loop.run()));
    clearInterval(beat);
  }

  async #leave(): Promise<never> {
    await this.#close();
    await this.#reporter.flushed();
    this.#state.to('stopped');
    await this.#channel.written({ type: 'stopped' });
    process.exit(EXIT_CODES.clean);
  }

  async #close(): Promise<void> {
    const closing = Promise.all([this.#hosted?.close(), this.#options.client.close()]).catch(
      (error: unknown) =>
        this.#options.logger.warn('closing the services of a worker process failed', { error }),
    );
    const outcome = await within(
      closing.then(() => 'closed'),
      CLOSE_WAIT_MS,
    );
    if (outcome === undefined) {
      this.#options.logger.warn('closing the services of a worker process takes too long; leaving without', {
        waitedMs: CLOSE_WAIT_MS,
      });
    }
  }

  #obey(message: OrchestratorMessage): void {
    switch (message.type) {
      case 'run':
        if (this.#state.is('starting')) this.#state.to('running');
        break;
      case 'stop':
        this.#drain();
        break;
      case 'abort':
        this.#abort(message.reason);
        break;
    }
    this.#onCommand();
  }

  #drain(): void {
    if (!this.#state.is('starting', 'running')) return;
    this.#state.to('draining');
    for (const loop of this.#loops) loop.stop();
    this.#onCommand();
  }

  #abort(reason: string): void {
    if (!this.#state.is('draining')) return;
    this.#state.to('aborting');
    for (const loop of this.#loops) loop.abortTasks(reason);
  }

  /** Without an orchestrator: finish what runs, for a short while, and leave. */
  async #finishAsOrphan(): Promise<void> {
    const { logger, marker } = this.#options;
    logger.warn('the orchestrator is gone; finishing the running tasks and leaving', {
      graceMs: marker.orphanGraceMs,
    });
    this.#drain();
    await sleep(marker.orphanGraceMs * ORPHAN_ABORT_SHARE);
    this.#abort('the orchestrator is gone');
    await sleep(marker.orphanGraceMs * (ORPHAN_EXIT_SHARE - ORPHAN_ABORT_SHARE));
    logger.error('tasks were cut off because the orchestrator is gone', { tasks: this.#inFlight() });
    process.exit(EXIT_CODES.failed);
  }

  #inFlight(): number {
    return this.#loops.reduce((sum, loop) => sum + loop.inFlight, 0);
  }

  /** Tells what went wrong and ends the process. */
  async #fail(error: unknown, exitCode: number): Promise<never> {
    if (this.#state.can('failed')) this.#state.to('failed');
    await within(this.#channel.written({ type: 'failed', error: errorReport(error) }), 1_000);
    process.exit(exitCode);
  }

  #guardProcess(): void {
    // Signals reach the whole group (terminal, systemd); what they mean is the orchestrator's to decide.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
    // Once the orchestrator is gone, writing to the pipe that it held must not end the process.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    // After an error that nobody caught, the state of the process is unknown: report and leave.
    const fatal = (kind: string) => (error: unknown) => {
      this.#options.logger.error(`${kind} in a worker process: ${describeThrown(error)}`);
      process.stderr.write(`${stackOf(error)}\n`);
      void this.#fail(error, EXIT_CODES.failed);
    };
    process.on('uncaughtException', fatal('uncaught exception'));
    process.on('unhandledRejection', fatal('unhandled rejection'));
  }

  #beat(): void {
    this.#channel.send({
      type: 'beat',
      loops: this.#loops.map(({ stats: { polls, lastPollAt, lastPollError, failuresInARow } }) => ({
        polls,
        lastPollAt,
        lastPollError,
        failuresInARow,
      })),
    });
  }

  #makeLoop(worker: HostedWorker, index: number): PollLoop {
    const { client } = this.#options;
    const logger = this.#options.logger.child({ worker: worker.key });
    const workerId = this.#workerId(worker);
    const reporter = this.#reporter.forWorker(index);
    const runner = new TaskRunner({
      source: worker.source,
      workerId,
      logger,
      executionTimeout: worker.executionTimeout,
      onProgress: (taskId, progress) => reporter.progress(taskId, progress),
    });
    return new PollLoop({
      taskType: worker.taskType,
      domain: worker.domain,
      workerId,
      concurrency: worker.concurrency,
      pollIntervalMs: worker.pollInterval,
      isPaused: worker.isPaused,
      client,
      runner,
      delivery: new Delivery(client, logger),
      reporter,
      logger,
    });
  }

  /** Unique to this start of the process: the tasks of a dead process can be found by it. */
  #workerId(worker: HostedWorker): string {
    return `${worker.workerIdPrefix ?? hostname()}-${process.pid}-${this.#options.marker.incarnation}`;
  }
}
