import type { TaskExecLog, TaskStatus } from '../../conductor/types.js';
import type { FullTaskDef, FullWorkflowDef, TaskChange, TaskModel, WorkflowModel } from '../engine/model.js';
import type { QueueMessage } from './task-queue.js';

/** When a worker last asked for tasks of a type (in a domain). */
export interface PollData {
  readonly queueName: string;
  readonly domain?: string;
  readonly workerId?: string;
  readonly lastPollTime: number;
}

/** What narrows a search down before its conditions are applied. */
export interface TaskFilter {
  readonly taskId?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly taskType?: string | undefined;
  readonly status?: TaskStatus | undefined;
}

/**
 * The port to where the server keeps its state. All calls are synchronous: the engine decides on a state that
 * nobody changes meanwhile. Models are the store's own objects; they are changed through the store only.
 */
export abstract class Store {
  // Definitions
  abstract putTaskDef(def: FullTaskDef): void;
  abstract getTaskDef(name: string): FullTaskDef | undefined;
  abstract listTaskDefs(): FullTaskDef[];
  /** @returns whether there was one */
  abstract deleteTaskDef(name: string): boolean;
  abstract putWorkflowDef(def: FullWorkflowDef): void;
  /** The latest version when none is given. */
  abstract getWorkflowDef(name: string, version?: number): FullWorkflowDef | undefined;
  abstract listWorkflowDefs(): FullWorkflowDef[];
  abstract deleteWorkflowDef(name: string, version: number): boolean;

  // Executions
  abstract addWorkflow(workflow: WorkflowModel): void;
  abstract getWorkflow(workflowId: string): WorkflowModel | undefined;
  abstract updateWorkflow(workflow: WorkflowModel, change: Partial<WorkflowModel>): void;
  /** Workflows that have not ended. */
  abstract countOpenWorkflows(): number;
  abstract addTask(workflow: WorkflowModel, task: TaskModel): void;
  abstract getTask(taskId: string): TaskModel | undefined;
  abstract updateTask(task: TaskModel, change: TaskChange): void;
  /** How many tasks of a definition are IN_PROGRESS. */
  abstract countInProgress(taskDefName: string): number;
  /** Tasks that were changed at least once since they were scheduled: the real server's index knows no others. */
  abstract findTasks(filter: TaskFilter): Iterable<TaskModel>;

  // Queues
  abstract pushMessage(queue: string, message: QueueMessage): void;
  /** Takes up to `count` messages that are due: higher priority first, then what was due and made first. */
  abstract popMessages(queue: string, count: number, now: number): QueueMessage[];
  abstract removeMessage(queue: string, taskId: string): boolean;
  abstract nextDeliverAt(queue: string, now: number): number | undefined;
  abstract queueSize(queue: string): number;
  /** Names of all queues that ever had a message. */
  abstract queueNames(): string[];

  // Logs and poll data
  abstract addLog(entry: Required<TaskExecLog>): void;
  /** In ascending order of their times. */
  abstract getLogs(taskId: string): Required<TaskExecLog>[];
  abstract putPollData(data: PollData): void;
  abstract getPollData(taskType: string, domain: string | undefined): PollData | undefined;
  abstract listPollData(): PollData[];
}
