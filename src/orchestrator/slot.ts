import { randomBytes } from 'node:crypto';
import { TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { nativeCallFile, takeNativeCalls } from '../core/native-call-record.js';
import { StateMachine } from '../core/state-machine.js';
import { EXIT_CODES } from './exit-codes.js';
import { Ledger, type LedgerTask } from './ledger.js';
import type { ClaimedTask, OrchestratorMessage } from './messages.js';
import { deathError, describeDeath, type ProcessDeath } from './process-death.js';
import type { ProcessEnd, ProcessLauncher, ProcessMarker } from './process-launcher.js';
import { restartDecision, type RestartOptions } from './restart-policy.js';
import type { WorkerIdentity } from './run-directory.js';
import { SlotProcess, type KillReason } from './slot-process.js';
import { slotStatus } from './slot-status.js';
import { SLOT_TRANSITIONS, type SlotState } from './states.js';
import type { SlotStatusView } from './status.js';

/** A worker as the orchestrator knows it: never its code, only how it runs. */
export interface PlannedWorker {
  readonly key: string;
  readonly taskType: string;
  readonly concurrency: number;
  readonly pollInterval: number;
  /** How long its process may give no sign of progress, in milliseconds. */
  readonly blockedTimeout: number;
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
  /** Where the process puts results that the server refuses. */
  readonly outboxFolder: string | undefined;
  readonly resultsFolder: string | undefined;
  readonly restart: Required<RestartOptions>;
  /** Whether a process is started again that has never been ready. */
  readonly restartsUnready: boolean;
  readonly readyTimeoutMs: number;
  readonly orphanGraceMs: number;
  readonly logger: Logger;
}

/** A process of a slot that is gone. */
export interface SlotDeath extends ProcessDeath {
  /** What happened, in one sentence. */
  readonly reason: string;
  /** What was in flight in it. */
  readonly tasks: readonly LedgerTask[];
  readonly incarnation: string;
  readonly workers: readonly WorkerIdentity[];
  /** Whether the server may have given it tasks that it has not told of. */
  readonly mayHaveMore: boolean;
}

/** What a slot tells its orchestrator. */
export interface SlotListener {
  ready(slot: Slot): void;
  died(slot: Slot, death: SlotDeath): void;
  restarting(slot: Slot, delayMs: number, deaths: number): void;
  givenUp(slot: Slot, error: TuttiError): void;
  taskAdded(slot: Slot, task: LedgerTask): void;
  taskRemoved(slot: Slot, task: LedgerTask): void;
  /** Whether a task that was delivered before may be run. */
  claim(slot: Slot, claimed: ClaimedTask): Promise<boolean>;
  uncertain(slot: Slot): void;
}

/** One worker process over its restarts. */
export class Slot {
  readonly plan: SlotPlan;
  readonly ledger: Ledger;
  readonly #options: SlotOptions;
  readonly #listener: SlotListener;
  readonly #state: StateMachine<SlotState>;
  readonly #blockedTimeoutMs: number;
  #process: SlotProcess | undefined;
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
    this.#blockedTimeoutMs = Math.max(...plan.workers.map((worker) => worker.blockedTimeout));
    this.ledger = new Ledger({
      added: (task) => listener.taskAdded(this, task),
      removed: (task) => listener.taskRemoved(this, task),
    });
    this.#state = new StateMachine<SlotState>(`slot ${plan.name}`, SLOT_TRANSITIONS, 'idle', (from, to) =>
      options.logger.debug('slot state', { slot: plan.name, from, to }),
    );
  }

  get state(): SlotState {
    return this.#state.state;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The ids under which the server knows the workers of the present process. */
  get workers(): WorkerIdentity[] {
    return (this.#process?.workers ?? []).map(({ taskType, workerId }) => ({ taskType, workerId }));
  }

  /** Why it was given up. */
  get failure(): TuttiError | undefined {
    return this.#failure;
  }

  /** Starts the process. What comes of it is told to the listener. */
  start(): void {
    this.#nextStartAt = undefined;
    this.#state.to('spawning');
    const marker = this.#marker();
    try {
      const launched = this.#options.launcher.launch(marker);
      this.#process = new SlotProcess(launched, marker, this.ledger, this.#options.readyTimeoutMs, {
        ready: () => this.#ready(),
        claim: (claimed) => this.#listener.claim(this, claimed),
        uncertain: () => this.#listener.uncertain(this),
        ended: (end) => this.#ended(end),
      });
    } catch (error) {
      this.#state.to('exited');
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#decideAfterDeath(0, new TuttiError('PROCESS_FAILED', this.#lastError, { cause: error }));
    }
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
    if (this.#process === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onGone.push(resolve));
  }

  /** Tells the running tasks to end. */
  abort(reason: string): void {
    this.#send({ type: 'abort', reason });
  }

  /** Tells one task to end; its result is dropped. */
  cancel(task: LedgerTask, reason: string): void {
    this.#process?.cancel(task, reason);
  }

  /** Ends the process and everything that it started, at once. Its tasks are reported as failed for this reason. */
  kill(text: string): void {
    this.#kill({ text, isByTask: false });
  }

  /** Looks whether the process hangs, and ends it then. To be called about every second. */
  watch(now: number): void {
    this.#process?.watch(now, this.#blockedTimeoutMs);
  }

  /** `true` when the leases of its tasks may be extended, otherwise why not. */
  leaseGate(task: LedgerTask): true | string {
    const now = performance.now();
    if ((this.#process?.idleMs ?? 0) >= this.#blockedTimeoutMs)
      return 'its process gives no sign of progress';
    if (task.limitMs > 0 && task.state === 'running' && now - task.startedAt > task.limitMs) {
      return `it runs longer than ${task.limitMs} ms`;
    }
    return true;
  }

  /** @param leaseLeftMs - what is left of the lease of a task, where it is known */
  status(leaseLeftMs: (taskId: string) => number | undefined): SlotStatusView {
    return slotStatus({
      plan: this.plan,
      state: this.state,
      pid: this.pid,
      readySince: this.#process?.readyAt,
      ready: this.#process?.workers ?? [],
      loops: this.#process?.loops ?? [],
      ledger: this.ledger,
      leaseLeftMs,
      lostToCrashes: this.#lostToCrashes,
      restarts: this.#restarts,
      lastError: this.#lastError,
      nextStartAt: this.#nextStartAt,
    });
  }

  #kill(reason: KillReason): void {
    this.#process?.kill(reason);
  }

  #send(message: OrchestratorMessage): void {
    this.#process?.send(message);
  }

  #marker(): ProcessMarker {
    return {
      slot: this.plan.name,
      workers: this.plan.workers.map((worker) => worker.key),
      files: [...new Set(this.plan.workers.flatMap((worker) => worker.file ?? []))],
      serverUrl: this.#options.serverUrl,
      outboxFolder: this.#options.outboxFolder,
      resultsFolder: this.#options.resultsFolder,
      incarnation: randomBytes(4).toString('hex'),
      orphanGraceMs: this.#options.orphanGraceMs,
    };
  }

  #ready(): void {
    // Sent before the process listened, the first one is lost: cluster reads the channel from the beginning.
    if (this.#state.is('stopping')) this.#send({ type: 'stop' });
    if (!this.#state.is('spawning')) return;
    this.#state.to('ready');
    this.#wasReady = true;
    if (this.#mayRun) this.#send({ type: 'run' });
    this.#listener.ready(this);
  }

  #ended(end: ProcessEnd): void {
    const ended = this.#process;
    if (ended === undefined) return;
    const workers = this.workers;
    this.#process = undefined;
    const wasAsked = this.#state.is('stopping');
    this.#state.to('exited');
    const { pid, error, killedFor, readyAt, marker } = ended;
    const nativeCall = takeNativeCalls(nativeCallFile(marker.incarnation));
    const death: ProcessDeath = { pid, end, error, killedFor, nativeCall };
    const reason = describeDeath(this.plan.name, death);
    const tasks = this.ledger.settle();
    const cutOff = tasks.filter((task) => task.state !== 'stored');
    this.#lostToCrashes += cutOff.length;
    const isClean = wasAsked && end.code === EXIT_CODES.clean && ended.hasSaidStopped && cutOff.length === 0;
    if (!isClean) this.#lastError = reason;
    const mayHaveMore = !ended.hasSaidStopped || ended.hasDroppedPoll;
    this.#listener.died(this, {
      ...death,
      reason,
      tasks,
      incarnation: marker.incarnation,
      workers,
      mayHaveMore,
    });
    const livedMs = readyAt === undefined ? 0 : Date.now() - readyAt;
    if (!isClean && !this.#isStopping) this.#decideAfterDeath(livedMs, deathError(death, reason));
    for (const resolve of this.#onGone.splice(0)) resolve();
  }

  #decideAfterDeath(livedMs: number, error: TuttiError): void {
    const isFinal =
      error.details['exitCode'] === EXIT_CODES.configuration ||
      (!this.#wasReady && !this.#options.restartsUnready);
    const decision = restartDecision(this.#deaths, livedMs, this.#options.restart);
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
