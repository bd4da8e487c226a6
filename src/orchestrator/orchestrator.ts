import { EventEmitter } from 'node:events';
import { ConfigurationError, TuttiError } from '../core/errors.js';
import { StateMachine } from '../core/state-machine.js';
import type { ConductorClients } from '../conductor/conductor-clients.js';
import { EXIT_CODES, setExitCode } from './exit-codes.js';
import type { LedgerTask } from './ledger.js';
import type { OrchestratorEvents, OrchestratorOptions, ServerConnection } from './orchestrator-options.js';
import { SignalHandler } from './signals.js';
import { Slot, type SlotDeath, type SlotListener } from './slot.js';
import { allGivenUpError, startupError } from './startup-error.js';
import { ORCHESTRATOR_TRANSITIONS, type OrchestratorState } from './states.js';
import type { OrchestratorStatus } from './status.js';
import { TaskCustodian } from './task-custodian.js';

/** Part of the grace period that is kept for the tasks to end after `context.signal` has aborted. */
const ABORT_SHARE = 0.2;
/** How long a stop waits for the server to take what is left to report. */
const REPORT_WAIT_MS = 3_000;
/** How often the processes are looked at. */
const WATCH_MS = 1_000;

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
  #custodian: TaskCustodian | undefined;
  #watching: NodeJS.Timeout | undefined;
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
   * @throws TuttiError `ILLEGAL_STATE` before `start()`
   */
  get serverUrl(): string {
    return this.#connection('serverUrl').url;
  }

  /**
   * Clients for the workflows and definitions of the server that the workers poll, with the same credentials and
   * connection options. They are closed by `stop()`.
   *
   * @throws TuttiError `ILLEGAL_STATE` before `start()`
   */
  async clients(): Promise<ConductorClients> {
    return await this.#connection('clients()').clients();
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
    const leaseLeftMs = (taskId: string): number | undefined => this.#custodian?.leaseLeftMs(taskId);
    return {
      state: this.state,
      pid: process.pid,
      serverUrl: this.#server?.url ?? '',
      startedAt: this.#startedAt,
      slots: this.#slots.map((slot) => slot.status(leaseLeftMs)),
      custody: this.#custodian?.status(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #connection(member: string): ServerConnection {
    if (this.#server !== undefined) return this.#server;
    throw new TuttiError('ILLEGAL_STATE', `orchestrator.${member} is there after start()`);
  }

  async #start(): Promise<void> {
    const { guard, orphanGraceMs, handlesSignals, connect, slots } = this.#options;
    this.#state.to('starting');
    if (handlesSignals) this.#signals.install();
    try {
      guard.start(orphanGraceMs);
      const server = await connect();
      if (!this.#state.is('starting')) return await server.close();
      this.#server = server;
      this.#custodian = this.#makeCustodian(server);
      this.#slots = slots.map((plan) => new Slot(plan, this.#slotOptions(server), this.#slotListener));
      await this.#startSlots();
    } catch (error) {
      const isOurs = error instanceof TuttiError;
      this.#failure ??= isOurs ? error : new TuttiError('STARTUP_FAILED', String(error), { cause: error });
      await this.stop().catch(() => undefined);
      throw this.#failure;
    }
  }

  async #startSlots(): Promise<void> {
    const { onStartupFailure, onStarted } = this.#options;
    this.#startedAt = Date.now();
    this.#watching = setInterval(() => {
      for (const slot of this.#slots) slot.watch(performance.now());
    }, WATCH_MS);
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
    void this.#custodian?.takeOver();
    onStarted?.(this.status());
  }

  /** The start is over when every slot is ready, given up, or (where that is allowed) waits for another try. */
  #decideStart(): void {
    const isOpen = (slot: Slot): boolean => slot.state === 'spawning' || slot.state === 'idle';
    if (!this.#slots.some(isOpen) || !this.#state.is('starting')) this.#onDecided();
  }

  async #stop(): Promise<void> {
    const { logger, guard } = this.#options;
    this.#state.to('stopping');
    this.#onDecided();
    await this.#stopSlots();
    clearInterval(this.#watching);
    const left = (await this.#custodian?.close(REPORT_WAIT_MS, this.#wasCutOff)) ?? 0;
    if (left > 0) {
      const folder = this.#server?.directory?.outboxFolder;
      logger.warn('results wait in the outbox for the next start: the server did not take them', {
        results: left,
        folder,
      });
      // In memory only, they are lost with this process.
      if (folder === undefined) this.#wasCutOff = true;
    }
    guard.stop();
    await this.#server
      ?.close()
      .catch((error: unknown) => logger.warn('closing the connection failed', { error }));
    this.#finish();
  }

  async #stopSlots(): Promise<void> {
    const graceMs = this.#options.stopGraceMs;
    const abort = (): void =>
      this.#slots.forEach((slot) => slot.abort('the application stops and its grace period is nearly over'));
    const kill = (): void =>
      this.#slots.forEach((slot) => slot.kill(`it had not finished ${graceMs} ms after it was told to stop`));
    const timers = [setTimeout(abort, graceMs * (1 - ABORT_SHARE)), setTimeout(kill, graceMs)];
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    timers.forEach(clearTimeout);
  }

  #finish(): void {
    const exitCode = this.#exitCode();
    if (this.#options.handlesSignals) {
      this.#signals.uninstall();
      if (exitCode !== EXIT_CODES.clean) setExitCode(exitCode);
      if (this.#signals.wasSignalled) this.#signals.endSoon(exitCode);
    }
    this.#state.to(this.#failure === undefined ? 'stopped' : 'failed');
    if (this.#failure === undefined) this.#resolveJoined();
    else this.#rejectJoined(this.#failure);
  }

  #exitCode(): number {
    if (this.#failure instanceof ConfigurationError) return EXIT_CODES.configuration;
    if (this.#failure?.code === 'STARTUP_FAILED') return EXIT_CODES.failed;
    if (this.#slots.some((slot) => slot.failure !== undefined)) return EXIT_CODES.givenUp;
    return this.#wasCutOff || this.#failure !== undefined ? EXIT_CODES.failed : EXIT_CODES.clean;
  }

  #makeCustodian({ client, directory, redact }: ServerConnection): TaskCustodian {
    const { logger } = this.#options;
    const inFlight = (): Set<string> =>
      new Set(this.#slots.flatMap((slot) => slot.ledger.tasks().map((task) => task.taskId)));
    return new TaskCustodian({ client, logger, directory, inFlight, redact: redact ?? ((text) => text) });
  }

  #slotOptions({ url, directory }: ServerConnection): ConstructorParameters<typeof Slot>[1] {
    const restartsUnready = this.#options.onStartupFailure === 'continue';
    const { outboxFolder, resultsFolder } = directory ?? {
      outboxFolder: undefined,
      resultsFolder: undefined,
    };
    return { ...this.#options, serverUrl: url, outboxFolder, resultsFolder, restartsUnready };
  }

  #knownTasks(): { task: LedgerTask; cancel: (reason: string) => void }[] {
    return this.#slots.flatMap((slot) =>
      slot.ledger.tasks().map((task) => ({ task, cancel: (reason: string) => slot.cancel(task, reason) })),
    );
  }

  readonly #slotListener: SlotListener = {
    ready: (slot) => {
      this.#options.logger.debug('worker process ready', { slot: slot.plan.name, pid: slot.pid });
      this.#custodian?.workersReady(slot.workers, slot.pid ?? 0);
      this.emit(
        'ready',
        slot.status(() => undefined),
      );
      this.#decideStart();
    },
    died: (slot, death) => this.#slotDied(slot, death),
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
      const level = this.#state.is('starting') ? 'debug' : 'error';
      this.#options.logger.log(level, error.message, { slot: slot.plan.name, code: error.code });
      this.emit('givenUp', { slot: slot.plan.name, error });
      this.#decideStart();
      this.#stopWhenAllGivenUp();
    },
    taskAdded: (slot, task) =>
      this.#custodian?.taskAdded(
        task,
        () => slot.leaseGate(task),
        (reason) => slot.cancel(task, reason),
      ),
    taskRemoved: (_slot, task) => this.#custodian?.taskRemoved(task),
    claim: async (_slot, claimed) =>
      (await this.#custodian?.mayRun(claimed, () => this.#knownTasks())) ?? true,
    uncertain: (slot) => this.#custodian?.uncertain(slot.workers),
  };

  #slotDied(slot: Slot, death: SlotDeath): void {
    const { reason, tasks, incarnation, workers, killedFor, pid } = death;
    const { code, signal, stderrTail } = death.end;
    const isStopping = this.#state.is('stopping');
    const cutOff = this.#custodian?.processDied({
      tasks,
      incarnation,
      workers: death.mayHaveMore ? workers : [],
      reason,
      stderrTail,
      isByTask: killedFor?.isByTask ?? true,
      workerIds: workers.map((worker) => worker.workerId),
    });
    const failedTasks = cutOff?.map((result) => result.taskId) ?? [];
    const isExpected = isStopping && code === EXIT_CODES.clean && failedTasks.length === 0;
    this.#options.logger.log(isExpected ? 'debug' : 'error', reason, { failedTasks });
    if (isStopping && !isExpected) this.#wasCutOff = true;
    this.emit('exit', { slot: slot.plan.name, pid, code, signal, reason, failedTasks: failedTasks.length });
  }

  #stopWhenAllGivenUp(): void {
    if (!this.#state.is('running') || !this.#slots.every((slot) => slot.state === 'failed')) return;
    this.#failure = allGivenUpError(this.#slots.flatMap((slot) => slot.failure ?? []));
    void this.stop();
  }
}
