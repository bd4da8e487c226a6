import type { JsonObject, Task, TaskExecLog } from './types.js';

/** The states that a worker may report. */
export const TaskResultStatus = {
  /** Done. */
  COMPLETED: 'COMPLETED',
  /** This attempt failed; the server retries as the task definition says. */
  FAILED: 'FAILED',
  /** Failed for good: no retry. */
  FAILED_WITH_TERMINAL_ERROR: 'FAILED_WITH_TERMINAL_ERROR',
  /** Not done yet: the server hands out the same task again after `callbackAfterSeconds`. */
  IN_PROGRESS: 'IN_PROGRESS',
} as const;
export type TaskResultStatus = (typeof TaskResultStatus)[keyof typeof TaskResultStatus];

/** A task result as sent to the server (`POST /api/tasks`). */
export interface TaskResultBody {
  taskId: string;
  workflowInstanceId: string;
  status: TaskResultStatus;
  workerId?: string;
  outputData?: JsonObject;
  /** The server keeps 500 characters. */
  reasonForIncompletion?: string;
  callbackAfterSeconds?: number;
  /** The server keeps 10 lines per update. */
  logs?: TaskExecLog[];
  /** `true`: only extends the lease; everything else in the body is ignored. */
  extendLease?: boolean;
}

/**
 * The result of a task, as reported by a worker.
 *
 * @example
 * ```ts
 * execute(task: Task) {
 *   const result = TaskResult.from(task);
 *   result.addOutputData('sum', 3);
 *   result.status = TaskResultStatus.COMPLETED;
 *   return result;
 * }
 * ```
 */
export class TaskResult {
  taskId: string;
  workflowInstanceId: string;
  /**
   * Exists for compatibility with the official SDK, and is ignored. Tutti always reports the id of the worker process, to
   * find the tasks of a process that died.
   */
  workerId: string | undefined;
  /** @defaultValue COMPLETED */
  status: TaskResultStatus = TaskResultStatus.COMPLETED;
  outputData: JsonObject = {};
  reasonForIncompletion: string | undefined;
  /** With IN_PROGRESS: after how many seconds the server hands the task out again. */
  callbackAfterSeconds: number | undefined;
  logs: TaskExecLog[] = [];

  constructor(fields: {
    taskId: string;
    workflowInstanceId: string;
    workerId?: string;
    status?: TaskResultStatus;
  }) {
    this.taskId = fields.taskId;
    this.workflowInstanceId = fields.workflowInstanceId;
    this.workerId = fields.workerId;
    if (fields.status !== undefined) this.status = fields.status;
  }

  /** Creates a result with the ids of `task` and the status COMPLETED. */
  static from(task: Pick<Task<unknown, unknown>, 'taskId' | 'workflowInstanceId' | 'workerId'>): TaskResult {
    return new TaskResult({
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      ...(task.workerId === undefined ? {} : { workerId: task.workerId }),
    });
  }

  /** Adds an output value, replacing any value with the same key. */
  addOutputData(key: string, value: unknown): this {
    this.outputData[key] = value;
    return this;
  }

  /** Adds a line to the task's log on the server. */
  addLog(line: string): this {
    this.logs.push({ log: line, createdTime: Date.now() });
    return this;
  }
}
