/**
 * The wire types of Conductor 3.32, names as they are on the wire. Source: conductor-oss/conductor,
 * `common/src/main/java/com/netflix/conductor/common/`. Times are epoch milliseconds, 0 = not yet.
 */

/** Any value that JSON can carry. */
export type JsonObject = Record<string, unknown>;

export type TaskStatus =
  | 'SCHEDULED'
  | 'IN_PROGRESS'
  | 'COMPLETED'
  | 'COMPLETED_WITH_ERRORS'
  | 'FAILED'
  | 'FAILED_WITH_TERMINAL_ERROR'
  | 'TIMED_OUT'
  | 'CANCELED'
  | 'SKIPPED';

export type WorkflowStatus = 'RUNNING' | 'PAUSED' | 'COMPLETED' | 'FAILED' | 'TIMED_OUT' | 'TERMINATED';

export type RetryLogic = 'FIXED' | 'EXPONENTIAL_BACKOFF' | 'LINEAR_BACKOFF';
export type TimeoutPolicy = 'RETRY' | 'TIME_OUT_WF' | 'ALERT_ONLY';

/** A task as the server hands it out. `I` and `O` are the types of its input and output. */
export interface Task<I = JsonObject, O = JsonObject> {
  taskId: string;
  workflowInstanceId: string;
  /** The queue it was polled from; equals the definition name for SIMPLE tasks. */
  taskType: string;
  taskDefName: string;
  referenceTaskName: string;
  status: TaskStatus;
  inputData: I;
  outputData: O;
  /** How many attempts came before this one. */
  retryCount: number;
  /** How often this attempt was handed out, this time included. */
  pollCount: number;
  seq: number;
  iteration: number;
  scheduledTime: number;
  startTime: number;
  endTime: number;
  updateTime: number;
  firstStartTime: number;
  queueWaitTime: number;
  startDelayInSeconds: number;
  /** The lease: the server takes the task back when it hears nothing for so long. 0 = never. */
  responseTimeoutSeconds: number;
  callbackAfterSeconds: number;
  callbackFromWorker: boolean;
  retried: boolean;
  executed: boolean;
  subworkflowChanged: boolean;
  loopOverTask: boolean;
  workflowPriority: number;
  rateLimitPerFrequency: number;
  rateLimitFrequencyInSeconds: number;
  workflowType?: string;
  correlationId?: string;
  retriedTaskId?: string;
  /** On a retry: the reason of the attempt before. */
  reasonForIncompletion?: string;
  workerId?: string;
  domain?: string;
  workflowTask?: WorkflowTask;
  taskDefinition?: TaskDef | null;
  isolationGroupId?: string;
  executionNameSpace?: string;
  externalInputPayloadStoragePath?: string;
  externalOutputPayloadStoragePath?: string;
  subWorkflowId?: string;
  parentTaskId?: string;
  runtimeMetadata?: Record<string, string>;
}

/** One line of a task's log. */
export interface TaskExecLog {
  log: string;
  taskId?: string;
  createdTime?: number;
}

export interface TaskDef {
  name: string;
  description?: string;
  /** @defaultValue 3 on the server */
  retryCount?: number;
  /** @defaultValue FIXED */
  retryLogic?: RetryLogic;
  /** @defaultValue 60 */
  retryDelaySeconds?: number;
  backoffScaleFactor?: number;
  maxRetryDelaySeconds?: number;
  backoffJitterMs?: number;
  /** 0 = none */
  timeoutSeconds?: number;
  /** @defaultValue TIME_OUT_WF */
  timeoutPolicy?: TimeoutPolicy;
  /** @defaultValue 3600; at least 1 */
  responseTimeoutSeconds?: number;
  pollTimeoutSeconds?: number;
  totalTimeoutSeconds?: number;
  concurrentExecLimit?: number;
  rateLimitPerFrequency?: number;
  rateLimitFrequencyInSeconds?: number;
  inputKeys?: string[];
  outputKeys?: string[];
  inputTemplate?: JsonObject;
  ownerEmail?: string;
  ownerApp?: string;
  createTime?: number;
  updateTime?: number;
  createdBy?: string;
  updatedBy?: string;
}

export interface WorkflowTask {
  name: string;
  taskReferenceName: string;
  /** @defaultValue SIMPLE */
  type?: string;
  description?: string;
  inputParameters?: JsonObject;
  optional?: boolean;
  startDelay?: number;
  retryCount?: number;
  taskDefinition?: TaskDef;
  asyncComplete?: boolean;
  [parameter: string]: unknown;
}

export interface WorkflowDef {
  name: string;
  /** @defaultValue 1 */
  version?: number;
  description?: string;
  tasks: WorkflowTask[];
  inputParameters?: string[];
  outputParameters?: JsonObject;
  inputTemplate?: JsonObject;
  variables?: JsonObject;
  failureWorkflow?: string;
  schemaVersion?: number;
  restartable?: boolean;
  ownerEmail?: string;
  timeoutPolicy?: 'TIME_OUT_WF' | 'ALERT_ONLY';
  timeoutSeconds?: number;
  createTime?: number;
  updateTime?: number;
  [property: string]: unknown;
}

export interface StartWorkflowRequest {
  name: string;
  version?: number;
  input?: JsonObject;
  correlationId?: string;
  /** 0 to 99, higher first */
  priority?: number;
  taskToDomain?: Record<string, string>;
  workflowDef?: WorkflowDef;
  createdBy?: string;
  idempotencyKey?: string;
}

export interface Workflow {
  workflowId: string;
  workflowName: string;
  workflowVersion: number;
  status: WorkflowStatus;
  createTime: number;
  startTime: number;
  updateTime: number;
  endTime: number;
  input: JsonObject;
  output: JsonObject;
  variables: JsonObject;
  tasks: Task[];
  correlationId?: string;
  reasonForIncompletion?: string;
  taskToDomain: Record<string, string>;
  failedReferenceTaskNames: string[];
  failedTaskNames?: string[];
  workflowDefinition?: WorkflowDef;
  priority: number;
  [property: string]: unknown;
}

export interface SearchResult<T> {
  totalHits: number;
  results: T[];
}
