import type { JsonObject, TaskDef, WorkflowDef, WorkflowTask } from '../../conductor/wire/types.js';

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
  > & {
    /** Names of secrets and environment variables that the task gets when a worker takes it. */
    runtimeMetadata?: string[];
  };

/** What a SUB_WORKFLOW task starts. */
export interface SubWorkflowParam {
  name?: string;
  version?: unknown;
  taskToDomain?: Record<string, string>;
  /** An inline definition, or an expression that gives one. */
  workflowDefinition?: unknown;
  idempotencyKey?: string;
  idempotencyStrategy?: string;
  priority?: unknown;
}

/** A task of a workflow definition with every default filled in, and so are those below it. */
export interface FullWorkflowTask extends WorkflowTask {
  type: string;
  inputParameters: JsonObject;
  optional: boolean;
  permissive: boolean;
  asyncComplete: boolean;
  startDelay: number;
  /** Set in the copy of the definition that a running workflow carries. */
  taskDefinition?: FullTaskDef;
  decisionCases: Record<string, FullWorkflowTask[]>;
  defaultCase: FullWorkflowTask[];
  forkTasks: FullWorkflowTask[][];
  loopOver: FullWorkflowTask[];
  joinOn: string[];
  defaultExclusiveJoinTask: string[];
  evaluatorType?: string;
  expression?: string;
  caseValueParam?: string;
  caseExpression?: string;
  scriptExpression?: string;
  dynamicTaskNameParam?: string;
  dynamicForkTasksParam?: string;
  dynamicForkTasksInputParamName?: string;
  dynamicForkJoinTasksParam?: string;
  subWorkflowParam?: SubWorkflowParam;
  sink?: string;
  loopCondition?: string;
  items?: string;
}

/** A workflow definition with every default filled in. */
export interface FullWorkflowDef extends WorkflowDef {
  version: number;
  tasks: FullWorkflowTask[];
  outputParameters: JsonObject;
  inputTemplate: JsonObject;
  variables: JsonObject;
  schemaVersion: number;
  restartable: boolean;
  timeoutPolicy: 'TIME_OUT_WF' | 'ALERT_ONLY';
  timeoutSeconds: number;
  failureWorkflow?: string;
  failureWorkflowVersion?: number;
}
