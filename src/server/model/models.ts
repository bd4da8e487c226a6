import type { JsonObject, TaskStatus, WorkflowStatus } from '../../conductor/wire/types.js';
import type { FullWorkflowDef, FullWorkflowTask } from './definitions.js';

/**
 * A task as the server keeps it: plain JSON that is replaced, never changed. Times are epoch milliseconds, 0 = not yet.
 */
export interface TaskModel {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  readonly taskType: string;
  readonly taskDefName: string;
  /** Unique among the running attempts of a workflow; inside of a loop with the suffix `__<iteration>`. */
  readonly referenceTaskName: string;
  readonly workflowType: string;
  readonly workflowTask: FullWorkflowTask;
  readonly correlationId: string | undefined;
  readonly workflowPriority: number;
  readonly retryCount: number;
  readonly retriedTaskId: string | undefined;
  readonly responseTimeoutSeconds: number;
  readonly startDelayInSeconds: number;
  /** When the first attempt was scheduled. */
  readonly firstScheduledTime: number;
  readonly inputData: JsonObject;
  readonly seq: number;
  readonly status: TaskStatus;
  readonly outputData: JsonObject;
  readonly pollCount: number;
  readonly scheduledTime: number;
  readonly startTime: number;
  readonly endTime: number;
  readonly updateTime: number;
  readonly callbackAfterSeconds: number;
  /** From when on a SCHEDULED task may be taken; the queues are made of it. */
  readonly availableAt: number;
  readonly retried: boolean;
  readonly executed: boolean;
  readonly reasonForIncompletion: string | undefined;
  readonly workerId: string | undefined;
  readonly domain: string | undefined;
  readonly subWorkflowId: string | undefined;
  readonly subworkflowChanged: boolean;
  readonly externalOutputPayloadStoragePath: string | undefined;
  readonly executionMetadata: JsonObject | undefined;
  /** The iteration of its loop; of a DO_WHILE task its own. 0 outside of loops. */
  readonly iteration: number;
  /** The DO_WHILE task that it belongs to. */
  readonly loopTaskId: string | undefined;
  /** When a WAIT task ends; 0 = when somebody ends it. */
  readonly waitUntil: number;
}

/** A workflow as the server keeps it, without its tasks: plain JSON that is replaced, never changed. */
export interface WorkflowModel {
  readonly workflowId: string;
  readonly definition: FullWorkflowDef;
  readonly createTime: number;
  readonly input: JsonObject;
  readonly correlationId: string | undefined;
  readonly priority: number;
  readonly taskToDomain: Readonly<Record<string, string>>;
  readonly createdBy: string | undefined;
  readonly event: string | undefined;
  readonly parentWorkflowId: string | undefined;
  readonly parentWorkflowTaskId: string | undefined;
  readonly reRunFromWorkflowId: string | undefined;
  readonly status: WorkflowStatus;
  readonly updateTime: number;
  readonly endTime: number;
  readonly lastRetriedTime: number;
  readonly output: JsonObject;
  readonly variables: JsonObject;
  readonly reasonForIncompletion: string | undefined;
  readonly failedReferenceTaskNames: readonly string[];
  readonly failedTaskNames: readonly string[];
  readonly failedTaskId: string | undefined;
}

/** A line of a task's log. */
export interface TaskLog {
  readonly taskId: string;
  readonly log: string;
  readonly createdTime: number;
}

/** When a worker last asked for tasks of a type (in a domain). */
export interface PollData {
  readonly queueName: string;
  readonly domain?: string;
  readonly workerId?: string;
  readonly lastPollTime: number;
}

const TERMINAL_TASK: Readonly<Record<TaskStatus, boolean>> = {
  SCHEDULED: false,
  IN_PROGRESS: false,
  COMPLETED: true,
  COMPLETED_WITH_ERRORS: true,
  FAILED: true,
  FAILED_WITH_TERMINAL_ERROR: true,
  TIMED_OUT: true,
  CANCELED: true,
  SKIPPED: true,
};

export const TASK_STATUSES = Object.keys(TERMINAL_TASK) as readonly TaskStatus[];

export function isTerminalTask(status: TaskStatus): boolean {
  return TERMINAL_TASK[status];
}

/** Whether the flow goes on behind a task in this state. */
export function isSuccessfulTask(status: TaskStatus): boolean {
  return status === 'COMPLETED' || status === 'COMPLETED_WITH_ERRORS' || status === 'SKIPPED';
}

/** Whether a task has ended, and not well. */
export function isFailedTask(status: TaskStatus): boolean {
  return isTerminalTask(status) && !isSuccessfulTask(status);
}

export function isTerminalWorkflow(status: WorkflowStatus): boolean {
  return status !== 'RUNNING' && status !== 'PAUSED';
}
