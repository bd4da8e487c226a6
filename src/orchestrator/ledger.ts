import type { TaskEnd } from '../worker/task-reporter.js';
import type { FinishedEntry, StartedEntry } from './messages.js';

/** A task that a worker process has, as far as the orchestrator knows. */
export interface LedgerTask {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  /** Index of the worker in its process. */
  readonly worker: number;
  readonly responseTimeoutSeconds: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  progress: string | number | undefined;
}

export type EndCounts = Record<TaskEnd, number>;

/** The tasks in flight in one worker process, and how the others ended. */
export class Ledger {
  readonly #tasks = new Map<number, LedgerTask>();
  readonly counts: EndCounts = {
    COMPLETED: 0,
    FAILED: 0,
    FAILED_WITH_TERMINAL_ERROR: 0,
    IN_PROGRESS: 0,
    HANDED_BACK: 0,
    REFUSED: 0,
  };

  record(started: readonly StartedEntry[], finished: readonly FinishedEntry[], now: number): void {
    // In this order: a task may be in both lists of one message.
    for (const [ref, taskId, workflowInstanceId, worker, responseTimeoutSeconds] of started) {
      this.#tasks.set(ref, {
        taskId,
        workflowInstanceId,
        worker,
        responseTimeoutSeconds,
        startedAt: now,
        progress: undefined,
      });
    }
    for (const [ref, end] of finished) {
      if (this.#tasks.delete(ref)) this.counts[end]++;
    }
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

  /** Empties the ledger of a process that is gone and returns what was in flight. */
  settle(): LedgerTask[] {
    const tasks = this.tasks();
    this.#tasks.clear();
    return tasks;
  }
}
