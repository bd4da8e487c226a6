import type { Ledger, LedgerTask } from './ledger.js';
import type { ErrorReport, LoopReport, OrchestratorMessage, ReadyWorker, WorkerMessage } from './messages.js';
import type { LaunchedProcess, ProcessEnd, ProcessMarker } from './process-launcher.js';
import { ProcessProgress } from './process-progress.js';

/** A task that does not end after its limit, although it was told to, is ended with its process after so long. */
const LIMIT_GRACE_MS = 10_000;

/** Why the orchestrator has killed a process. */
export interface KillReason {
  readonly text: string;
  /** A task may be to blame (it hung); not so when the application stops. */
  readonly isByTask: boolean;
}

/** What a process tells its slot. */
export interface SlotProcessListener {
  ready(): void;
  /** Asks whether a task may be run. */
  claim(message: Extract<WorkerMessage, { type: 'claim' }>): Promise<boolean>;
  uncertain(): void;
  /** It is gone, and everything that it wrote is read. */
  ended(end: ProcessEnd): void;
}

/** One process of a slot, from its start to its end. */
export class SlotProcess {
  readonly marker: ProcessMarker;
  readonly #launched: LaunchedProcess;
  readonly #ledger: Ledger;
  readonly #listener: SlotProcessListener;
  readonly #readyTimer: NodeJS.Timeout;
  #progress: ProcessProgress | undefined;
  #isDebugged = false;
  workers: readonly ReadyWorker[] = [];
  loops: readonly LoopReport[] = [];
  /** Epoch milliseconds; `undefined` until it is ready. */
  readyAt: number | undefined;
  /** What it reported before it ended. */
  error: ErrorReport | undefined;
  hasSaidStopped = false;
  hasDroppedPoll = false;
  killedFor: KillReason | undefined;

  constructor(
    launched: LaunchedProcess,
    marker: ProcessMarker,
    ledger: Ledger,
    readyTimeoutMs: number,
    listener: SlotProcessListener,
  ) {
    this.marker = marker;
    this.#launched = launched;
    this.#ledger = ledger;
    this.#listener = listener;
    this.#readyTimer = setTimeout(() => {
      this.kill({ text: `it was not ready within ${readyTimeoutMs} ms`, isByTask: false });
    }, readyTimeoutMs);
    launched.onMessage((message) => this.#receive(message));
    launched.onEnd((end) => {
      clearTimeout(this.#readyTimer);
      // Its tasks are settled. What still trickles in must not end up among those of its successor.
      launched.onMessage(() => undefined);
      listener.ended(end);
    });
  }

  get pid(): number {
    return this.#launched.pid;
  }

  get workerIds(): string[] {
    return this.workers.map((worker) => worker.workerId);
  }

  send(message: OrchestratorMessage): void {
    this.#launched.send(message);
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
    return this.#isDebugged ? 0 : (this.#progress?.idleMs ?? 0);
  }

  /**
   * Looks whether the process hangs, and kills it then. To be called about every second.
   *
   * @param blockedTimeoutMs - how long it may give no sign of progress
   */
  watch(now: number, blockedTimeoutMs: number): void {
    if (this.#progress === undefined || this.killedFor !== undefined || this.#isDebugged) return;
    this.#progress.look(now);
    const overdue = this.#ledger
      .tasks()
      .find(
        (task) =>
          task.limitMs > 0 &&
          task.state === 'running' &&
          now - task.startedAt > task.limitMs + LIMIT_GRACE_MS,
      );
    if (overdue !== undefined) {
      const text = `task ${overdue.taskId} ran longer than ${overdue.limitMs} ms and did not end when it was told to`;
      this.kill({ text, isByTask: true });
    } else if (this.#progress.idleMs >= blockedTimeoutMs) {
      const text = `it hangs: for ${blockedTimeoutMs} ms it neither answered nor used processor time`;
      this.kill({ text, isByTask: true });
    }
  }

  #receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#readyTimer);
        this.workers = message.workers;
        this.readyAt = Date.now();
        this.#isDebugged = message.isDebugged;
        this.#progress = new ProcessProgress(this.pid, performance.now());
        return this.#listener.ready();
      case 'failed':
        this.error = message.error;
        return;
      case 'tasks':
        return this.#ledger.record(message.started, message.marks, message.finished, performance.now());
      case 'progress':
        return this.#ledger.recordProgress(message.ref, message.progress);
      case 'beat':
        this.loops = message.loops;
        this.#isDebugged = message.isDebugged;
        return this.#progress?.beat(performance.now());
      case 'claim':
        return this.#answer(message);
      case 'uncertain':
        return this.#listener.uncertain();
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
