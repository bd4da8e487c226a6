import type { Ledger, ProcessAccount } from '../ledger/ledger.js';
import type { LedgerTask, TaskProcess } from '../ledger/ledger-task.js';
import type { KillReason, ProcessDeath, ProcessEnd } from '../ledger/process-death.js';
import type { Tally } from '../ledger/tally.js';
import type { MemoryKiller } from '../../os/memory-killer.js';
import { readWorkerMessage } from '../../protocol/message-check.js';
import type {
  Beat,
  ErrorReport,
  OrchestratorMessage,
  ReadyWorker,
  StartedEntry,
  WorkerIdentity,
  WorkerMessage,
} from '../../protocol/messages.js';
import { ProcessFigures } from './process-figures.js';
import type { ProcessInspector } from '../../os/process-inspector.js';
import { deathOf } from './cause-of-death.js';
import type { LaunchedProcess } from './process-launcher.js';
import { takeNativeCalls } from '../../protocol/native-call-record.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import { ProcessProgress } from './process-progress.js';
import { blockedTimeoutOf, type ProcessPlan } from './process-plan.js';
import { judge, type Verdict, type WatchFacts } from './watchdog.js';

/** How long a process without tasks may take to leave: it waits for its poll under way. */
const LEAVE_WAIT_MS = 30_000;

/** What a process reports to its replica. Of its tasks the ledger learns directly. */
export interface ProcessListener {
  ready(process: SupervisedProcess): void;
  /**
   * It is gone, and everything that it wrote is read.
   *
   * @param failedTasks - ids of the tasks that are reported as failed
   */
  died(process: SupervisedProcess, death: ProcessDeath, failedTasks: readonly string[]): void;
}

export interface SupervisedProcessOptions {
  readonly plan: ProcessPlan;
  readonly marker: ProcessMarker;
  readonly ledger: Ledger;
  /** What the replica counts for each worker of the plan, over all its processes. */
  readonly tallies: readonly Tally[];
  readonly memoryKiller: MemoryKiller;
  readonly readyTimeoutMs: number;
}

/** One process of a replica, from its start to its end. */
export class SupervisedProcess implements TaskProcess {
  /** Its part of the ledger: the tasks that are in it. */
  readonly account: ProcessAccount;
  readonly plan: ProcessPlan;
  readonly figures = new ProcessFigures();
  readonly #marker: ProcessMarker;
  readonly #memoryKiller: MemoryKiller;
  readonly #launched: LaunchedProcess;
  readonly #listener: ProcessListener;
  readonly #readyTimer: NodeJS.Timeout;
  readonly #blockedTimeoutMs: number;
  #progress: ProcessProgress | undefined;
  #isDebugged = false;
  #isHeld = false;
  #readyTick = 0;
  #leavingSince: number | undefined;
  #workers: readonly ReadyWorker[] = [];
  #beat: Beat | undefined;
  #readyAt: number | undefined;
  /** What it reported before it ended. */
  #error: ErrorReport | undefined;
  #hasSaidStopped = false;
  /** Its main file has called `bootstrap()`. */
  #hasBegunBuilding = false;
  #hasDroppedPoll = false;
  #killedFor: KillReason | undefined;

