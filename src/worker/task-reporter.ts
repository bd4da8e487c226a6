import type { TaskResultStatus } from '../conductor/task-result.js';
import type { Task } from '../conductor/types.js';

/** How the life of a task in this process ended. */
export type TaskEnd =
  | TaskResultStatus
  /** Given back to the server before its code had begun. */
  | 'HANDED_BACK'
  /** The server will not take its result, whatever is tried. */
  | 'REFUSED';

/** The port to the orchestrator's ledger. */
export abstract class TaskReporter {
  /**
   * Tells that these tasks are in this process. Resolves when the message is written: user code must not begin
   * before, so that the orchestrator knows every task whose code has begun.
   */
  abstract started(tasks: readonly Task[]): Promise<void>;
  /** Tells that the server has the result, or that there will be none. */
  abstract finished(taskId: string, end: TaskEnd): void;
  abstract progress(taskId: string, progress: string | number): void;
}
