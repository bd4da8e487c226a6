import type {
  JsonObject,
  TaskDef,
  TaskStatus,
  WorkflowDef,
  WorkflowStatus,
  WorkflowTask,
} from '../../conductor/types.js';

/** A task definition with every default filled in. */
export type FullTaskDef = TaskDef &
  Required<
    Pick<
      TaskDef,
      | 'retryCount'
      | 'retryLogic'
      | 'retryDelaySeconds'
      | 'backoffScaleFactor'
      | 'maxRetryDelaySeconds'
      | 'backoffJitterMs'
      | 'timeoutSeconds'
      | 'timeoutPolicy'
      | 'responseTimeoutSeconds'
      | 'totalTimeoutSeconds'
      | 'inputTemplate'
    >
  >;

/** A task of a workflow definition with every default filled in. */
export interface FullWorkflowTask extends WorkflowTask {
  type: string;
  inputParameters: JsonObject;
  optional: boolean;
  permissive: boolean;
  startDelay: number;
  /** Set in the copy of the definition that a running workflow carries. */
  taskDefinition?: FullTaskDef;
}

/** A workflow definition with every default filled in. */
export interface FullWorkflowDef extends WorkflowDef {
  version: number;
  tasks: FullWorkflowTask[];
  outputParameters: JsonObject;
  inputTemplate: JsonObject;
  variables: JsonObject;
  schemaVersion: number;
  timeoutPolicy: 'TIME_OUT_WF' | 'ALERT_ONLY';
  timeoutSeconds: number;
}

/** A task as the engine keeps it. Times are epoch milliseconds, 0 = not yet. */
export interface TaskModel {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  readonly taskType: string;
  readonly taskDefName: string;
  readonly referenceTaskName: string;
  readonly workflowType: string;
  readonly workflowTask: FullWorkflowTask;
  readonly correlationId: string | undefined;
  readonly workflowPriority: number;
  readonly retryCount: number;
  readonly retriedTaskId: string | undefined;
  readonly responseTimeoutSeconds: number;
  readonly startDelayInSeconds: number;
  /** Delay before the first delivery, with the jitter that whole seconds cannot carry. */
  readonly startDelayMs: number;
  /** When the first attempt was scheduled. */
  readonly firstScheduledTime: number;
  readonly inputData: JsonObject;
  seq: number;
  status: TaskStatus;
  outputData: JsonObject;
  pollCount: number;
  scheduledTime: number;
  startTime: number;
  endTime: number;
  updateTime: number;
  callbackAfterSeconds: number;
  retried: boolean;
  executed: boolean;
  reasonForIncompletion: string | undefined;
  workerId: string | undefined;
  domain: string | undefined;
  subWorkflowId: string | undefined;
  externalOutputPayloadStoragePath: string | undefined;
  executionMetadata: JsonObject | undefined;
}

/** What may change in a task after it was made. */
export type TaskChange = Partial<
  Pick<
    TaskModel,
    | 'status'
    | 'outputData'
    | 'pollCount'
    | 'startTime'
    | 'endTime'
    | 'updateTime'
    | 'callbackAfterSeconds'
    | 'retried'
    | 'executed'
    | 'reasonForIncompletion'
    | 'workerId'
    | 'subWorkflowId'
    | 'externalOutputPayloadStoragePath'
    | 'executionMetadata'
  >
>;

/** A workflow as the engine keeps it. Its tasks are in `tasks`, in the order of their scheduling. */
export interface WorkflowModel {
  readonly workflowId: string;
  readonly definition: FullWorkflowDef;
  readonly createTime: number;
  readonly input: JsonObject;
  readonly correlationId: string | undefined;
  readonly priority: number;
  readonly taskToDomain: Readonly<Record<string, string>>;
  readonly createdBy: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly tasks: TaskModel[];
  status: WorkflowStatus;
  updateTime: number;
  endTime: number;
  lastRetriedTime: number;
  output: JsonObject;
  variables: JsonObject;
  reasonForIncompletion: string | undefined;
  failedReferenceTaskNames: Set<string>;
  failedTaskNames: Set<string>;
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

export function isTerminalTask(status: TaskStatus): boolean {
  return TERMINAL_TASK[status];
}

/** Whether the flow goes on behind a task in this state. */
export function isSuccessfulTask(status: TaskStatus): boolean {
  return status === 'COMPLETED' || status === 'COMPLETED_WITH_ERRORS' || status === 'SKIPPED';
}

export function isTerminalWorkflow(status: WorkflowStatus): boolean {
  return status !== 'RUNNING' && status !== 'PAUSED';
}
