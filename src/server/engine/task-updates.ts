import type { JsonObject, TaskExecLog } from '../../conductor/wire/types.js';
import { internal, notFound } from '../model/api-error.js';
import { isTerminalTask, isTerminalWorkflow, type TaskModel } from '../model/models.js';
import type { Engine } from './engine.js';
import type { Execution } from './execution.js';
import { operatorFor } from './operators/registry.js';

export const RESULT_STATUSES = [
  'CANCELED',
  'COMPLETED',
  'FAILED_WITH_TERMINAL_ERROR',
  'FAILED',
  'IN_PROGRESS',
] as const;
export type ResultStatus = (typeof RESULT_STATUSES)[number];

/** A task result whose fields have been read and checked. */
export interface TaskUpdate {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  readonly status: ResultStatus | undefined;
  readonly outputData: JsonObject;
  readonly reasonForIncompletion: string | undefined;
  readonly callbackAfterSeconds: number;
  readonly workerId: string | undefined;
  readonly subWorkflowId: string | undefined;
  readonly externalOutputPayloadStoragePath: string | undefined;
  readonly executionMetadata: JsonObject | undefined;
  readonly logs: readonly TaskExecLog[];
  readonly extendLease: boolean;
}

const MAX_REASON_LENGTH = 500;
const MAX_LOGS_PER_UPDATE = 10;

/** Takes the results of tasks: from workers, and from people who complete a HUMAN or WAIT task. */
export class TaskUpdates {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Results for a task that is finished, or whose workflow is, are taken and ignored. Who reports, and whether the
   * task was ever handed out, does not matter.
   *
   * @returns the task, or `undefined` when only its lease was extended
   * @throws ApiError 404 for an unknown task or workflow
   */
  update(update: TaskUpdate): TaskModel | undefined {
    const engine = this.#engine;
    if (update.extendLease) {
      const task = engine.task(update.taskId);
      if (isTerminalTask(task.status)) return undefined;
      engine.run(task.workflowInstanceId, (execution) =>
        execution.change(task.taskId, { updateTime: execution.now }),
      );
      return undefined;
    }
    const workflow = engine.store.getWorkflow(update.workflowInstanceId);
    if (workflow === undefined) {
      throw notFound(`No such workflow found by id: ${update.workflowInstanceId}`);
    }
    const task = engine.task(update.taskId);
    if (isTerminalTask(task.status) || isTerminalWorkflow(workflow.status)) return task;
    if (update.status === undefined) throw internal('The status of a task result must not be null');
    const { status } = update;
    this.#addLogs(update);
    engine.run(task.workflowInstanceId, (execution) => this.#record(execution, task, { ...update, status }));
    return engine.store.getTask(task.taskId) ?? task;
  }

  /**
   * Ends the first open task with a reference name; its output gets `output` as well.
   *
   * @returns the id of the task, `undefined` when there is none
   */
  updateByReference(
    workflowId: string,
    ref: string,
    status: ResultStatus,
    output: JsonObject,
    workerId: string | undefined,
  ): string | undefined {
    // For a workflow that is not known there is nothing to update, as on the real server.
    const execution = this.#engine.find(workflowId);
    const task = execution === undefined ? undefined : pendingTask(execution, ref);
    if (task === undefined) return undefined;
    this.update({ ...emptyUpdate(task), status, outputData: { ...task.outputData, ...output }, workerId });
    return task.taskId;
  }

  /**
   * Ends the first WAIT task that waits for somebody, in the workflow or in a sub-workflow of it.
   *
   * @returns the task, `undefined` when nothing waits
   */
  signal(workflowId: string, status: ResultStatus, output: JsonObject): TaskModel | undefined {
    const task = this.#waitingTask(workflowId);
    if (task === undefined) return undefined;
    this.update({ ...emptyUpdate(task), status, outputData: { ...task.outputData, ...output } });
    return task;
  }

  #waitingTask(workflowId: string): TaskModel | undefined {
    for (const task of this.#engine.execution(workflowId).openTasks()) {
      if (task.taskType === 'WAIT') return task;
      if (task.taskType !== 'SUB_WORKFLOW' || task.subWorkflowId === undefined) continue;
      const child = this.#engine.find(task.subWorkflowId);
      const found = child === undefined ? undefined : this.#waitingTask(child.workflowId);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #record(
    execution: Execution,
    task: TaskModel,
    update: TaskUpdate & { readonly status: ResultStatus },
  ): void {
    const { now } = execution;
    const isDone = update.status !== 'IN_PROGRESS';
    const goesBack = !isDone && operatorFor(task.taskType).kind === 'worker';
    execution.change(task.taskId, {
      // A worker's task in progress that is put back waits in the queue again, and says so.
      status: goesBack ? 'SCHEDULED' : update.status,
      outputData: update.outputData,
      reasonForIncompletion: update.reasonForIncompletion?.slice(0, MAX_REASON_LENGTH),
      workerId: update.workerId,
      callbackAfterSeconds: update.callbackAfterSeconds,
      ...(goesBack ? { availableAt: now + update.callbackAfterSeconds * 1000 } : {}),
      subWorkflowId: update.subWorkflowId ?? task.subWorkflowId,
      externalOutputPayloadStoragePath: update.externalOutputPayloadStoragePath,
      executionMetadata: update.executionMetadata ?? task.executionMetadata,
      // The real server stamps an end with `endTime` only, unless nothing was stamped before.
      ...(isDone ? { endTime: now } : {}),
    });
  }

  #addLogs(update: TaskUpdate): void {
    const logs = update.logs.slice(0, MAX_LOGS_PER_UPDATE);
    if (logs.length === 0) return;
    this.#engine.store.addLogs(
      logs.map(({ log, createdTime }) => ({ log, taskId: update.taskId, createdTime: createdTime ?? 0 })),
    );
  }
}

/** The first open task with a reference name, or with one that has it before the suffix of an iteration. */
export function pendingTask(execution: Execution, ref: string): TaskModel | undefined {
  const open = execution.openTasks();
  return (
    open.find((task) => task.referenceTaskName === ref) ??
    open.find((task) => execution.graph.baseOf(task.referenceTaskName) === ref)
  );
}

/** An update that changes nothing yet: spread it, and set what changes. */
export function emptyUpdate(task: TaskModel): TaskUpdate {
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    status: undefined,
    outputData: {},
    reasonForIncompletion: undefined,
    callbackAfterSeconds: 0,
    workerId: undefined,
    subWorkflowId: undefined,
    externalOutputPayloadStoragePath: undefined,
    executionMetadata: undefined,
    logs: [],
    extendLease: false,
  };
}
