import { EventEmitter } from 'node:events';
import { ConfigurationError, TuttiError } from '../core/errors.js';
import { KeepAlive } from '../core/keep-alive.js';
import { StateMachine } from '../core/state-machine.js';
import type { ConductorClients } from '../conductor/clients/conductor-clients.js';
import { EXIT_CODES, setExitCode } from '../protocol/exit-codes.js';
import { commandsOf } from './control/health-commands.js';
import { HealthServer } from './control/health-server.js';
import type { OrchestratorEvents, OrchestratorOptions, ServerConnection } from './orchestrator-options.js';
import { untilReady, type ReadyOptions } from './readiness.js';
import { SignalHandler } from './control/signals.js';
import type { Replica } from './replicas/replica.js';
import { allGivenUpError, startupError } from './replicas/startup-error.js';
import { ORCHESTRATOR_TRANSITIONS, type OrchestratorState } from '../protocol/states.js';
import type { OrchestratorStatus } from './status/status.js';
import { Supervisor } from './supervisor.js';
import { emitSafely } from './emit-safely.js';
import { WorkerCommands } from './control/worker-commands.js';

/** How long running tasks may go on when a test runner is done and has forgotten the workers. */
const FORGOTTEN_GRACE_MS = 2_000;

/** Starts, supervises and stops the worker processes. Made by `bootstrap()`; never runs task code. */
export class Orchestrator extends EventEmitter<OrchestratorEvents> implements AsyncDisposable {
  readonly #options: OrchestratorOptions;
  readonly #state: StateMachine<OrchestratorState>;
  readonly #signals: SignalHandler;
  readonly #joined: Promise<void>;
  /** Where nothing else keeps the process alive: as long as somebody waits for something. */
  readonly #keepAlive: KeepAlive | undefined;
  #resolveJoined!: () => void;
  #rejectJoined!: (error: unknown) => void;
  #server: ServerConnection | undefined;
  #supervisor: Supervisor | undefined;
  #health: HealthServer | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #startedAt: number | undefined;
  #armGrace: () => void = () => undefined;
  #failure: TuttiError | undefined;
  #onDecided: () => void = () => undefined;

