import { EventEmitter } from 'node:events';
import { ConfigurationError, TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { within } from '../core/sleep.js';
import { StateMachine } from '../core/state-machine.js';
import type { TaskClient } from '../conductor/task-client.js';
import { Delivery } from '../worker/delivery.js';
import { CrashReporter } from './crash-report.js';
import { EXIT_CODES } from './exit-codes.js';
import type { LedgerTask } from './ledger.js';
import type { OrphanGuard } from './orphan-guard.js';
import type { ProcessDeath } from './process-death.js';
import type { ProcessLauncher } from './process-launcher.js';
import type { RestartOptions } from './restart-policy.js';
import { SignalHandler } from './signals.js';
import { Slot, type SlotListener, type SlotPlan } from './slot.js';
import { ORCHESTRATOR_TRANSITIONS, type OrchestratorState } from './states.js';
import type { OrchestratorStatus, SlotStatusView } from './status.js';

/** Part of the grace period that is kept for the tasks to end after `context.signal` has aborted. */
const ABORT_SHARE = 0.2;
/** How long a stop waits for the server to take the reports of tasks that were cut off. */
const REPORT_WAIT_MS = 3_000;

/** The server that the workers poll, and the client through which the orchestrator talks to it. */
export interface ServerConnection {
  readonly url: string;
  readonly client: TaskClient;
  close(): Promise<void>;
}

export interface OrchestratorOptions {
  readonly slots: readonly SlotPlan[];
  readonly launcher: ProcessLauncher;
  readonly guard: OrphanGuard;
  /** Opens the connection; called by `start()`. */
  readonly connect: () => Promise<ServerConnection>;
  readonly logger: Logger;
  readonly restart: Required<RestartOptions>;
  readonly onStartupFailure: 'stop' | 'continue';
  readonly handlesSignals: boolean;
  readonly readyTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly orphanGraceMs: number;
  /** Called once when the start is over and at least one process is ready. */
  readonly onStarted?: (status: OrchestratorStatus) => void;
}

/** Events of an {@link Orchestrator}. The views are as in `status()`. */
export interface OrchestratorEvents {
  state: [state: OrchestratorState];
  /** A worker process is ready. */
  ready: [slot: SlotStatusView];
  /** A worker process is gone. `failedTasks` were in flight and are reported as failed. */
  exit: [
    exit: {
      slot: string;
      pid: number;
      code: number | null;
      signal: string | null;
      reason: string;
      failedTasks: number;
    },
  ];
  /** A worker process will be started again. */
  restart: [restart: { slot: string; delayMs: number; deaths: number }];
  /** A worker process is not started any more. */
  givenUp: [givenUp: { slot: string; error: TuttiError }];
}

/** Starts, supervises and stops the worker processes. Made by `bootstrap()`; never runs task code. */
export class Orchestrator extends EventEmitter<OrchestratorEvents> implements AsyncDisposable {
  readonly #options: OrchestratorOptions;
  readonly #state: StateMachine<OrchestratorState>;
  readonly #signals: SignalHandler;
  readonly #joined: Promise<void>;
  #resolveJoined!: () => void;
  #rejectJoined!: (error: unknown) => void;
  #slots: readonly Slot[] = [];
  #server: ServerConnection | undefined;
  #reports: CrashReporter | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #startedAt: number | undefined;
  #wasCutOff = false;
  #failure: TuttiError | undefined;
  #onDecided: () => void = () => undefined;

  constructor(options: OrchestratorOptions) {
    super();
    this.#options = options;
    this.#state = new StateMachine<OrchestratorState>(
      'orchestrator',
      ORCHESTRATOR_TRANSITIONS,
      'created',
      (_, to) => {
        options.logger.debug('orchestrator state', { state: to });
        this.emit('state', to);
      },
    );
    this.#signals = new SignalHandler(this, options.logger);
    this.#joined = new Promise((resolve, reject) => {
      this.#resolveJoined = resolve;
      this.#rejectJoined = reject;
    });
    // Whoever does not call join() must not be ended by an unhandled rejection.
    this.#joined.catch(() => undefined);
  }

  get state(): OrchestratorState {
    return this.#state.state;
  }

  /**
   * Address of the server, `/api` included.
   *
   * @throws IllegalStateError before `start()`
   */
  get serverUrl(): string {
    if (this.#server === undefined)
      throw new TuttiError('ILLEGAL_STATE', 'orchestrator.serverUrl is known after start()');
    return this.#server.url;
  }

  /**
   * Starts every worker process. Resolves once all are ready and polling. Called by `bootstrap()` unless
   * `autoStart` is false.
   *
   * @throws TuttiError `STARTUP_FAILED`, or ConfigurationError when every reason is one, with all reasons, when a
   *   process does not get ready; the others are stopped then (unless `onStartupFailure` is 'continue')
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Resolves when everything has stopped: after a signal or `stop()`.
   *
   * @throws TuttiError when every worker was given up, or when the start failed
   */
  join(): Promise<void> {
    return this.#joined;
  }

  /**
   * Stops: no new polls, running tasks finish; near the end of the grace period `context.signal` aborts; at its end
   * the processes are killed and their tasks reported as failed. Safe to call more than once.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends all worker processes at once; tasks in flight are reported as failed. */
  kill(reason = 'the orchestrator was told to end at once'): void {
    void this.stop();
    for (const slot of this.#slots) slot.kill(reason);
  }

  /** The present state of everything, as plain data. */
  status(): OrchestratorStatus {
    return {
      state: this.state,
      pid: process.pid,
      serverUrl: this.#server?.url ?? '',
      startedAt: this.#startedAt,
      slots: this.#slots.map((slot) => slot.status()),
      pendingCrashReports: this.#reports?.pending ?? 0,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    this.#state.to('starting');
    if (this.#options.handlesSignals) this.#signals.install();
    try {
      this.#options.guard.start(this.#options.orphanGraceMs);
      this.#server = await this.#options.connect();
      if (!this.#state.is('starting')) return await this.#server.close();
      this.#reports = new CrashReporter(new Delivery(this.#server.client, this.#options.logger));
      this.#slots = this.#options.slots.map(
        (plan) => new Slot(plan, this.#slotOptions(), this.#slotListener),
      );
      await this.#startSlots();
    } catch (error) {
      this.#failure ??=
        error instanceof TuttiError
          ? error
          : new TuttiError('STARTUP_FAILED', String(error), { cause: error });
      await this.stop().catch(() => undefined);
      throw this.#failure;
    }
  }

  async #startSlots(): Promise<void> {
    const { onStartupFailure, onStarted } = this.#options;
    this.#startedAt = Date.now();
    for (const slot of this.#slots) slot.start();
    await new Promise<void>((resolve) => {
      this.#onDecided = resolve;
      this.#decideStart();
    });
    // Stopped while starting: nothing has failed, and nothing runs.
    if (!this.#state.is('starting')) return;
    const failures = this.#slots.flatMap((slot) => slot.failure ?? []);
    const hasReady = this.#slots.some((slot) => slot.state === 'ready');
    if (failures.length > 0 && (onStartupFailure === 'stop' || !hasReady)) throw startupError(failures);
    this.#state.to('running');
    for (const slot of this.#slots) slot.run();
    onStarted?.(this.status());
  }

  /** The start is over when every slot is ready, given up, or (where that is allowed) waits for another try. */
  #decideStart(): void {
    const isOpen = (slot: Slot): boolean => slot.state === 'spawning' || slot.state === 'idle';
    if (!this.#slots.some(isOpen) || !this.#state.is('starting')) this.#onDecided();
  }

  async #stop(): Promise<void> {
    const { logger, stopGraceMs } = this.#options;
    this.#state.to('stopping');
    this.#onDecided();
    const abortTimer = setTimeout(
      () =>
        this.#slots.forEach((slot) =>
          slot.abort('the application stops and its grace period is nearly over'),
        ),
      stopGraceMs * (1 - ABORT_SHARE),
    );
    const killTimer = setTimeout(
      () =>
        this.#slots.forEach((slot) =>
          slot.kill(`it had not finished ${stopGraceMs} ms after it was told to stop`),
        ),
      stopGraceMs,
    );
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    clearTimeout(abortTimer);
    clearTimeout(killTimer);
    await within(this.#reports?.settled() ?? Promise.resolve(), REPORT_WAIT_MS);
    if ((this.#reports?.pending ?? 0) > 0) {
      logger.error('the server did not take the reports of all tasks that were cut off', {
        tasks: this.#reports?.pending,
      });
    }
    this.#options.guard.stop();
    await this.#server
      ?.close()
      .catch((error: unknown) => logger.warn('closing the connection failed', { error }));
    this.#finish();
  }

  #finish(): void {
    const exitCode = this.#exitCode();
    if (this.#options.handlesSignals) {
      this.#signals.uninstall();
      if (exitCode !== EXIT_CODES.clean) process.exitCode = exitCode;
      if (this.#signals.wasSignalled) this.#signals.endSoon(exitCode);
    }
    this.#state.to(this.#failure === undefined ? 'stopped' : 'failed');
    if (this.#failure === undefined) this.#resolveJoined();
    else this.#rejectJoined(this.#failure);
  }

  #exitCode(): number {
    if (this.#failure instanceof ConfigurationError) return EXIT_CODES.configuration;
    if (this.#slots.some((slot) => slot.failure !== undefined)) return EXIT_CODES.givenUp;
    return this.#wasCutOff || this.#failure !== undefined ? EXIT_CODES.failed : EXIT_CODES.clean;
  }

  #slotOptions(): ConstructorParameters<typeof Slot>[1] {
    const { launcher, restart, readyTimeoutMs, orphanGraceMs, logger, onStartupFailure } = this.#options;
    const restartsUnready = onStartupFailure === 'continue';
    return {
      launcher,
      serverUrl: this.serverUrl,
      restart,
      restartsUnready,
      readyTimeoutMs,
      orphanGraceMs,
      logger,
    };
  }

  readonly #slotListener: SlotListener = {
    ready: (slot) => {
      this.#options.logger.debug('worker process ready', { slot: slot.plan.name, pid: slot.pid });
      this.emit('ready', slot.status());
      this.#decideStart();
    },
    died: (slot, death, reason, tasks, workerIds) => this.#slotDied(slot, death, reason, tasks, workerIds),
    restarting: (slot, delayMs, deaths) => {
      this.#options.logger.warn('starting the worker process again', {
        slot: slot.plan.name,
        delayMs,
        deaths,
      });
      this.emit('restart', { slot: slot.plan.name, delayMs, deaths });
      this.#decideStart();
    },
    givenUp: (slot, error) => {
      // While starting, the error of start() tells it.
      if (!this.#state.is('starting'))
        this.#options.logger.error(error.message, { slot: slot.plan.name, code: error.code });
      this.emit('givenUp', { slot: slot.plan.name, error });
      this.#decideStart();
      this.#stopWhenAllGivenUp();
    },
  };

  #slotDied(
    slot: Slot,
    death: ProcessDeath,
    reason: string,
    tasks: readonly LedgerTask[],
    workerIds: readonly string[],
  ): void {
    const { code, signal, stderrTail } = death.end;
    const isExpected = this.#state.is('stopping') && code === EXIT_CODES.clean;
    const level = isExpected && tasks.length === 0 ? 'debug' : 'error';
    this.#options.logger.log(level, reason, { failedTasks: tasks.map((task) => task.taskId) });
    if (this.#state.is('stopping') && (tasks.length > 0 || !isExpected)) this.#wasCutOff = true;
    this.#reports?.report(tasks, workerIds, reason, stderrTail);
    this.emit('exit', {
      slot: slot.plan.name,
      pid: death.pid,
      code,
      signal,
      reason,
      failedTasks: tasks.length,
    });
  }

  #stopWhenAllGivenUp(): void {
    if (!this.#state.is('running') || !this.#slots.every((slot) => slot.state === 'failed')) return;
    const failures = this.#slots.flatMap((slot) => slot.failure ?? []);
    this.#failure = new TuttiError('PROCESS_GIVEN_UP', 'every worker was given up; nothing is left to run', {
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures, 'every worker was given up'),
    });
    void this.stop();
  }
}

/** One error with every reason in its message. */
function startupError(failures: readonly TuttiError[]): TuttiError {
  const isConfiguration = failures.every(
    (failure) => failure.details['exitCode'] === EXIT_CODES.configuration,
  );
  const reasons = [...new Set(failures.map((failure) => failure.message))];
  const message = `${failures.length} worker process${failures.length === 1 ? '' : 'es'} did not get ready:\n- ${reasons.join('\n- ')}`;
  const cause = failures.length === 1 ? failures[0] : new AggregateError(failures, 'the reasons');
  const options = { cause, details: { reasons } };
  return isConfiguration
    ? new ConfigurationError('STARTUP_FAILED', message, options)
    : new TuttiError('STARTUP_FAILED', message, options);
}
