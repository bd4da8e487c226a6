import { Ledger, type EndCounts, type LedgerTask } from '../ledger/ledger.js';
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
import type { LaunchedProcess, ProcessEnd } from './process-launcher.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import { ProcessProgress } from './process-progress.js';
import { blockedTimeoutOf, type ProcessPlan } from './process-plan.js';
import { judge, type RestartCause, type Verdict, type WatchFacts } from './watchdog.js';

/** A process that was told to leave and has no task any more may take so long: a poll under way is awaited. */
const LEAVE_WAIT_MS = 30_000;

/** Why the orchestrator has killed a process. */
export interface KillReason {
  readonly text: string;
  readonly cause?: RestartCause;
  /** A task may be to blame (it hung); not so when the application stops. */
  readonly isByTask: boolean;
}

/** What a process tells its replica. */
export interface ProcessListener {
  ready(process: SupervisedProcess): void;
  /** Asks whether a task may be run. */
  claim(message: Extract<WorkerMessage, { type: 'claim' }>): Promise<boolean>;
  uncertain(process: SupervisedProcess): void;
  taskAdded(task: LedgerTask): void;
  taskRemoved(task: LedgerTask): void;
  /** It is gone, and everything that it wrote is read. */
  ended(process: SupervisedProcess, end: ProcessEnd): void;
}

export interface SupervisedProcessOptions {
  readonly plan: ProcessPlan;
  readonly marker: ProcessMarker;
  /** Those of the replica, over all its processes. */
  readonly counts: EndCounts;
  readonly readyTimeoutMs: number;
}

/** One process of a replica, from its start to its end, with the tasks that are in it. */
export class SupervisedProcess {
  readonly marker: ProcessMarker;
  readonly ledger: Ledger;
  readonly figures = new ProcessFigures();
  readonly #plan: ProcessPlan;
  readonly #launched: LaunchedProcess;
  readonly #listener: ProcessListener;
  readonly #readyTimer: NodeJS.Timeout;
  readonly #blockedTimeoutMs: number;
  #progress: ProcessProgress | undefined;
  #isDebugged = false;
  #isHeld = false;
  #readyTick = 0;
  #leavingSince: number | undefined;
  workers: readonly ReadyWorker[] = [];
  /** What it has last told of itself. */
  beat: Beat | undefined;
  /** Epoch milliseconds; `undefined` until it is ready. */
  readyAt: number | undefined;
  /** What it reported before it ended. */
  error: ErrorReport | undefined;
  hasSaidStopped = false;
  /** Its main file has called `bootstrap()`. */
  hasBegunBuilding = false;
  hasDroppedPoll = false;
  killedFor: KillReason | undefined;