  constructor(launched: LaunchedProcess, options: SupervisedProcessOptions, listener: ProcessListener) {
    this.#marker = options.marker;
    this.plan = options.plan;
    this.#memoryKiller = options.memoryKiller;
    this.#launched = launched;
    this.#listener = listener;
    this.#blockedTimeoutMs = blockedTimeoutOf(options.plan);
    this.account = options.ledger.open(this, options.tallies);
    this.#readyTimer = setTimeout(() => {
      const text = `it was not ready within ${options.readyTimeoutMs} ms (readyTimeout)`;
      this.kill({ text, cause: 'not-ready', isByTask: false });
    }, options.readyTimeoutMs);
    this.#readyTimer.unref();
    launched.onMessage((received) => this.#read(received));
    launched.onUnreadable((text) => this.kill({ text, isByTask: true }));
    launched.onEnd((end) => this.#died(end));
  }

  get pid(): number {
    return this.#launched.pid;
  }

  /** The ids under which the server knows its workers. */
  get identities(): WorkerIdentity[] {
    return this.#workers.map(({ taskType, workerId }) => ({ taskType, workerId }));
  }

  /** What it has reported of its workers when it got ready. */
  get workers(): readonly ReadyWorker[] {
    return this.#workers;
  }

  /** What it has last reported of itself. */
  get beat(): Beat | undefined {
    return this.#beat;
  }

  /** Epoch milliseconds; `undefined` until it is ready. */
  get readyAt(): number | undefined {
    return this.#readyAt;
  }

  /** Why the orchestrator has killed it, when it did. */
  get killedFor(): KillReason | undefined {
    return this.#killedFor;
  }

  /** Milliseconds since it got ready; 0 before. */
  get livedMs(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyTick;
  }

  send(message: OrchestratorMessage): void {
    this.#launched.send(message);
  }

  /** Lets it finish its tasks and leave. May be sent twice: what arrives before the process listens is lost. */
  stop(): void {
    this.#leavingSince ??= performance.now();
    this.send({ type: 'stop' });
  }

  /** Ends the process and everything that it started, at once. */
  kill(reason: KillReason): void {
    this.#killedFor ??= reason;
    this.#launched.kill();
  }

  cancel(task: LedgerTask, reason: string): void {
    this.send({ type: 'cancel', ref: task.ref, reason });
  }

  /** Milliseconds without a sign of progress; 0 before it is ready and while a debugger may hold it. */
  get idleMs(): number {
    return this.#isDebugged || this.#isHeld ? 0 : (this.#progress?.idleMs ?? 0);
  }

  /** Milliseconds since its event loop last answered. */
  silentMs(now: number): number {
    return this.#progress?.silentMs(now) ?? 0;
  }

  get isStopped(): boolean {
    return this.#progress?.isStopped ?? false;
  }

  /** A debugger that it cannot report holds it. It cannot report the end of that either: look again. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** What was found of such a debugger. Time in which there was one does not count. */
  heldByDebugger(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#progress?.forgive();
  }

  /** `true` when the lease of one of its tasks may be extended, otherwise why not. */
  leaseGate(task: LedgerTask): true | string {
    if (this.idleMs >= this.#blockedTimeoutMs) return 'its process gives no sign of progress';
    return this.#beyondLimitMs(task, performance.now()) > 0 ? `it runs longer than ${task.limitMs} ms` : true;
  }

  leaseLapsed(task: LedgerTask): void {
    this.account.leaseLapsed(task);
  }

  /** Looks at the process; to be called about every second. @returns what is to be done about it */
  watch(now: number, inspector: ProcessInspector): Verdict | undefined {
    const sample = inspector.sample(this.pid);
    this.figures.look(now, sample);
    if (this.#progress === undefined || this.#killedFor !== undefined) return undefined;
    this.#progress.look(now, sample, () => inspector.descendants(this.pid));
    const verdict = judge({
      idleMs: this.idleMs,
      isStopped: this.isStopped,
      isDebugged: this.#isDebugged || this.#isHeld,
      blockedTimeoutMs: this.#blockedTimeoutMs,
      longest: this.#longest(now),
      loop: this.#latestLoop(),
      lingeringMs: this.#beat?.lingeringMs ?? 0,
      residentMb: this.figures.residentMb,
      ageMs: now - this.#readyTick,
      tasks: this.account.ended,
      limits: this.plan.limits ?? {},
    });
    if (this.#leavingSince === undefined || verdict?.action === 'kill') return verdict;
    const hasTime = this.account.size > 0 || now - this.#leavingSince < LEAVE_WAIT_MS;
    if (hasTime) return undefined;
    const text = `it has no tasks and did not leave within ${LEAVE_WAIT_MS} ms`;
    return { action: 'kill', cause: 'blocked', text };
  }

  /**
   * By how much the code of a task goes on after its limit, as far as is known: an event loop that answers has ended
   * the task itself, and then only its result is still on its way.
   */
  #beyondLimitMs({ limitMs, runningSince, state }: LedgerTask, now: number): number {
    const mayGoOn = limitMs > 0 && state === 'running' && this.#progress?.isSilent(now) === true;
    return mayGoOn ? Math.max(0, now - (runningSince ?? now) - limitMs) : 0;
  }

  #longest(now: number): WatchFacts['longest'] {
    let longest: WatchFacts['longest'];
    for (const task of this.account.tasks()) {
      const beyondMs = this.#beyondLimitMs(task, now);
      if (beyondMs > (longest?.beyondMs ?? 0))
        longest = { taskId: task.taskId, limitMs: task.limitMs, beyondMs };
    }
    return longest;
  }

  #latestLoop(): { worker: string; overdueMs: number } | undefined {
    const loops = this.#beat?.loops ?? [];
    const latest = loops.reduce(
      (worst, loop, index) => (loop.overdueMs > (loops[worst]?.overdueMs ?? 0) ? index : worst),
      0,
    );
    const overdueMs = loops[latest]?.overdueMs ?? 0;
    return overdueMs === 0
      ? undefined
      : { worker: this.plan.workers[latest]?.key ?? this.plan.name, overdueMs };
  }

  /** What is not a valid message ends the process: what it has, and what it does, cannot be known any more. */
  #read(received: object): void {
    const read = readWorkerMessage(received);
    const problem = 'problem' in read ? read.problem : this.#contradictionIn(read.message);
    if (problem !== undefined)
      return this.kill({ text: `it sent a message that is not valid: ${problem}`, isByTask: true });
    if ('message' in read) this.#receive(read.message);
  }

  /** What cannot be, for all that is known of the process. */
  #contradictionIn(message: WorkerMessage): string | undefined {
    const isReady = this.#readyAt !== undefined;
    const { length } = this.plan.workers;
    switch (message.type) {
      case 'ready':
        if (isReady) return 'ready was sent before';
        return message.workers.length === length
          ? undefined
          : `ready.workers must have ${length} entries, got ${message.workers.length}`;
      case 'beat':
        return message.loops.length <= length
          ? undefined
          : `beat.loops must have ${length} entries, got ${message.loops.length}`;
      case 'tasks':
        if (!isReady) return 'tasks was sent before ready';
        if (message.duplicates.some((worker) => worker >= length))
          return `tasks.duplicates: there are ${length} workers`;
        return this.#contradictionInStarted(message.started);
      case 'building':
      case 'failed':
      case 'claim':
      case 'uncertain':
      case 'progress':
      case 'stopped':
        return undefined;
    }
  }

  #contradictionInStarted(started: readonly StartedEntry[]): string | undefined {
    const refs = new Set<number>();
    for (const [index, [ref, , , worker]] of started.entries()) {
      const path = `tasks.started[${index}]`;
      if (refs.has(ref) || this.account.hasRef(ref))
        return `${path}[0]: a task in flight has the number ${ref}`;
      if (worker >= this.plan.workers.length) return `${path}[3]: there is no worker ${worker}`;
      refs.add(ref);
    }
    return undefined;
  }

  #receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#readyTimer);
        this.#hasBegunBuilding = true;
        this.#workers = message.workers;
        this.#readyAt = Date.now();
        this.#isDebugged = message.isDebugged;
        this.#readyTick = performance.now();
        this.#progress = new ProcessProgress(this.#readyTick);
        this.account.ready();
        return this.#listener.ready(this);
      case 'building':
        this.#hasBegunBuilding = true;
        return;
      case 'failed':
        this.#error = message.error;
        return;
      case 'tasks':
        this.account.recordDuplicates(message.duplicates);
        return this.account.record(message.started, message.marks, message.finished, performance.now());
      case 'progress':
        for (const [ref, progress] of message.progress) this.account.recordProgress(ref, progress);
        return;
      case 'beat':
        this.#beat = message;
        this.#isDebugged = message.isDebugged;
        this.#isHeld = false;
        this.figures.reported(message.residentBytes);
        message.loops.forEach(({ durations }, worker) => this.account.recordDurations(worker, durations));
        return this.#progress?.beat(performance.now());
      case 'claim':
        return this.#answer(message);
      case 'uncertain':
        return this.account.uncertain();
      case 'stopped':
        this.#hasSaidStopped = true;
        this.#hasDroppedPoll = message.hasDroppedPoll;
        return;
    }
  }

  #died(end: ProcessEnd): void {
    clearTimeout(this.#readyTimer);
    const { name: replica, limits } = this.plan;
    const { nativeCallsFile, incarnation } = this.#marker;
    const killedFor = this.#killedFor;
    const mayBeKilledForMemory = killedFor === undefined && end.signal === 'SIGKILL';
    const death = deathOf({
      ...end,
      replica,
      pid: this.pid,
      incarnation,
      workers: this.identities,
      livedMs: this.livedMs,
      error: this.#error,
      killedFor,
      nativeCall: nativeCallsFile === undefined ? undefined : takeNativeCalls(nativeCallsFile),
      isByMemoryKiller: mayBeKilledForMemory && this.#memoryKiller.explains(performance.now()),
      hasBegunBuilding: this.#hasBegunBuilding,
      heapMb: limits?.heapMb,
      tasks: this.account.tasks(),
      mayHaveMore: !this.#hasSaidStopped || this.#hasDroppedPoll,
      hasLeft: this.#leavingSince !== undefined && this.#hasSaidStopped,
    });
    this.#listener.died(this, death, this.account.close(death));
  }

  #answer(message: Extract<WorkerMessage, { type: 'claim' }>): void {
    void this.account
      .mayRun(message)
      .then((mayRun) => this.send({ type: 'claimed', claim: message.claim, mayRun }));
  }
}
