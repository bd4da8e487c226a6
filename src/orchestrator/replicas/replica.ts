import { describeThrown, TuttiError } from '../../core/errors.js';
import { StateMachine } from '../../core/state-machine.js';
import { EXIT_CODES } from '../../protocol/exit-codes.js';
import type { LedgerTask } from '../ledger/ledger.js';
import { MemoryKiller } from '../../os/memory-killer.js';
import type { WorkerIdentity, WorkerTuning } from '../../protocol/messages.js';
import { knownSuspect } from '../custody/crash-report.js';
import { causeOfDeath, deathError, deathOf } from '../processes/process-death.js';
import { ProcInspector, type ProcessInspector } from '../../os/process-inspector.js';
import type { ProcessEnd } from '../processes/process-launcher.js';
import { restartDecision, type CountedDeath } from './restart-policy.js';
import type { ReplicaListener } from './replica-listener.js';
import type { ReplicaOptions } from './replica-options.js';
import type { ProcessPlan } from '../processes/process-plan.js';
import type { SupervisedProcess, ProcessListener } from '../processes/supervised-process.js';
import { ReplicaProcesses } from './replica-processes.js';
import { newReplicaRecord, replicaStatus } from './replica-status.js';
import { tooManyDeathsError } from './startup-error.js';
import { REPLICA_TRANSITIONS, type ReplicaState } from '../../protocol/states.js';
import type { ReplicaStatusView } from '../status/status.js';
import type { RestartCause, Verdict } from '../processes/watchdog.js';

/**
 * One worker process over its restarts. While it is replaced there are several: the present one, its successor that is
 * not ready yet, and those that finish their tasks and leave. The state is that of the present one.
 */
export class Replica {
  readonly plan: ProcessPlan;
  readonly #options: ReplicaOptions;
  readonly #listener: ReplicaListener;
  readonly #inspector: ProcessInspector;
  readonly #memoryKiller: MemoryKiller;
  readonly #state: StateMachine<ReplicaState>;
  readonly #processes: ReplicaProcesses;
  readonly #record = newReplicaRecord();
  #restartTimer: NodeJS.Timeout | undefined;
  #mayRun = false;
  #isStopping = false;
  #wasReady = false;
  #failure: TuttiError | undefined;
  #onGone: (() => void)[] = [];

