import { isTerminalWorkflow, type TaskLog, type TaskModel, type WorkflowModel } from '../model/models.js';
import type { Changes } from '../engine/execution.js';
import type { Retention, StoredExecution, TaskFilter, WorkflowFilter } from '../engine/store.js';
import { DefinitionStore } from './definition-store.js';
import { TaskIndex } from './task-index.js';

interface Entry {
  workflow: WorkflowModel;
  readonly tasks: Map<string, TaskModel>;
}

/** Keeps everything in this process; gone with it. Finished workflows are kept as long as the retention says. */
export class MemoryStore extends DefinitionStore {
  readonly #retention: Retention;
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

  override get isFailing(): boolean {
    return false;
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
      if (filter.parentId !== undefined && workflow.parentWorkflowId !== filter.parentId) continue;
      yield workflow;
    }
  }

  protected override registered(): void {
    // It is in memory.
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
