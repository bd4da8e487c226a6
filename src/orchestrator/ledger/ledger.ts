import type { TaskEnd } from '../../worker/execution/task-reporter.js';
import type { FinishedEntry, StartedEntry, TaskMark } from '../../protocol/messages.js';

/**
 * `waiting` for its turn to begin · `running` · `releasing` back to the server · `stored`: ended, result in the outbox ·
 * `kept`: ended, result in the memory of its process only
 */
export type LedgerTaskState = 'waiting' | 'running' | 'releasing' | 'stored' | 'kept';

/** A task that a worker process has, as far as the orchestrator knows. */
export interface LedgerTask {
  readonly ref: number;
  readonly taskId: string;
  readonly workflowInstanceId: string;
  /** Index of the worker in its process. */
  readonly worker: number;
  readonly responseTimeoutSeconds: number;
  /** Longest time that it may run, in milliseconds; 0 = no limit. */
  readonly limitMs: number;
  /** Processes that have died with earlier attempts. */
  readonly deaths: number;
  readonly reference: string;
  readonly retryCount: number;
  /** It came with output of an earlier IN_PROGRESS, which a report must not wipe. */
  readonly hasOutput: boolean;
  /** On the clock of `performance.now()`, which nobody can set. */
  readonly startedAt: number;
  /** The same, of the beginning of its code; `undefined` while it waits for its turn. */
  runningSince: number | undefined;
  state: LedgerTaskState;
  progress: string | number | undefined;
}

export type EndCounts = Record<TaskEnd, number>;

export function newEndCounts(): EndCounts {
  return {
    COMPLETED: 0,
    FAILED: 0,
    FAILED_WITH_TERMINAL_ERROR: 0,
    IN_PROGRESS: 0,
    HANDED_BACK: 0,
    REFUSED: 0,
    LATE: 0,
    CANCELLED: 0,
    DUPLICATE: 0,
  };
}

/** Told of each task that comes and goes. */
export interface LedgerListener {
  added(task: LedgerTask): void;
  removed(task: LedgerTask): void;
}

const NO_LISTENER: LedgerListener = { added: () => undefined, removed: () => undefined };

/** The tasks in flight in one worker process, and how the others ended. */
export class Ledger {
  readonly #tasks = new Map<number, LedgerTask>();
  readonly #listener: LedgerListener;
  readonly counts: EndCounts;
  /** Tasks that have ended so far, or were given back. */
  ended = 0;

  /** @param counts - raised for each end; several ledgers may share them */
  constructor(listener: LedgerListener = NO_LISTENER, counts: EndCounts = newEndCounts()) {
    this.#listener = listener;
    this.counts = counts;
  }

  /** In this order: what began and ended within one turn is in all lists of one message. */
  record(
    started: readonly StartedEntry[],
    marks: readonly (readonly [ref: number, mark: TaskMark])[],
    finished: readonly FinishedEntry[],
    now: number,
  ): void {
    for (const entry of started) this.#add(entry, now);
    for (const [ref, mark] of marks) {
      const task = this.#tasks.get(ref);
      if (task === undefined) continue;
      task.state = mark === 'begun' ? 'running' : mark;
      if (mark === 'begun') task.runningSince = now;
    }
    for (const [ref, end] of finished) {
      const task = this.#tasks.get(ref);
      if (task === undefined) continue;
      this.#tasks.delete(ref);
      this.counts[end]++;
      this.ended++;
      this.#listener.removed(task);
    }
  }

  /** Copies of tasks that run already, which were not run. */
  recordDuplicates(count: number): void {
    this.counts.DUPLICATE += count;
  }

  recordProgress(ref: number, progress: string | number): void {
    const task = this.#tasks.get(ref);
    if (task !== undefined) task.progress = progress;
  }

  get size(): number {
    return this.#tasks.size;
  }

  tasks(): LedgerTask[] {
    return [...this.#tasks.values()];
  }

  /** Whether a task in flight has this number. */
  hasRef(ref: number): boolean {
    return this.#tasks.has(ref);
  }

  has(task: LedgerTask): boolean {
    return this.#tasks.get(task.ref) === task;
  }

  /** Empties the ledger of a process that is gone and returns what was in flight. */
  settle(): LedgerTask[] {
    const tasks = this.tasks();
    this.#tasks.clear();
    for (const task of tasks) this.#listener.removed(task);
    return tasks;
  }

  #add(entry: StartedEntry, now: number): void {
    const [
      ref,
      taskId,
      workflowInstanceId,
      worker,
      responseTimeoutSeconds,
      limitMs,
      deaths,
      begins,
      reference,
      retryCount,
      hasOutput,
    ] = entry;
    const task: LedgerTask = {
      ref,
      taskId,
      workflowInstanceId,
      worker,
      responseTimeoutSeconds,
      limitMs,
      deaths,
      reference,
      retryCount,
      hasOutput,
      startedAt: now,
      runningSince: begins ? now : undefined,
      state: begins ? 'running' : 'waiting',
      progress: undefined,
    };
    this.#tasks.set(ref, task);
    this.#listener.added(task);
  }
}