  constructor(plan: ProcessPlan, options: ReplicaOptions, listener: ReplicaListener) {
    this.plan = plan;
    this.#options = options;
    this.#listener = listener;
    this.#inspector = options.inspector ?? new ProcInspector();
    this.#memoryKiller = options.memoryKiller ?? new MemoryKiller();
    this.#processes = new ReplicaProcesses(plan, options, this.#record.counts, this.#processListener);
    this.#state = new StateMachine<ReplicaState>(
      `replica ${plan.name}`,
      REPLICA_TRANSITIONS,
      'idle',
      (from, to) => options.logger.debug('replica state', { replica: plan.name, from, to }),
    );
  }

  get state(): ReplicaState {
    return this.#state.state;
  }

  get pid(): number | undefined {
    return this.#processes.current?.pid;
  }

  /** The ids under which the server knows the workers of the present process. */
  get workers(): WorkerIdentity[] {
    return this.#processes.current?.identities ?? [];
  }

  /** Why it was given up. */
  get failure(): TuttiError | undefined {
    return this.#failure;
  }

  /** What is in flight in all its processes. */
  tasks(): LedgerTask[] {
    return this.#processes.all().flatMap((process) => process.ledger.tasks());
  }

  /** A fresh process is on its way to take over. */
  get isBeingReplaced(): boolean {
    return this.#processes.succession.process !== undefined;
  }

  /** Starts the process. What comes of it is told to the listener. */
  start(): void {
    this.#record.nextStartAt = undefined;
    this.#state.to('spawning');
    try {
      this.#processes.current = this.#processes.launch();
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
    this.#processes.succession.fail(new TuttiError('ILLEGAL_STATE', `${this.plan.name} is being stopped`));
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
   * Lets a fresh process take over: the present one finishes its tasks and leaves once the new one is ready. Where
   * none is alive, one is started at once. Resolves when the new process polls.
   *
   * @throws TuttiError when the new process does not get ready; the present one goes on
   */
  async replace(cause: RestartCause, reason: string): Promise<void> {
    if (this.#isStopping || this.#state.is('idle', 'stopping', 'exited')) {
      throw new TuttiError(
        'ILLEGAL_STATE',
        `${this.plan.name} cannot be started again while it is "${this.state}"`,
      );
    }
    const done = this.#processes.succession.begin(cause, reason);
    if (this.#state.is('waiting', 'failed')) this.#startNow();
    else if (this.#state.is('ready') && !this.isBeingReplaced) this.#launchSuccessor();
    await done;
  }

  /** Tells the running tasks to end. */
  abort(reason: string): void {
    for (const process of this.#processes.all()) process.send({ type: 'abort', reason });
  }

  /** Tells one task to end; its result is dropped. */
  cancel(task: LedgerTask, reason: string): void {
    this.#processes.ownerOf(task)?.cancel(task, reason);
  }

  /** Ends its processes and all that they started, at once. Their tasks are reported as failed for this reason. */
  kill(text: string): void {
    for (const process of this.#processes.all()) process.kill({ text, isByTask: false });
  }

  /** Changes a worker by its index, in the present process and all to come. */
  tune(worker: number, tuning: WorkerTuning): void {
    this.#processes.tune(worker, tuning);
  }

  /**
   * Looks at its processes, ends those that hang, and lets the present one be replaced when it is time. To be called
   * about every second.
   *
   * @param mayReplace - false while others are being replaced: not all at the same time
   */
  watch(now: number, mayReplace = true): void {
    const verdict = this.#processes.watch(now, this.#inspector);
    if (verdict !== undefined && mayReplace) this.#replaceIfDue(now, verdict);
  }

  /** `true` when the leases of its tasks may be extended, otherwise why not. */
  leaseGate(task: LedgerTask): true | string {
    return this.#processes.ownerOf(task)?.leaseGate(task) ?? true;
  }

  /** The lease of one of its tasks has ended before the task. */
  leaseLapsed(): void {
    this.#record.leasesLost++;
  }

  /** @param leaseLeftMs - what is left of the lease of a task, where it is known */
  status(leaseLeftMs: (taskId: string) => number | undefined): ReplicaStatusView {
    return replicaStatus(this.plan, this.state, this.#record, this.#processes, leaseLeftMs);
  }

  readonly #processListener: ProcessListener = {
    ready: (process) => this.#ready(process),
    claim: (claimed) => this.#listener.claim(this, claimed),
    uncertain: (process) => this.#listener.uncertain(this, process.identities),
    taskAdded: (task) => {
      this.#record.received++;
      this.#listener.taskAdded(this, task);
    },
    taskRemoved: (task) => this.#listener.taskRemoved(this, task),
    ended: (process, end) => this.#ended(process, end),
  };

  #startNow(): void {
    clearTimeout(this.#restartTimer);
    this.#failure = undefined;
    this.#record.deaths = 0;
    this.#count('command');
    this.start();
  }

  #launchSuccessor(): void {
    try {
      this.#processes.succession.process = this.#processes.launch();
    } catch (error) {
      this.#successorFailed(new TuttiError('PROCESS_FAILED', describeThrown(error), { cause: error }));
    }
  }

  #replaceIfDue(now: number, { cause, text }: Verdict): void {
    const { leaving, succession } = this.#processes;
    if (!this.#state.is('ready') || leaving.size > 0 || !succession.mayBegin(now)) return;
    this.replace(cause, text).catch(() => undefined);
  }

  #ready(process: SupervisedProcess): void {
    // Sent before the process listened, the first one is lost: cluster reads the channel from the beginning.
    if (this.#isStopping) process.stop();
    if (process === this.#processes.succession.process) this.#takeOver();
    else if (this.#state.is('spawning')) this.#state.to('ready');
    else return;
    this.#wasReady = true;
    this.#processes.sendTunings(process);
    if (this.#mayRun) process.send({ type: 'run' });
    this.#listener.ready(this);
    this.#processes.succession.succeed();
  }

  #takeOver(): void {
    const { cause, reason } = this.#processes.succession;
    const old = this.#processes.takeOver();
    this.#count(cause);
    this.#listener.replaced?.(this, { cause, reason, oldPid: old?.pid ?? 0, pid: this.pid ?? 0 });
    old?.stop();
  }

  #ended(process: SupervisedProcess, end: ProcessEnd): void {
    const role = this.#processes.remove(process);
    if (role === 'current') this.#state.to('exited');
    const death = deathOf(this.plan, process, end, this.#memoryKiller);
    this.#record.lostToCrashes += death.cutOff;
    if (!death.isClean) this.#record.lastError = death.reason;
    this.#listener.died(this, death);
    const { livedMs } = process;
    const error = deathError(death, death.reason);
    if (role === 'successor') this.#successorFailed(error);
    if (role === 'current' && !this.#isStopping) {
      const isBySuspect = (death.killedFor?.isByTask ?? true) && knownSuspect(death.tasks) !== undefined;
      this.#decideAfterDeath({ livedMs, isBySuspect }, causeOfDeath(death), error);
    }
    if (this.#processes.all().length === 0) for (const resolve of this.#onGone.splice(0)) resolve();
  }

  /** The present process goes on. */
  #successorFailed(error: TuttiError): void {
    const { cause } = this.#processes.succession;
    this.#processes.succession.fail(error);
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
    this.#processes.succession.process?.kill({ text: 'its replica is given up', isByTask: false });
    this.#processes.succession.fail(error);
    this.#listener.givenUp(this, error);
  }

  #count(cause: RestartCause): void {
    this.#record.restartsBy[cause] = (this.#record.restartsBy[cause] ?? 0) + 1;
  }
}
