import { randomBytes } from 'node:crypto';
import { TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { StateMachine } from '../core/state-machine.js';
import { EXIT_CODES } from './exit-codes.js';
import { Ledger, type LedgerTask } from './ledger.js';
import type { ErrorReport, LoopReport, OrchestratorMessage, ReadyWorker, WorkerMessage } from './messages.js';
import { describeDeath, type ProcessDeath } from './process-death.js';
import type { LaunchedProcess, ProcessEnd, ProcessLauncher, ProcessMarker } from './process-launcher.js';
import { restartDecision, type RestartOptions } from './restart-policy.js';
import { SLOT_TRANSITIONS, type SlotState } from './states.js';
import { slotStatus } from './slot-status.js';
import type { SlotStatusView } from './status.js';

/** A worker as the orchestrator knows it: never its code, only how it runs. */
export interface PlannedWorker {
  readonly key: string;
  readonly taskType: string;
  readonly concurrency: number;
  readonly pollInterval: number;
  /** The file that exports it, for workers that were discovered. */
  readonly file: string | undefined;
}

export interface SlotPlan {
  readonly name: string;
  readonly workers: readonly PlannedWorker[];
}

export interface SlotOptions {
  readonly launcher: ProcessLauncher;
  readonly serverUrl: string;
  readonly restart: Required<RestartOptions>;
  /** Whether a process is started again that has never been ready. */
  readonly restartsUnready: boolean;
  readonly readyTimeoutMs: number;
  readonly orphanGraceMs: number;
  readonly logger: Logger;
}

/** What a slot tells its orchestrator. */
export interface SlotListener {
  ready(slot: Slot): void;
  /** A process is gone; `tasks` were in flight in it. */
  died(
    slot: Slot,
    death: ProcessDeath,
    reason: string,
    tasks: readonly LedgerTask[],
    workerIds: readonly string[],
  ): void;
  restarting(slot: Slot, delayMs: number, deaths: number): void;
  givenUp(slot: Slot, error: TuttiError): void;
}

/** What is kept of one process of a slot. */
interface Incarnation {
  readonly process: LaunchedProcess;
  readonly readyTimer: NodeJS.Timeout;
  workers: readonly ReadyWorker[];
  loops: readonly LoopReport[];
  readyAt: number | undefined;
  error: ErrorReport | undefined;
  hasSaidStopped: boolean;
  killedFor: string | undefined;
}

/** One worker process over its restarts. */
export class Slot {
  readonly plan: SlotPlan;
  readonly ledger = new Ledger();
  readonly #options: SlotOptions;
  readonly #listener: SlotListener;
  readonly #state: StateMachine<SlotState>;
  #incarnation: Incarnation | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #mayRun = false;
  #isStopping = false;
  #wasReady = false;
  #deaths = 0;
  #restarts = 0;
  #lostToCrashes = 0;
  #nextStartAt: number | undefined;
  #failure: TuttiError | undefined;
  #lastError: string | undefined;
  #onGone: (() => void)[] = [];

  constructor(plan: SlotPlan, options: SlotOptions, listener: SlotListener) {
    this.plan = plan;
    this.#options = options;
    this.#listener = listener;
    this.#state = new StateMachine<SlotState>(`slot ${plan.name}`, SLOT_TRANSITIONS, 'idle', (from, to) =>
      options.logger.debug('slot state', { slot: plan.name, from, to }),
    );
  }

  get state(): SlotState {
    return this.#state.state;
  }

  get pid(): number | undefined {
    return this.#incarnation?.process.pid;
  }

  /** Why it was given up. */
  get failure(): TuttiError | undefined {
    return this.#failure;
  }

  /** Starts the process. What comes of it is told to the listener. */
  start(): void {
    this.#nextStartAt = undefined;
    this.#state.to('spawning');
    let launched: LaunchedProcess;
    try {
      launched = this.#options.launcher.launch(this.#marker());
    } catch (error) {
      this.#state.to('exited');
      this.#lastError = error instanceof Error ? error.message : String(error);
      return this.#decideAfterDeath(0, new TuttiError('PROCESS_FAILED', this.#lastError, { cause: error }));
    }
    const incarnation: Incarnation = {
      process: launched,
      readyTimer: setTimeout(() => this.#notReadyInTime(), this.#options.readyTimeoutMs),
      workers: [],
      loops: [],
      readyAt: undefined,
      error: undefined,
      hasSaidStopped: false,
      killedFor: undefined,
    };
    this.#incarnation = incarnation;
    launched.onMessage((message) => this.#receive(incarnation, message));
    launched.onEnd((end) => this.#ended(incarnation, end));
  }

  /** From now on a process polls as soon as it is ready. */
  run(): void {
    this.#mayRun = true;
    if (this.#state.is('ready')) this.#send({ type: 'run' });
  }

  /** Tells the process to finish its tasks and leave. Resolves when it is gone; a slot without one is done at once. */
  stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    this.#nextStartAt = undefined;
    if (this.#state.is('waiting')) this.#state.to('exited');
    if (this.#state.is('spawning', 'ready')) {
      this.#state.to('stopping');
      this.#send({ type: 'stop' });
    }
    return this.gone();
  }

  /** Resolves when no process is alive. */
  gone(): Promise<void> {
    if (this.#incarnation === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onGone.push(resolve));
  }

  /** Tells the running tasks to end. */
  abort(reason: string): void {
    this.#send({ type: 'abort', reason });
  }

  /** Ends the process and everything that it started, at once. Its tasks are reported as failed for this reason. */
  kill(reason: string): void {
    if (this.#incarnation === undefined) return;
    this.#incarnation.killedFor ??= reason;
    this.#incarnation.process.kill();
  }

  status(): SlotStatusView {
    return slotStatus({
      plan: this.plan,
      state: this.state,
      pid: this.pid,
      readySince: this.#incarnation?.readyAt,
      ready: this.#incarnation?.workers ?? [],
      loops: this.#incarnation?.loops ?? [],
      ledger: this.ledger,
      lostToCrashes: this.#lostToCrashes,
      restarts: this.#restarts,
      lastError: this.#lastError,
      nextStartAt: this.#nextStartAt,
    });
  }

  #marker(): ProcessMarker {
    return {
      slot: this.plan.name,
      workers: this.plan.workers.map((worker) => worker.key),
      files: [
        ...new Set(this.plan.workers.flatMap((worker) => (worker.file === undefined ? [] : [worker.file]))),
      ],
      serverUrl: this.#options.serverUrl,
      incarnation: randomBytes(4).toString('hex'),
      orphanGraceMs: this.#options.orphanGraceMs,
    };
  }

  #send(message: OrchestratorMessage): void {
    this.#incarnation?.process.send(message);
  }

  #receive(incarnation: Incarnation, message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        return this.#ready(incarnation, message.workers);
      case 'failed':
        incarnation.error = message.error;
        return;
      case 'tasks':
        return this.ledger.record(message.started, message.finished, Date.now());
      case 'progress':
        return this.ledger.recordProgress(message.ref, message.progress);
      case 'beat':
        incarnation.loops = message.loops;
        return;
      case 'stopped':
        incarnation.hasSaidStopped = true;
        return;
    }
  }

  #ready(incarnation: Incarnation, workers: readonly ReadyWorker[]): void {
    clearTimeout(incarnation.readyTimer);
    incarnation.workers = workers;
    incarnation.readyAt = Date.now();
    if (!this.#state.is('spawning')) return;
    this.#state.to('ready');
    this.#wasReady = true;
    if (this.#mayRun) this.#send({ type: 'run' });
    this.#listener.ready(this);
  }

  #notReadyInTime(): void {
    this.kill(`it was not ready within ${this.#options.readyTimeoutMs} ms`);
  }

  #ended(incarnation: Incarnation, end: ProcessEnd): void {
    clearTimeout(incarnation.readyTimer);
    this.#incarnation = undefined;
    const wasAsked = this.#state.is('stopping');
    this.#state.to('exited');
    const { error, killedFor } = incarnation;
    const death: ProcessDeath = { pid: incarnation.process.pid, end, error, killedFor };
    const reason = describeDeath(this.plan.name, death);
    const tasks = this.ledger.settle();
    this.#lostToCrashes += tasks.length;
    const isClean =
      wasAsked && end.code === EXIT_CODES.clean && incarnation.hasSaidStopped && tasks.length === 0;
    if (!isClean) this.#lastError = reason;
    this.#listener.died(
      this,
      death,
      reason,
      tasks,
      incarnation.workers.map((worker) => worker.workerId),
    );
    if (!isClean && !this.#isStopping) this.#decideAfterDeath(livedMs(incarnation), toError(death, reason));
    for (const resolve of this.#onGone.splice(0)) resolve();
  }

  #decideAfterDeath(lived: number, error: TuttiError): void {
    const isFinal =
      error.details['exitCode'] === EXIT_CODES.configuration ||
      (!this.#wasReady && !this.#options.restartsUnready);
    const decision = restartDecision(this.#deaths, lived, this.#options.restart);
    this.#deaths = decision.deaths;
    if (isFinal) return this.#giveUp(error);
    if (decision.action === 'give-up') return this.#giveUp(this.#tooManyDeaths(error));
    this.#restarts++;
    this.#state.to('waiting');
    this.#nextStartAt = Date.now() + decision.delayMs;
    this.#restartTimer = setTimeout(() => this.start(), decision.delayMs);
    this.#listener.restarting(this, decision.delayMs, decision.deaths);
  }

  #giveUp(error: TuttiError): void {
    this.#state.to('failed');
    this.#failure = error;
    this.#listener.givenUp(this, error);
  }

  #tooManyDeaths(last: TuttiError): TuttiError {
    const { name } = this.plan;
    const message = `${name} is given up after ${this.#deaths} deaths in a row; the last: ${last.message}`;
    return new TuttiError('PROCESS_GIVEN_UP', message, {
      cause: last,
      details: { slot: name, deaths: this.#deaths },
    });
  }
}

function livedMs(incarnation: Incarnation): number {
  return incarnation.readyAt === undefined ? 0 : Date.now() - incarnation.readyAt;
}

/** The error that stands for a death: what the process reported, with its standard error where it could not. */
function toError(death: ProcessDeath, reason: string): TuttiError {
  const tail = death.end.stderrTail;
  const code = death.killedFor === undefined ? 'PROCESS_FAILED' : 'PROCESS_NOT_READY';
  const text = death.error === undefined && tail !== '' ? `${reason}\n${tail}` : reason;
  return new TuttiError(code, text, {
    cause: death.error,
    details: { pid: death.pid, exitCode: death.end.code, signal: death.end.signal, stderr: tail },
  });
}