  constructor(launched: LaunchedProcess, options: SupervisedProcessOptions, listener: ProcessListener) {
    this.marker = options.marker;
    this.#plan = options.plan;
    this.#launched = launched;
    this.#listener = listener;
    this.#blockedTimeoutMs = blockedTimeoutOf(options.plan);
    this.ledger = new Ledger(
      { added: (task) => listener.taskAdded(task), removed: (task) => listener.taskRemoved(task) },
      options.counts,
    );
    this.#readyTimer = setTimeout(() => {
      const text = `it was not ready within ${options.readyTimeoutMs} ms (readyTimeout)`;
      this.kill({ text, cause: 'not-ready', isByTask: false });
    }, options.readyTimeoutMs);
    this.#readyTimer.unref();
    launched.onMessage((received) => this.#read(received));
    launched.onUnreadable((text) => this.kill({ text, isByTask: true }));
    launched.onEnd((end) => {
      clearTimeout(this.#readyTimer);
      listener.ended(this, end);
    });
  }

  get pid(): number {
    return this.#launched.pid;
  }

  /** The ids under which the server knows its workers. */
  get identities(): WorkerIdentity[] {
    return this.workers.map(({ taskType, workerId }) => ({ taskType, workerId }));
  }

  /** Milliseconds since it got ready; 0 before. */
  get livedMs(): number {
    return this.readyAt === undefined ? 0 : performance.now() - this.#readyTick;
  }

  send(message: OrchestratorMessage): void {
    this.#launched.send(message);
  }

  /** Tells it to finish its tasks and leave. May be told twice: what comes before it listens is lost. */
  stop(): void {
    this.#leavingSince ??= performance.now();
    this.send({ type: 'stop' });
  }

  get isLeaving(): boolean {
    return this.#leavingSince !== undefined;
  }

  /** Ends the process and everything that it started, at once. */
  kill(reason: KillReason): void {
    this.killedFor ??= reason;
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

  /** A debugger that it cannot tell of holds it: to be looked at again, since it cannot tell the end of that either. */
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

  /** Looks at the process; to be called about every second. @returns what is to be done about it */
  watch(now: number, inspector: ProcessInspector): Verdict | undefined {
    const sample = inspector.sample(this.pid);
    this.figures.look(now, sample);
    if (this.#progress === undefined || this.killedFor !== undefined) return undefined;
    this.#progress.look(now, sample, () => inspector.descendants(this.pid));
    const verdict = judge({
      idleMs: this.idleMs,
      isStopped: this.isStopped,
      isDebugged: this.#isDebugged || this.#isHeld,
      blockedTimeoutMs: this.#blockedTimeoutMs,
      longest: this.#longest(now),
      loop: this.#latestLoop(),
      lingeringMs: this.beat?.lingeringMs ?? 0,
      residentMb: this.figures.residentMb,
      ageMs: now - this.#readyTick,
      tasks: this.ledger.ended,
      limits: this.#plan.limits ?? {},
    });
    if (!this.isLeaving || verdict?.action === 'kill') return verdict;
    const hasTime = this.ledger.size > 0 || now - this.#leavingSince! < LEAVE_WAIT_MS;
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
    for (const task of this.ledger.tasks()) {
      const beyondMs = this.#beyondLimitMs(task, now);
      if (beyondMs > (longest?.beyondMs ?? 0))
        longest = { taskId: task.taskId, limitMs: task.limitMs, beyondMs };
    }
    return longest;
  }

  #latestLoop(): { worker: string; overdueMs: number } | undefined {
    const loops = this.beat?.loops ?? [];
    const latest = loops.reduce(
      (worst, loop, index) => (loop.overdueMs > (loops[worst]?.overdueMs ?? 0) ? index : worst),
      0,
    );
    const overdueMs = loops[latest]?.overdueMs ?? 0;
    return overdueMs === 0
      ? undefined
      : { worker: this.#plan.workers[latest]?.key ?? this.#plan.name, overdueMs };
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
    const isReady = this.readyAt !== undefined;
    const { length } = this.#plan.workers;
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
      if (refs.has(ref) || this.ledger.hasRef(ref))
        return `${path}[0]: a task in flight has the number ${ref}`;
      if (worker >= this.#plan.workers.length) return `${path}[3]: there is no worker ${worker}`;
      refs.add(ref);
    }
    return undefined;
  }

  #receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#readyTimer);
        this.hasBegunBuilding = true;
        this.workers = message.workers;
        this.readyAt = Date.now();
        this.#isDebugged = message.isDebugged;
        this.#readyTick = performance.now();
        this.#progress = new ProcessProgress(this.#readyTick);
        return this.#listener.ready(this);
      case 'building':
        this.hasBegunBuilding = true;
        return;
      case 'failed':
        this.error = message.error;
        return;
      case 'tasks':
        this.ledger.recordDuplicates(message.duplicates);
        return this.ledger.record(message.started, message.marks, message.finished, performance.now());
      case 'progress':
        for (const [ref, progress] of message.progress) this.ledger.recordProgress(ref, progress);
        return;
      case 'beat':
        this.beat = message;
        this.#isDebugged = message.isDebugged;
        this.#isHeld = false;
        this.figures.told(message.residentBytes);
        return this.#progress?.beat(performance.now());
      case 'claim':
        return this.#answer(message);
      case 'uncertain':
        return this.#listener.uncertain(this);
      case 'stopped':
        this.hasSaidStopped = true;
        this.hasDroppedPoll = message.hasDroppedPoll;
        return;
    }
  }

  #answer(message: Extract<WorkerMessage, { type: 'claim' }>): void {
    void this.#listener
      .claim(message)
      .then((mayRun) => this.send({ type: 'claimed', claim: message.claim, mayRun }));
  }
}