  /** @internal */
  constructor(options: OrchestratorOptions) {
    super();
    this.#options = options;
    this.#state = new StateMachine<OrchestratorState>(
      'orchestrator',
      ORCHESTRATOR_TRANSITIONS,
      'created',
      (_, to) => {
        options.logger.debug('orchestrator state', { state: to });
        emitSafely(this, 'state', [to], options.logger);
      },
    );
    this.#signals = new SignalHandler(this, options.logger);
    this.#joined = new Promise((resolve, reject) => {
      this.#resolveJoined = resolve;
      this.#rejectJoined = reject;
    });
    this.#keepAlive = options.keepsProcessAlive === false ? new KeepAlive() : undefined;
    this.#keepAlive?.holdForOnce(this);
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
    return this.#awaited(this.#state.is('stopped') ? this.#start() : (this.#starting ??= this.#start()));
  }

  /**
   * Resolves when every worker polls and the server answers: what `/readyz` means. A worker that is paused counts as
   * ready. For tests, and for programs that send tasks to their own workers.
   *
   * @throws TuttiError `PROCESS_NOT_READY` with the reasons when that takes longer than `timeoutMs`; the error of the start
   *   when that fails; `ILLEGAL_STATE` when the application stops
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    try {
      await this.#awaited(untilReady(() => this.status(), options));
    } catch (error) {
      throw TuttiError.is(error, 'ILLEGAL_STATE') ? (this.#failure ?? error) : error;
    }
  }

  /**
   * Resolves when everything has stopped: after a signal or `stop()`.
   *
   * @throws TuttiError when every worker was given up, or when the start failed
   */
  join(): Promise<void> {
    return this.#awaited(this.#joined);
  }

  /**
   * Stops: no new polls, running tasks finish; near the end of the grace period `context.signal` aborts; at its end
   * the processes are killed and their tasks reported as failed. Safe to call more than once.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#awaited(this.#stop(true));
    this.#armGrace();
    return this.#stopping;
  }

  /**
   * Stops without a grace period: no new polls, running tasks finish however long they take, then the application
   * stops. `stop()` during a drain, or a signal, begins the grace period.
   */
  drain(): Promise<void> {
    return (this.#stopping ??= this.#awaited(this.#stop(false)));
  }

  /** Ends all worker processes at once; tasks in flight are reported as failed. */
  kill(reason = 'the orchestrator was told to end at once'): void {
    void this.stop();
    for (const replica of this.#replicas) replica.kill(reason);
  }

  /**
   * Lets workers poll no more, until {@link resume}; running tasks go on. Restarts of their processes change nothing.
   *
   * @param worker - key, task type or replica, as in `status()`; all workers when absent
   * @returns the keys of the workers
   * @throws TuttiError `WORKER_UNKNOWN`, or `ILLEGAL_STATE` before `start()`; so do the next four
   */
  pause(worker?: string): string[] {
    return this.#commands('pause').tune(worker, { isPaused: true });
  }

  /** Lets workers poll again, those too that were started with `paused`. */
  resume(worker?: string): string[] {
    return this.#commands('resume').tune(worker, { isPaused: false });
  }

  /**
   * Changes how many tasks each process of a worker executes at the same time. Running tasks go on when it is lowered.
   *
   * @throws ConfigurationError when `concurrency` is none
   */
  setConcurrency(worker: string, concurrency: number): string[] {
    return this.#commands('setConcurrency').tune(worker, { concurrency });
  }

  /**
   * @param pollInterval - milliseconds
   * @throws ConfigurationError when it is none
   */
  setPollInterval(worker: string, pollInterval: number): string[] {
    return this.#commands('setPollInterval').tune(worker, { pollInterval });
  }

  /**
   * Replaces the processes of a worker, one after the other: the old one finishes its tasks and leaves once the new
   * one polls. A worker that was given up is started again.
   *
   * @returns the names of the replicas
   * @throws TuttiError when a new process does not get ready; then the old one goes on
   */
  async restart(worker?: string): Promise<string[]> {
    return await this.#awaited(this.#commands('restart').restart(worker));
  }

  /** The present state of everything, as plain data. */
  status(): OrchestratorStatus {
    const { replicas = [], custody } = this.#supervisor?.status() ?? {};
    return {
      state: this.state,
      pid: process.pid,
      serverUrl: this.#server?.url ?? '',
      healthUrl: this.#health?.url,
      startedAt: this.#startedAt,
      loopDelayMs: this.#supervisor?.loopDelayMs ?? 0,
      replicas,
      custody,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #awaited<T>(work: Promise<T>): Promise<T> {
    return this.#keepAlive?.during(work) ?? work;
  }

  get #replicas(): readonly Replica[] {
    return this.#supervisor?.replicas ?? [];
  }

  #commands(member: string): WorkerCommands {
    const supervisor = this.#supervisor;
    if (supervisor !== undefined) return new WorkerCommands(supervisor);
    throw new TuttiError('ILLEGAL_STATE', `orchestrator.${member}() is available after start()`);
  }

  #connection(member: string): ServerConnection {
    if (this.#server !== undefined) return this.#server;
    throw new TuttiError('ILLEGAL_STATE', `orchestrator.${member} is available after start()`);
  }

  async #start(): Promise<void> {
    const { guard, orphanGraceMs, handlesSignals, connect, health, logger } = this.#options;
    this.#state.to('starting');
    if (handlesSignals) this.#signals.install();
    if (this.#keepAlive !== undefined) process.once('beforeExit', this.#onBeforeExit);
    try {
      if (health !== undefined) {
        this.#health = new HealthServer(health, this, commandsOf(this), logger);
        await this.#health.start();
        if (this.#keepAlive !== undefined) this.#health.unref();
      }
      guard.start(orphanGraceMs);
      const server = await connect();
      if (!this.#state.is('starting')) {
        await server.directory?.close(true);
        return await server.close();
      }
      this.#server = server;
      await this.#health?.makeToken(server.directory);
      if (!this.#state.is('starting')) return;
      this.#supervisor = new Supervisor(this.#options, server, {
        emit: (event, ...data) => emitSafely(this, event, data, logger),
        replicaChanged: () => {
          this.#decideStart();
          this.#stopWhenAllGivenUp();
        },
      });
      await this.#startReplicas(this.#supervisor);
    } catch (error) {
      const isOurs = error instanceof TuttiError;
      this.#failure ??= isOurs ? error : new TuttiError('STARTUP_FAILED', String(error), { cause: error });
      await this.stop().catch(() => undefined);
      throw this.#failure;
    }
  }

  async #startReplicas(supervisor: Supervisor): Promise<void> {
    const { onStartupFailure, onStarted } = this.#options;
    this.#startedAt = Date.now();
    supervisor.start({ replicas: this.#options.replicas });
    await new Promise<void>((resolve) => {
      this.#onDecided = resolve;
      this.#decideStart();
    });
    // Stopped while starting: nothing has failed, and nothing runs.
    if (!this.#state.is('starting')) return;
    const { replicas } = supervisor;
    const failures = replicas.flatMap(({ plan, failure }) =>
      failure === undefined ? [] : [{ replica: plan.name, error: failure }],
    );
    const hasReady = replicas.some((replica) => replica.state === 'ready');
    if (failures.length > 0 && (onStartupFailure === 'stop' || !hasReady)) throw startupError(failures);
    this.#state.to('running');
    supervisor.run();
    onStarted?.(this.status());
  }

  /** The start is over when every replica is ready, given up, or (where that is allowed) waits for another try. */
  #decideStart(): void {
    const isOpen = this.#replicas.some(({ state }) => state === 'spawning' || state === 'idle');
    if (!isOpen || !this.#state.is('starting')) this.#onDecided();
  }

  async #stop(hasGrace: boolean): Promise<void> {
    const { logger, guard } = this.#options;
    const level = this.#state.is('running') ? 'info' : 'debug';
    this.#state.to('stopping');
    this.#onDecided();
    const leaving = this.#supervisor?.stop(this.#options.stopGraceMs, level);
    this.#armGrace = () => leaving?.armGrace();
    if (hasGrace) this.#armGrace();
    await leaving?.stopped;
    await this.#supervisor?.close(this.#server?.directory?.outboxFolder);
    guard.stop();
    // Stopped before there was a supervisor, which closes it.
    if (this.#supervisor === undefined) await this.#server?.directory?.close(true);
    await this.#server
      ?.close()
      .catch((error: unknown) => logger.warn('closing the connection failed', { error }));
    await this.#health?.close();
    this.#supervisor?.reportStop();
    this.#finish();
    // Last: an error of a wait that nobody catches ends the program.
    await this.#server
      ?.closeClients?.()
      .catch((error: unknown) => logger.warn('closing the clients failed', { error }));
  }

  #finish(): void {
    process.off('beforeExit', this.#onBeforeExit);
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

  /** Nothing is left to do in this process, and nobody has stopped the workers: its tests are over. */
  readonly #onBeforeExit = (): void => {
    this.#options.logger.warn('the tests are over, but stop() was not called; the workers are stopped now');
    void this.stop().catch(() => undefined);
    setTimeout(() => this.kill('the tests are over'), FORGOTTEN_GRACE_MS).unref();
  };

  #exitCode(): number {
    if (this.#failure instanceof ConfigurationError) return EXIT_CODES.configuration;
    if (this.#failure?.code === 'STARTUP_FAILED') return EXIT_CODES.failed;
    if (this.#replicas.some((replica) => replica.failure !== undefined)) return EXIT_CODES.givenUp;
    return this.#supervisor?.wasCutOff === true || this.#failure !== undefined
      ? EXIT_CODES.failed
      : EXIT_CODES.clean;
  }

  #stopWhenAllGivenUp(): void {
    if (!this.#state.is('running') || !this.#replicas.every((replica) => replica.state === 'failed')) return;
    this.#failure = allGivenUpError(this.#replicas.flatMap((replica) => replica.failure ?? []));
    void this.stop();
  }
}
