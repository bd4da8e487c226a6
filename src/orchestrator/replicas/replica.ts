import { describeThrown, TuttiError } from '../../core/errors.js';
import { StateMachine } from '../../core/state-machine.js';
import { EXIT_CODES } from '../../protocol/exit-codes.js';
import type { LedgerTask } from '../ledger/ledger-task.js';
import type { ProcessDeath } from '../ledger/process-death.js';
import { Tally } from '../ledger/tally.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import { knownSuspect } from '../custody/crash-report.js';
import { deathError } from '../processes/cause-of-death.js';
import { restartDecision, type CountedDeath } from './restart-policy.js';
import type { Renewal, Replacement } from './reconciliation.js';
import type { ReplicaOptions } from './replica-options.js';
import type { ProcessPlan } from '../processes/process-plan.js';
import type { SupervisedProcess, ProcessListener } from '../processes/supervised-process.js';
import { ReplicaProcesses } from './replica-processes.js';
import { newReplicaRecord, replicaStatus } from './replica-status.js';
import { tooManyDeathsError } from './startup-error.js';
import { Succession } from './succession.js';
import { REPLICA_TRANSITIONS, type ReplicaState, type RestartCause } from '../../protocol/states.js';
import type { ReplicaStatusView } from '../status/status.js';

/** What a replica reports of itself. Of its tasks the ledger learns directly. */
export interface ReplicaListener {
  /** A process is ready; it is the current one of its replica. */
  ready(replica: Replica): void;
  /** @param failedTasks - ids of the tasks that are reported as failed */
  died(replica: Replica, death: ProcessDeath, failedTasks: readonly string[]): void;
  restarting(replica: Replica, delayMs: number, deaths: number): void;
  givenUp(replica: Replica, error: TuttiError): void;
  /** A fresh process has taken over; the old one finishes its tasks and leaves. */
  replaced?(replica: Replica, replacement: Replacement): void;
  /** The fresh process did not get ready; the old one goes on. */
  replaceFailed?(replica: Replica, cause: RestartCause, error: TuttiError): void;
}

/**
 * One worker process over its restarts. While it is replaced there are several: the current one, its successor that is
 * not ready yet, and those that finish their tasks and leave. The state is that of the current one.
 */
export class Replica {
  #plan: ProcessPlan;
  readonly #options: ReplicaOptions;
  readonly #listener: ReplicaListener;
  readonly #state: StateMachine<ReplicaState>;
  readonly #processes: ReplicaProcesses;
  readonly #succession = new Succession();
  readonly #record = newReplicaRecord();
  /** By the keys of the workers. */
  readonly #tallies = new Map<string, Tally>();
  #restartTimer: NodeJS.Timeout | undefined;
  #mayRun = false;
  #isStopping = false;
  #wasReady = false;
  #failure: TuttiError | undefined;
  #onGone: (() => void)[] = [];

