import type { JsonObject, Task, TaskExecLog } from './types.js';

/** The states that a worker may report. */
export const TaskResultStatus = {
  /** Done. */
  COMPLETED: 'COMPLETED',
  /** This attempt failed; the server retries as the task definition says. */
  FAILED: 'FAILED',
  /** Failed for good: no retry. */
  FAILED_WITH_TERMINAL_ERROR: 'FAILED_WITH_TERMINAL_ERROR',
  /** Not done yet: the server hands the same task out again after `callbackAfterSeconds`. */
  IN_PROGRESS: 'IN_PROGRESS',
} as const;
export type TaskResultStatus = (typeof TaskResultStatus)[keyof typeof TaskResultStatus];

/** A task result as it goes over the wire (`POST /api/tasks`). */
export interface TaskResultBody {
  taskId: string;
  workflowInstanceId: string;
  status: TaskResultStatus;
  workerId?: string;
  outputData?: JsonObject;
  /** The server keeps 500 characters. */
  reasonForIncompletion?: string;
  callbackAfterSeconds?: number;
  /** The server keeps 10 lines an update. */
  logs?: TaskExecLog[];
  /** `true`: only the lease is extended, everything else in the body is ignored. */
  extendLease?: boolean;
}

/**
 * What a worker reports of a task.
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
   * As in the official SDK, where it is the worker's id. Here the id of the worker process is reported in any case, since the
   * tasks of a dead process are found by it; what is set here is ignored.
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

  /** A result with the ids of `task` filled in, COMPLETED until told otherwise. */
  static from(task: Pick<Task<unknown, unknown>, 'taskId' | 'workflowInstanceId' | 'workerId'>): TaskResult {
    return new TaskResult({
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      ...(task.workerId === undefined ? {} : { workerId: task.workerId }),
    });
  }

  /** Adds one output value; the same key again overwrites. */
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
