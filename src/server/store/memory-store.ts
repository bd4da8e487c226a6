import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import { isTerminalWorkflow, type TaskLog, type TaskModel, type WorkflowModel } from '../model/models.js';
import type { Changes } from '../engine/execution.js';
import {
  Store,
  type EventHandler,
  type Retention,
  type StoredExecution,
  type TaskFilter,
  type WorkflowFilter,
} from '../engine/store.js';
import { TaskIndex } from './task-index.js';

interface Entry {
  workflow: WorkflowModel;
  readonly tasks: Map<string, TaskModel>;
}

/** Keeps everything in this process; gone with it. Finished workflows are kept as long as the retention says. */
export class MemoryStore extends Store {
  readonly #retention: Retention;
  readonly #taskDefs = new Map<string, FullTaskDef>();
  readonly #workflowDefs = new Map<string, Map<number, FullWorkflowDef>>();
  readonly #handlers = new Map<string, EventHandler>();
  readonly #entries = new Map<string, Entry>();
  readonly #open = new Set<string>();
  /** In the order of their end. */
  readonly #finished = new Set<string>();
  readonly #tasks = new Map<string, TaskModel>();
  readonly #index = new TaskIndex();
  readonly #logs = new Map<string, TaskLog[]>();

  constructor(retention: Retention = { finished: Number.POSITIVE_INFINITY, age: Number.POSITIVE_INFINITY }) {
    super();
    this.#retention = retention;
  }

  override commit({ workflows, tasks, removed }: Changes): void {
    for (const { after } of workflows) this.#putWorkflow(after);
    for (const task of removed) this.#removeTask(task);
    for (const { before, after } of tasks) {
      this.#entries.get(after.workflowInstanceId)?.tasks.set(after.taskId, after);
      this.#tasks.set(after.taskId, after);
      if (before !== undefined) this.#index.update(before, after);
    }
  }

  override durable(): Promise<void> {
    return Promise.resolve();
  }

  override *openExecutions(): Iterable<StoredExecution> {
    for (const id of this.#open) yield this.getExecution(id)!;
  }

  override getExecution(workflowId: string): StoredExecution | undefined {
    const entry = this.#entries.get(workflowId);
    return entry === undefined ? undefined : { workflow: entry.workflow, tasks: [...entry.tasks.values()] };
  }

  override getWorkflow(workflowId: string): WorkflowModel | undefined {
    return this.#entries.get(workflowId)?.workflow;
  }

  override getTask(taskId: string): TaskModel | undefined {
    return this.#tasks.get(taskId);
  }

  override removeExecution(workflowId: string): void {
    const entry = this.#entries.get(workflowId);
    if (entry === undefined) return;
    for (const task of entry.tasks.values()) this.#removeTask(task);
    this.#entries.delete(workflowId);
    this.#open.delete(workflowId);
    this.#finished.delete(workflowId);
  }

  override findTasks(filter: TaskFilter): Iterable<TaskModel> {
    if (filter.taskId !== undefined) {
      const task = this.#tasks.get(filter.taskId);
      return task !== undefined && this.#index.has(task) ? [task] : [];
    }
    if (filter.workflowId !== undefined) {
      const tasks = this.#entries.get(filter.workflowId)?.tasks.values() ?? [];
      return [...tasks].filter((task) => this.#index.has(task));
    }
    return this.#index.find(filter.taskType, filter.status, (id) => this.#tasks.get(id));
  }

  override *findWorkflows(filter: WorkflowFilter): Iterable<WorkflowModel> {
    if (filter.workflowId !== undefined) {
      const found = this.getWorkflow(filter.workflowId);
      if (found !== undefined) yield found;
      return;
    }
    const isOpen = filter.status === 'RUNNING' || filter.status === 'PAUSED';
    const ids = filter.status === undefined ? this.#entries.keys() : isOpen ? this.#open : this.#finished;
    for (const id of ids) {
      const { workflow } = this.#entries.get(id)!;
      if (filter.status !== undefined && workflow.status !== filter.status) continue;
      if (filter.name !== undefined && workflow.definition.name !== filter.name) continue;
      if (filter.correlationId !== undefined && workflow.correlationId !== filter.correlationId) continue;
      yield workflow;
    }
  }

  override putTaskDef(def: FullTaskDef): void {
    this.#taskDefs.set(def.name, def);
  }

  override getTaskDef(name: string): FullTaskDef | undefined {
    return this.#taskDefs.get(name);
  }

  override listTaskDefs(): FullTaskDef[] {
    return [...this.#taskDefs.values()];
  }

  override deleteTaskDef(name: string): boolean {
    return this.#taskDefs.delete(name);
  }

  override putWorkflowDef(def: FullWorkflowDef): void {
    const versions = this.#workflowDefs.get(def.name) ?? new Map<number, FullWorkflowDef>();
    versions.set(def.version, def);
    this.#workflowDefs.set(def.name, versions);
  }

  override getWorkflowDef(name: string, version?: number): FullWorkflowDef | undefined {
    const versions = this.#workflowDefs.get(name);
    if (versions === undefined) return undefined;
    return versions.get(version ?? Math.max(...versions.keys()));
  }

  override listWorkflowDefs(): FullWorkflowDef[] {
    return [...this.#workflowDefs.values()].flatMap((versions) =>
      [...versions.values()].sort((a, b) => a.version - b.version),
    );
  }

  override deleteWorkflowDef(name: string, version: number): boolean {
    const versions = this.#workflowDefs.get(name);
    if (versions?.delete(version) !== true) return false;
    if (versions.size === 0) this.#workflowDefs.delete(name);
    return true;
  }

  override putEventHandler(handler: EventHandler): void {
    this.#handlers.set(handler.name, handler);
  }

  override getEventHandler(name: string): EventHandler | undefined {
    return this.#handlers.get(name);
  }

  override listEventHandlers(): EventHandler[] {
    return [...this.#handlers.values()];
  }

  override deleteEventHandler(name: string): boolean {
    return this.#handlers.delete(name);
  }

  override addLogs(logs: readonly TaskLog[]): void {
    for (const log of logs) {
      const ofTask = this.#logs.get(log.taskId);
      if (ofTask === undefined) this.#logs.set(log.taskId, [log]);
      else ofTask.push(log);
    }
  }

  override getLogs(taskId: string): TaskLog[] {
    return [...(this.#logs.get(taskId) ?? [])].sort((a, b) => a.createdTime - b.createdTime);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  #putWorkflow(workflow: WorkflowModel): void {
    const { workflowId } = workflow;
    const entry = this.#entries.get(workflowId);
    if (entry === undefined) this.#entries.set(workflowId, { workflow, tasks: new Map() });
    else entry.workflow = workflow;
    if (!isTerminalWorkflow(workflow.status)) {
      this.#open.add(workflowId);
      this.#finished.delete(workflowId);
    } else if (!this.#finished.has(workflowId)) {
      this.#open.delete(workflowId);
      this.#finished.add(workflowId);
      this.#forgetOld(workflow.endTime);
    }
  }

  #forgetOld(now: number): void {
    for (const id of this.#finished) {
      const ended = this.#entries.get(id)!.workflow.endTime;
      if (this.#finished.size <= this.#retention.finished && now - ended <= this.#retention.age) return;
      this.removeExecution(id);
    }
  }

  #removeTask(task: TaskModel): void {
    this.#entries.get(task.workflowInstanceId)?.tasks.delete(task.taskId);
    const stored = this.#tasks.get(task.taskId);
    if (stored !== undefined) this.#index.remove(stored);
    this.#tasks.delete(task.taskId);
    this.#logs.delete(task.taskId);
  }
}
