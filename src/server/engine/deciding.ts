import type { JsonObject } from '../../conductor/wire/types.js';
import type { FullTaskDef, FullWorkflowTask } from '../model/definitions.js';
import { refInIteration } from '../model/graph.js';
import { isTerminalTask, type TaskModel } from '../model/models.js';
import {
  WorkflowEnd,
  type DeciderContext,
  type Evaluated,
  type Evaluation,
  type Placement,
} from './decider-context.js';
import type { Execution } from './execution.js';
import { substituteMap } from '../model/expressions.js';
import { workflowResolver } from './references.js';

/** An evaluation that a task waits for. */
export interface PendingEvaluation {
  readonly key: string;
  readonly taskId: string;
  readonly evaluation: Evaluation;
}

/** Adds the tasks that stand for one task of the definition: the operator of its type. */
type ScheduleBy = (deciding: Deciding, task: FullWorkflowTask, at: Placement) => TaskModel[];

/** One decision in the making: what operators use to look at their workflow and to change it. */
export class Deciding {
  readonly execution: Execution;
  readonly context: DeciderContext;
  readonly evaluations: PendingEvaluation[] = [];
  /** Tasks behind which nothing came, since the last time that something was scheduled. */
  readonly leaves: string[] = [];
  readonly #scheduleBy: ScheduleBy;

  constructor(execution: Execution, context: DeciderContext, scheduleBy: ScheduleBy) {
    this.execution = execution;
    this.context = context;
    this.#scheduleBy = scheduleBy;
  }

  get now(): number {
    return this.context.now;
  }

  /**
   * Schedules a task of the definition, and whatever it brings along. Nothing happens when it is there already.
   *
   * @returns the tasks that are new
   */
  schedule(task: FullWorkflowTask, at: Placement): TaskModel[] {
    const existing = this.execution.latest(refInIteration(task.taskReferenceName, at.iteration));
    const isThere =
      existing !== undefined &&
      existing.loopTaskId === at.loopTaskId &&
      (existing.status === 'IN_PROGRESS' ||
        isTerminalTask(existing.status) ||
        existing.retryCount === at.retryCount);
    return isThere ? [] : this.#scheduleBy(this, task, at);
  }

  /** Adds a task to the workflow; `fields` override what is the same for all. */
  add(task: FullWorkflowTask, at: Placement, fields: Partial<TaskModel> & { taskId?: string }): TaskModel {
    const { workflow } = this.execution;
    const { now } = this;
    const taskType = fields.taskType ?? task.type;
    return this.execution.add({
      taskId: fields.taskId ?? this.context.newId(),
      workflowInstanceId: workflow.workflowId,
      taskType,
      taskDefName: task.name,
      referenceTaskName: refInIteration(task.taskReferenceName, at.iteration),
      workflowType: workflow.definition.name,
      workflowTask: task,
      correlationId: workflow.correlationId,
      workflowPriority: workflow.priority,
      retryCount: at.retryCount,
      retriedTaskId: undefined,
      responseTimeoutSeconds: 0,
      startDelayInSeconds: 0,
      firstScheduledTime: now,
      inputData: {},
      seq: 0,
      status: 'IN_PROGRESS',
      outputData: {},
      pollCount: 0,
      scheduledTime: now,
      startTime: now,
      endTime: 0,
      updateTime: 0,
      callbackAfterSeconds: 0,
      availableAt: now,
      retried: false,
      executed: false,
      reasonForIncompletion: undefined,
      workerId: undefined,
      domain: undefined,
      subWorkflowId: undefined,
      subworkflowChanged: false,
      externalOutputPayloadStoragePath: undefined,
      executionMetadata: undefined,
      iteration: at.iteration,
      loopTaskId: at.loopTaskId,
      waitUntil: 0,
      ...fields,
    });
  }

  /** Adds a task that is handed out, to a worker or to a system task, after the delay of its definition. */
  addScheduled(
    task: FullWorkflowTask,
    at: Placement,
    fields: Partial<TaskModel> & { taskId: string; inputData: JsonObject },
  ): TaskModel {
    const taskType = fields.taskType ?? task.type;
    return this.add(task, at, {
      status: 'SCHEDULED',
      startTime: 0,
      callbackAfterSeconds: task.startDelay,
      availableAt: this.now + task.startDelay * 1000,
      domain: this.context.domainOf(taskType, this.execution.workflow.taskToDomain),
      ...fields,
    });
  }

  complete(task: TaskModel, outputData: JsonObject = task.outputData): TaskModel {
    return this.execution.change(task.taskId, { status: 'COMPLETED', outputData });
  }

  fail(
    task: TaskModel,
    reason: string | undefined,
    {
      status = 'FAILED',
      outputData = task.outputData,
    }: { status?: 'FAILED' | 'FAILED_WITH_TERMINAL_ERROR' | 'CANCELED'; outputData?: JsonObject } = {},
  ): TaskModel {
    return this.execution.change(task.taskId, { status, outputData, reasonForIncompletion: reason });
  }

  /** What a script or query gave; `undefined` while it has not been run: then the task is looked at again afterwards. */
  evaluate(task: TaskModel, evaluation: Evaluation): Evaluated | undefined {
    const key = `${task.taskId}:${task.iteration}`;
    const result = this.context.results.get(key);
    if (result === undefined) this.evaluations.push({ key, taskId: task.taskId, evaluation });
    return result;
  }

  /** The values of parameters in this workflow, with the template of a definition for what is missing. */
  inputOf(
    parameters: JsonObject,
    options: { taskId?: string; def?: FullTaskDef | undefined } = {},
  ): JsonObject {
    const { taskId, def } = options;
    const resolve = workflowResolver(
      this.execution,
      this.context.environment,
      taskId === undefined ? {} : { taskId },
    );
    const input = substituteMap(parameters, resolve);
    for (const [key, value] of Object.entries(def?.inputTemplate ?? {})) {
      if (input[key] === undefined || input[key] === null) input[key] = value;
    }
    return input;
  }

  end(reason: string, status?: WorkflowEnd['status'], task?: TaskModel): never {
    throw new WorkflowEnd(reason, status, task);
  }
}
