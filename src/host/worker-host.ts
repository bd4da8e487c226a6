import { url as inspectorUrl } from 'node:inspector';
import { ConfigurationError, describeThrown, stackOf, TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { StateMachine } from '../core/state-machine.js';
import { sleep, within } from '../core/sleep.js';
import type { TaskClient } from '../conductor/clients/task-client.js';
import { ChannelReporter } from './channel-reporter.js';
import { EXIT_CODES } from '../protocol/exit-codes.js';
import type { HostedWorkers } from './hosted-worker.js';
import type { OrchestratorMessage } from '../protocol/messages.js';
import { errorReport, OrchestratorChannel } from './orchestrator-channel.js';
import type { ProcessMarker } from '../protocol/process-marker.js';
import { killCompanions } from '../os/process-tree.js';
import { ORCHESTRATOR_SIGNALS } from '../protocol/orchestrator-signals.js';
import { Pulse } from './pulse.js';
import { WORKER_PROCESS_TRANSITIONS, type WorkerProcessState } from '../protocol/states.js';
import { WorkerLoops } from './worker-loops.js';

/** Part of the orphan grace after which tasks are aborted; the guard kills at its end. */
const ORPHAN_ABORT_SHARE = 0.6;
const ORPHAN_EXIT_SHARE = 0.9;
/** As often, an orphan extends the leases that could end within its grace. */
const ORPHAN_LEASE_MS = 300;
const BEAT_MS = 2_000;
/** How long closing the services may take. */
const CLOSE_WAIT_MS = 5_000;

export interface WorkerHostOptions {
  readonly marker: ProcessMarker;
  readonly logger: Logger;
  readonly client: TaskClient;
  /** Longest time of a poll without the waiting at the server, in milliseconds. */
  readonly pollLimitMs: number;
  /** Builds the workers. A ConfigurationError ends the process for good, anything else lets it be started again. */
  readonly build: () => Promise<HostedWorkers>;
}

/** The life of a worker process: build, report ready, poll until the stop, finish, leave. Ends the process. */
export class WorkerHost {
  readonly #options: WorkerHostOptions;
  readonly #state: StateMachine<WorkerProcessState>;
  readonly #channel = new OrchestratorChannel();
  readonly #reporter = new ChannelReporter(this.#channel);
  readonly #loops: WorkerLoops;
  readonly #pulse = new Pulse(BEAT_MS);
  #hosted: HostedWorkers | undefined;
  #onCommand: () => void = () => undefined;

  constructor(options: WorkerHostOptions) {
    const { logger } = options;
    this.#options = options;
    this.#loops = new WorkerLoops({
      ...options,
      reporter: this.#reporter,
      // Whoever waits for the workers need not wait for the next beat.
      onFirstPoll: () => this.#beat(),
    });
    this.#state = new StateMachine<WorkerProcessState>(
      'worker process',
      WORKER_PROCESS_TRANSITIONS,
      'starting',
      (from, to) => logger.debug('worker process state', { from, to }),
    );
  }

  /** Never returns: the process ends. */
  async run(): Promise<never> {
    this.#guardProcess();
    this.#channel.onMessage(
      (message) => this.#obey(message),
      (problem) => void this.#misunderstood(problem),
    );
    this.#channel.onGone(() => void this.#finishAsOrphan());
    this.#channel.send({ type: 'building' });
    try {
      this.#hosted = await this.#options.build();
      const workers = this.#loops.add(this.#hosted.workers);
      this.#channel.send({ type: 'ready', workers, isDebugged: isDebugged() });
    } catch (error) {
      const isFinal = error instanceof ConfigurationError;
      return await this.#fail(error, isFinal ? EXIT_CODES.configuration : EXIT_CODES.failed);
    }
    // To the end: closing the services may take its time as well.
    setInterval(() => this.#beat(), BEAT_MS);
    await this.#commanded();
    if (this.#state.is('running')) await this.#loops.run();
    return await this.#leave();
  }

  /** Waits for `run` or `stop`. */
  async #commanded(): Promise<void> {
    if (this.#state.is('starting')) await new Promise<void>((resolve) => (this.#onCommand = resolve));
  }

  async #leave(): Promise<never> {
    await this.#close();
    await this.#reporter.flushed();
    // How long the last tasks ran.
    this.#beat();
    this.#state.to('stopped');
    await this.#channel.written({ type: 'stopped', hasDroppedPoll: this.#loops.hasDroppedPoll });
    process.exit(EXIT_CODES.clean);
  }

  async #close(): Promise<void> {
    const { logger } = this.#options;
    const closing = Promise.all([this.#hosted?.close(), this.#loops.close()]).catch((error: unknown) =>
      logger.warn('closing the services of a worker process failed', { error: describeThrown(error) }),
    );
    const outcome = await within(
      closing.then(() => 'closed'),
      CLOSE_WAIT_MS,
    );
    if (outcome === undefined) {
      logger.warn('closing the services of a worker process takes too long; leaving without', {
        waitedMs: CLOSE_WAIT_MS,
      });
    }
  }

  #obey(message: OrchestratorMessage): void {
    switch (message.type) {
      case 'run':
        if (this.#state.is('starting')) this.#state.to('running');
        return this.#onCommand();
      case 'stop':
        return this.#drain();
      case 'abort':
        return this.#abort(message.reason);
      case 'cancel':
        return this.#loops.cancel(message.ref, message.reason);
      case 'tune':
        return this.#loops.tune(message.worker, message);
      case 'claimed':
        return this.#reporter.answer(message.claim, message.mayRun);
    }
  }

  #drain(): void {
    if (!this.#state.is('starting', 'running')) return;
    this.#state.to('draining');
    this.#loops.stop();
    this.#onCommand();
  }

  #abort(reason: string): void {
    if (!this.#state.is('draining')) return;
    this.#state.to('aborting');
    this.#loops.abortTasks(reason);
  }

  /** Without an orchestrator: finish what runs, for a short while, and leave. */
  async #finishAsOrphan(): Promise<void> {
    const { logger, marker } = this.#options;
    const graceMs = marker.orphanGraceMs;
    logger.warn('the orchestrator is gone; finishing the running tasks and leaving', { graceMs });
    this.#drain();
    // Nobody else extends them now. Longer leases outlive this process anyway.
    setInterval(() => this.#loops.extendLeases((2 * graceMs) / 1_000), ORPHAN_LEASE_MS);
    await sleep(graceMs * ORPHAN_ABORT_SHARE);
    this.#abort('the orchestrator is gone');
    await sleep(graceMs * (ORPHAN_EXIT_SHARE - ORPHAN_ABORT_SHARE));
    logger.error('tasks were cut off because the orchestrator is gone', { tasks: this.#loops.inFlight });
    process.exit(EXIT_CODES.failed);
  }

  /** Whether it was an order that matters, nobody knows. */
  async #misunderstood(problem: string): Promise<never> {
    const text = `the orchestrator sent a message that is not valid: ${problem}`;
    this.#options.logger.error(text);
    return await this.#fail(new TuttiError('PROCESS_FAILED', text), EXIT_CODES.failed);
  }

  /** Tells what went wrong and ends the process. */
  async #fail(error: unknown, exitCode: number, origin?: 'uncaught'): Promise<never> {
    if (this.#state.can('failed')) this.#state.to('failed');
    const report = { ...errorReport(error), ...(origin === undefined ? {} : { origin }) };
    await within(this.#channel.written({ type: 'failed', error: report }), 1_000);
    process.exit(exitCode);
  }

  #guardProcess(): void {
    // However it leaves: programs that a task has started and left to themselves are nobody's any more.
    process.once('exit', killCompanions);
    // Signals reach the whole group (terminal, systemd); what they mean is the orchestrator's to decide.
    for (const signal of ORCHESTRATOR_SIGNALS) process.on(signal, () => undefined);
    // Once the orchestrator is gone, writing to the pipe that it held must not end the process.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    // After an error that nobody caught, the state of the process is unknown: report and leave.
    const fatal = (kind: string) => (error: unknown) => {
      const isOfStart = this.#state.is('starting') && this.#hosted === undefined;
      // The orchestrator reports a start that fails, once for all processes.
      if (!isOfStart) {
        this.#options.logger.error(`${kind} in a worker process: ${describeThrown(error)}`, {
          stack: stackOf(error),
        });
      }
      void this.#fail(error, EXIT_CODES.failed, isOfStart ? 'uncaught' : undefined);
    };
    process.on('uncaughtException', fatal('uncaught exception'));
    process.on('unhandledRejection', fatal('unhandled rejection'));
  }

  #beat(): void {
    this.#channel.send({
      type: 'beat',
      ...this.#pulse.beat(),
      loops: this.#loops.reports(),
      isDebugged: isDebugged(),
      outbox: this.#loops.outboxSize,
      lingeringMs: this.#loops.lingeringMs,
      // On Linux the orchestrator looks itself, also while this process computes.
      residentBytes: process.platform === 'linux' ? undefined : process.memoryUsage.rss(),
    });
  }
}

/** A debugger may stop this process at a breakpoint: then it must not be taken for stuck. */
function isDebugged(): boolean {
  return inspectorUrl() !== undefined;
}
