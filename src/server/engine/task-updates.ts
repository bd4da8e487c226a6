import type { JsonObject, TaskExecLog } from '../../conductor/types.js';
import type { Store } from '../store/store.js';
import { internal, notFound } from './api-error.js';
import type { Clock } from './clock.js';
import type { Executions } from './executions.js';
import { isTerminalTask, isTerminalWorkflow, type TaskModel } from './model.js';
import type { TaskBoard } from './task-board.js';

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

/** Takes the results of workers. */
export class TaskUpdates {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #board: TaskBoard;
  readonly #executions: Executions;

  constructor(store: Store, clock: Clock, board: TaskBoard, executions: Executions) {
    this.#store = store;
    this.#clock = clock;
    this.#board = board;
    this.#executions = executions;
  }

  /**
   * Results for a task that is finished, or whose workflow is, are taken and ignored. Who reports, and whether the
   * task was ever handed out, does not matter.
   *
   * @returns the task, or `undefined` when only its lease was extended
   * @throws ApiError 404 for an unknown task or workflow
   */
  update(update: TaskUpdate): TaskModel | undefined {
    if (update.extendLease) {
      const task = this.#get(update.taskId);
      if (!isTerminalTask(task.status)) this.#board.change(task, { updateTime: this.#clock.now() });
      return undefined;
    }
    const workflow = this.#executions.get(update.workflowInstanceId);
    const task = this.#get(update.taskId);
    if (isTerminalTask(task.status)) return task;
    if (isTerminalWorkflow(workflow.status)) {
      this.#board.withdraw(task);
      return task;
    }
    this.#record(task, update);
    this.#addLogs(update);
    this.#executions.decide(this.#executions.get(task.workflowInstanceId));
    return task;
  }

  #record(task: TaskModel, update: TaskUpdate): void {
    if (update.status === undefined) throw internal('The status of a task result must not be null');
    const now = this.#clock.now();
    const isDone = update.status !== 'IN_PROGRESS';
    this.#board.change(task, {
      // A worker's task in progress that is put back waits in the queue again, and says so.
      status: update.status === 'IN_PROGRESS' ? 'SCHEDULED' : update.status,
      outputData: update.outputData,
      reasonForIncompletion: update.reasonForIncompletion?.slice(0, MAX_REASON_LENGTH),
      workerId: update.workerId,
      callbackAfterSeconds: update.callbackAfterSeconds,
      subWorkflowId: update.subWorkflowId ?? task.subWorkflowId,
      externalOutputPayloadStoragePath: update.externalOutputPayloadStoragePath,
      executionMetadata: update.executionMetadata ?? task.executionMetadata,
      // The real server stamps an end with `endTime` only, unless nothing was stamped before.
      ...(isDone ? { endTime: now } : {}),
      ...(!isDone || task.updateTime === 0 ? { updateTime: now } : {}),
    });
    if (!isDone) this.#board.offer(task, update.callbackAfterSeconds * 1000);
  }

  #addLogs(update: TaskUpdate): void {
    for (const { log, createdTime } of update.logs.slice(0, MAX_LOGS_PER_UPDATE)) {
      this.#store.addLog({ log, taskId: update.taskId, createdTime: createdTime ?? 0 });
    }
  }

  #get(taskId: string): TaskModel {
    const task = this.#store.getTask(taskId);
    if (task === undefined) throw notFound(`No such task found by id: ${taskId}`);
    return task;
  }
}