  constructor(plan: ProcessPlan, options: ReplicaOptions, listener: ReplicaListener) {
    this.#plan = plan;
    this.#options = options;
    this.#listener = listener;
    this.#processes = new ReplicaProcesses(options, (one) => this.#talliesOf(one), this.#processListener);
    this.#state = new StateMachine<ReplicaState>(
      `replica ${plan.name}`,
      REPLICA_TRANSITIONS,
      'idle',
      (from, to) => options.logger.debug('replica state', { replica: plan.name, from, to }),
    );
  }

  /** What its next process is started with. */
  get plan(): ProcessPlan {
    return this.#plan;
  }

  get state(): ReplicaState {
    return this.#state.state;
  }

  get pid(): number | undefined {
    return this.#processes.current?.pid;
  }

  /** Why it was given up. */
  get failure(): TuttiError | undefined {
    return this.#failure;
  }

  /** What is in flight in all its processes. */
  tasks(): LedgerTask[] {
    return this.#processes.tasks();
  }

  /** A fresh process is on its way to take over. */
  get isBeingReplaced(): boolean {
    return this.#processes.successor !== undefined;
  }

  /** Starts the process. The outcome is reported to the listener. */
  start(): void {
    this.#record.nextStartAt = undefined;
    this.#state.to('spawning');
    try {
      this.#processes.launchCurrent(this.plan);
    } catch (error) {
      this.#state.to('exited');
      const message = describeThrown(error);
      this.#record.lastError = message;
      const death = { livedMs: 0, isBySuspect: false };
      this.#decideAfterDeath(death, 'crash', new TuttiError('PROCESS_FAILED', message, { cause: error }));
    }
  }

  /** From now on a process polls as soon as it is ready. */
  run(): void {
    this.#mayRun = true;
    if (this.#state.is('ready')) this.#processes.current?.send({ type: 'run' });
  }

  /** Tells all processes to finish their tasks and leave. Resolves when they are gone. */
  stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    this.#record.nextStartAt = undefined;
    this.#succession.fail(new TuttiError('ILLEGAL_STATE', `${this.plan.name} is being stopped`));
    if (this.#state.is('waiting')) this.#state.to('exited');
    if (this.#state.is('spawning', 'ready')) this.#state.to('stopping');
    for (const process of this.#processes.all()) process.stop();
    return this.gone();
  }

  /** Resolves when no process is alive. */
  gone(): Promise<void> {
    if (this.#processes.all().length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onGone.push(resolve));
  }

  /**
   * Lets a fresh process take over: the current one finishes its tasks and leaves once the new one is ready. Where
   * none is alive, one is started at once. Resolves when the new process polls.
   *
   * @param plan - of the fresh process and all to come
   * @throws TuttiError when the new process does not get ready; the current one goes on
   */
  async replace({ cause, reason }: Renewal, plan: ProcessPlan = this.#plan): Promise<void> {
    if (this.#isStopping || this.#state.is('idle', 'stopping', 'exited')) {
      throw new TuttiError(
        'ILLEGAL_STATE',
        `${this.plan.name} cannot be started again while it is "${this.state}"`,
      );
    }
    this.#plan = plan;
    const done = this.#succession.begin(cause, reason);
    if (this.#state.is('waiting', 'failed')) this.#startNow();
    else if (this.#state.is('ready') && !this.isBeingReplaced) this.#launchSuccessor();
    await done;
  }

  /** Tells the running tasks to end. */
  abort(reason: string): void {
    for (const process of this.#processes.all()) process.send({ type: 'abort', reason });
  }

  /** Ends its processes and all that they started, at once. Their tasks are reported as failed for this reason. */
  kill(text: string): void {
    for (const process of this.#processes.all()) process.kill({ text, isByTask: false });
  }

  /** Changes a worker by its key, in the current process and all to come. */
  tune(key: string, tuning: WorkerTuning): void {
    this.#processes.tune(key, tuning);
  }

  /**
   * Looks at its processes, and ends those that hang. To be called about every second.
   *
   * @returns why it is time for a fresh process to take over; `undefined`: it is not
   */
  watch(now: number): Renewal | undefined {
    const verdict = this.#processes.watch(now, this.#options.inspector);
    const isUnderWay = this.isBeingReplaced || this.#processes.areLeaving;
    if (verdict === undefined || isUnderWay || !this.#state.is('ready')) return undefined;
    return this.#succession.mayBegin(now) ? { cause: verdict.cause, reason: verdict.text } : undefined;
  }

  /** @param leaseLeftMs - what is left of the lease of a task, where it is known */
  status(leaseLeftMs: (taskId: string) => number | undefined): ReplicaStatusView {
    const shown = {
      plan: this.plan,
      state: this.state,
      record: this.#record,
      processes: this.#processes,
      tallies: this.#talliesOf(this.plan),
    };
    return replicaStatus(shown, leaseLeftMs);
  }

  readonly #processListener: ProcessListener = {
    ready: (process) => this.#ready(process),
    died: (process, death, failedTasks) => this.#died(process, death, failedTasks),
  };

  /** What is counted for the workers of a plan, by their index. */
  #talliesOf({ workers }: ProcessPlan): Tally[] {
    return workers.map(({ key }) => {
      const tally = this.#tallies.get(key) ?? new Tally(this.#options.meter, this.#plan.name, key);
      this.#tallies.set(key, tally);
      return tally;
    });
  }

  #startNow(): void {
    clearTimeout(this.#restartTimer);
    this.#failure = undefined;
    this.#record.deaths = 0;
    this.#count('command');
    this.start();
  }

  #launchSuccessor(): void {
    try {
      this.#processes.launchSuccessor(this.plan);
    } catch (error) {
      this.#successorFailed(new TuttiError('PROCESS_FAILED', describeThrown(error), { cause: error }));
    }
  }

  #ready(process: SupervisedProcess): void {
    // Sent before the process listened, the first one is lost: cluster reads the channel from the beginning.
    if (this.#isStopping) process.stop();
    if (process === this.#processes.successor) this.#takeOver();
    else if (this.#state.is('spawning')) this.#state.to('ready');
    else return;
    this.#wasReady = true;
    this.#processes.sendTunings(process);
    if (this.#mayRun) process.send({ type: 'run' });
    this.#listener.ready(this);
    this.#succession.succeed();
  }

  #takeOver(): void {
    const { cause, reason } = this.#succession;
    const old = this.#processes.takeOver();
    this.#count(cause);
    this.#listener.replaced?.(this, { cause, reason, oldPid: old?.pid ?? 0, pid: this.pid ?? 0 });
    old?.stop();
  }

  #died(process: SupervisedProcess, death: ProcessDeath, failedTasks: readonly string[]): void {
    const role = this.#processes.remove(process);
    if (role === 'current') this.#state.to('exited');
    if (!death.isClean) this.#record.lastError = death.reason;
    this.#listener.died(this, death, failedTasks);
    const error = deathError(death);
    if (role === 'successor') this.#successorFailed(error);
    if (role === 'current' && !this.#isStopping) {
      const isBySuspect = death.isByTask && knownSuspect(death.tasks) !== undefined;
      this.#decideAfterDeath({ livedMs: death.livedMs, isBySuspect }, death.cause, error);
    }
    if (this.#processes.all().length === 0) for (const resolve of this.#onGone.splice(0)) resolve();
  }

  /** The current process goes on. */
  #successorFailed(error: TuttiError): void {
    const { cause } = this.#succession;
    this.#succession.fail(error);
    if (!this.#isStopping) this.#listener.replaceFailed?.(this, cause, error);
  }

  #decideAfterDeath(death: Omit<CountedDeath, 'before'>, cause: RestartCause, error: TuttiError): void {
    const isFinal =
      error.details['exitCode'] === EXIT_CODES.configuration ||
      (!this.#wasReady && !this.#options.restartsUnready);
    const decision = restartDecision({ ...death, before: this.#record.deaths }, this.#options.restart);
    const { action, deaths } = decision;
    this.#record.deaths = deaths;
    if (isFinal) return this.#giveUp(error);
    if (action === 'give-up') return this.#giveUp(tooManyDeathsError(this.plan.name, deaths, error));
    this.#count(cause);
    this.#state.to('waiting');
    if (this.isBeingReplaced) {
      // The process that was to take over is on its way already.
      this.#processes.takeOver();
      return this.#state.to('spawning');
    }
    this.#record.nextStartAt = Date.now() + decision.delayMs;
    this.#restartTimer = setTimeout(() => this.start(), decision.delayMs);
    if (this.#options.keepsProcessAlive === false) this.#restartTimer.unref();
    this.#listener.restarting(this, decision.delayMs, decision.deaths);
  }

  #giveUp(error: TuttiError): void {
    this.#state.to('failed');
    this.#failure = error;
    this.#processes.successor?.kill({ text: 'its replica is given up', isByTask: false });
    this.#succession.fail(error);
    this.#listener.givenUp(this, error);
  }

  #count(cause: RestartCause): void {
    this.#record.restartsBy[cause] = (this.#record.restartsBy[cause] ?? 0) + 1;
  }
}
