import type { TaskResultStatus } from '../../conductor/wire/task-result.js';
import type { Task } from '../../conductor/wire/types.js';

/** How the life of a task in this process ended. */
export type TaskEnd =
  | TaskResultStatus
  /** Given back to the server before its code had begun. */
  | 'HANDED_BACK'
  /** The server will not take its result, whatever is tried. */
  | 'REFUSED'
  /** The server took its result without counting it: the lease or the workflow had ended. */
  | 'LATE'
  /** The workflow ended or the task timed out while it ran; its result was dropped. */
  | 'CANCELLED'
  /** The same task runs in this application already; this copy was not run. */
  | 'DUPLICATE';

/** A task that has come to this process, as it is told to the orchestrator. */
export interface ReportedTask {
  readonly task: Task;
  /** Longest time that it may run, in milliseconds; `undefined` = no limit. */
  readonly limitMs: number | undefined;
  /** Processes that have died with earlier attempts. */
  readonly deaths: number;
  /** Whether its code begins as soon as this is written; otherwise {@link TaskReporter.begun} follows. */
  readonly begins: boolean;
}

/** The port to the orchestrator's ledger. What returns a promise is written when that resolves. */
export abstract class TaskReporter {
  /**
   * Tells that these tasks are in this process. User code must not begin before it is written, so that the
   * orchestrator knows every task whose code has begun.
   */
  abstract started(tasks: readonly ReportedTask[]): Promise<void>;
  /** Tells that the code of a task that had to wait begins now. */
  abstract begun(taskId: string): Promise<void>;
  /** Tells, before it is done, that the server gets the task back and may hand it out anew. */
  abstract releasing(taskId: string): Promise<void>;
  /** Tells that the outbox has the result. @param isOnDisk - false: only in the memory of this process */
  abstract stored(taskId: string, isOnDisk?: boolean): void;
  /** Tells that the server has the result, or that there will be none. */
  abstract finished(taskId: string, end: TaskEnd): void;
  /** Tells that a copy of a task that runs already has come, and was not run. */
  abstract duplicate(): void;
  abstract progress(taskId: string, progress: string | number): void;
  /** Whether a task that was delivered before may be run: false when this application is running it. */
  abstract mayRun(task: Task): Promise<boolean>;
  /** Tells that the server may have given this process a task that it does not know of. */
  abstract uncertain(): void;
}
