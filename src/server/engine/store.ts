import type { JsonObject, TaskStatus, WorkflowStatus } from '../../conductor/wire/types.js';
import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import type { TaskLog, TaskModel, WorkflowModel } from '../model/models.js';
import type { Changes } from './execution.js';

/** A workflow with its tasks, in the order of their scheduling. */
export interface StoredExecution {
  readonly workflow: WorkflowModel;
  readonly tasks: readonly TaskModel[];
}

/** How much of the finished workflows is kept. */
export interface Retention {
  /** The newest so many. */
  readonly finished: number;
  /** Milliseconds since their end. */
  readonly age: number;
}

/** What narrows a search for tasks down before its conditions are applied. */
export interface TaskFilter {
  readonly taskId?: string | undefined;
  readonly workflowId?: string | undefined;
  readonly taskType?: string | undefined;
  readonly status?: TaskStatus | undefined;
}

/** What narrows a search for workflows down before its conditions are applied. */
export interface WorkflowFilter {
  readonly workflowId?: string | undefined;
  readonly name?: string | undefined;
  readonly status?: WorkflowStatus | undefined;
  readonly correlationId?: string | undefined;
  /** The workflow that it is a sub-workflow of. */
  readonly parentId?: string | undefined;
}

/** What happens when an event arrives. */
export interface EventHandler {
  readonly name: string;
  /** The sink, such as `conductor:workflow:reference`. */
  readonly event: string;
  readonly condition?: string;
  readonly actions: readonly JsonObject[];
  readonly active: boolean;
  readonly evaluatorType?: string;
  readonly [property: string]: unknown;
}

/**
 * The port to where the engine keeps its rows. What is written can be read at once; {@link durable} says when it would
 * survive. Queues, timers and what else follows from the rows is the engine's own, and made anew at a start.
 */
export abstract class Store {
  // Executions
  /** Writes what one decision has changed, as one transaction. */
  abstract commit(changes: Changes): void;
  /** Resolves when all that was written so far would survive the end of this process. @throws ApiError 500 when it would not */
  abstract durable(): Promise<void>;
  /** Whether something that was written is not durable, since it could not be kept. {@link durable} tries again. */
  abstract get isFailing(): boolean;
  /** The workflows that have not ended. */
  abstract openExecutions(): Iterable<StoredExecution>;
  abstract getExecution(workflowId: string): StoredExecution | undefined;
  abstract getWorkflow(workflowId: string): WorkflowModel | undefined;
  abstract getTask(taskId: string): TaskModel | undefined;
  abstract removeExecution(workflowId: string): void;
  /** Tasks that were changed at least once since they were scheduled: the real server's index knows no others. */
  abstract findTasks(filter: TaskFilter): Iterable<TaskModel>;
  abstract findWorkflows(filter: WorkflowFilter): Iterable<WorkflowModel>;

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
  abstract putEventHandler(handler: EventHandler): void;
  abstract getEventHandler(name: string): EventHandler | undefined;
  abstract listEventHandlers(): EventHandler[];
  abstract deleteEventHandler(name: string): boolean;

  // Logs
  abstract addLogs(logs: readonly TaskLog[]): void;
  /** In ascending order of their times. */
  abstract getLogs(taskId: string): TaskLog[];

  abstract close(): Promise<void>;
}
