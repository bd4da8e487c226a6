import type { FullTaskDef, FullWorkflowTask, TaskModel, WorkflowModel } from '../model.js';
import type { Environment } from '../references.js';
import { taskInput } from '../task-input.js';

/** What the decider and the mappers may use besides the workflow: everything that makes them repeatable. */
export interface DeciderContext {
  readonly now: number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly newId: () => string;
  readonly environment: Environment;
}

/** Turns one task of a definition into the tasks that are scheduled for it. One for each task type. */
export abstract class TaskMapper {
  abstract map(
    workflow: Readonly<WorkflowModel>,
    task: FullWorkflowTask,
    context: DeciderContext,
  ): TaskModel[];
}

/** A task that workers poll: SIMPLE, and every type that the server does not know. */
export class WorkerTaskMapper extends TaskMapper {
  readonly #typeOf: (task: FullWorkflowTask) => string;

  /** @param typeOf - the type, and so the queue, of the task */
  constructor(typeOf: (task: FullWorkflowTask) => string) {
    super();
    this.#typeOf = typeOf;
  }

  override map(
    workflow: Readonly<WorkflowModel>,
    task: FullWorkflowTask,
    context: DeciderContext,
  ): TaskModel[] {
    const taskId = context.newId();
    return [
      {
        ...freshAttempt(context.now),
        taskId,
        workflowInstanceId: workflow.workflowId,
        taskType: this.#typeOf(task),
        taskDefName: task.name,
        referenceTaskName: task.taskReferenceName,
        workflowType: workflow.definition.name,
        workflowTask: task,
        correlationId: workflow.correlationId,
        workflowPriority: workflow.priority,
        retryCount: 0,
        retriedTaskId: undefined,
        responseTimeoutSeconds: task.taskDefinition?.responseTimeoutSeconds ?? 0,
        startDelayInSeconds: task.startDelay,
        startDelayMs: task.startDelay * 1000,
        callbackAfterSeconds: task.startDelay,
        firstScheduledTime: context.now,
        inputData: taskInput(workflow, task, taskId, context.environment),
      },
    ];
  }
}

/** The next attempt of a task that failed: a new task that knows the reason of the last one. */
export function nextAttempt(
  workflow: Readonly<WorkflowModel>,
  failed: Readonly<TaskModel>,
  delay: { readonly seconds: number; readonly ms: number },
  context: DeciderContext,
): TaskModel {
  const taskId = context.newId();
  return {
    ...failed,
    ...freshAttempt(context.now),
    taskId,
    reasonForIncompletion: failed.reasonForIncompletion,
    retryCount: failed.retryCount + 1,
    retriedTaskId: failed.taskId,
    startDelayInSeconds: delay.seconds,
    startDelayMs: delay.ms,
    callbackAfterSeconds: delay.seconds,
    inputData: {
      ...failed.inputData,
      ...taskInput(workflow, failed.workflowTask, taskId, context.environment),
    },
  };
}

/** Everything that is the same for each new attempt. */
function freshAttempt(now: number) {
  return {
    seq: 0,
    status: 'SCHEDULED',
    outputData: {},
    pollCount: 0,
    scheduledTime: now,
    startTime: 0,
    endTime: 0,
    updateTime: 0,
    retried: false,
    executed: false,
    reasonForIncompletion: undefined,
    workerId: undefined,
    domain: undefined,
    subWorkflowId: undefined,
    externalOutputPayloadStoragePath: undefined,
    executionMetadata: undefined,
  } satisfies Partial<TaskModel>;
}

/** The definition a task runs under; the real server's defaults where a running workflow carries none. */
export function definitionOf(task: Readonly<TaskModel>): FullTaskDef {
  const def = task.workflowTask.taskDefinition;
  if (def === undefined) throw new Error(`task ${task.taskId} was scheduled without its definition`);
  return def;
}
