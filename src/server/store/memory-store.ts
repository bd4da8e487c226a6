import type { TaskExecLog } from '../../conductor/types.js';
import {
  isTerminalWorkflow,
  type FullTaskDef,
  type FullWorkflowDef,
  type TaskChange,
  type TaskModel,
  type WorkflowModel,
} from '../engine/model.js';
import { Store, type PollData, type TaskFilter } from './store.js';
import { TaskIndex } from './task-index.js';
import { TaskQueue, type QueueMessage } from './task-queue.js';

/** Keeps everything in this process; gone with it. Nothing is ever thrown away, finished workflows included. */
export class MemoryStore extends Store {
  readonly #taskDefs = new Map<string, FullTaskDef>();
  readonly #workflowDefs = new Map<string, Map<number, FullWorkflowDef>>();
  readonly #workflows = new Map<string, WorkflowModel>();
  readonly #tasks = new Map<string, TaskModel>();
  readonly #index = new TaskIndex();
  readonly #queues = new Map<string, TaskQueue>();
  readonly #logs = new Map<string, Required<TaskExecLog>[]>();
  readonly #pollData = new Map<string, PollData>();
  #openWorkflows = 0;

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

  override addWorkflow(workflow: WorkflowModel): void {
    this.#workflows.set(workflow.workflowId, workflow);
    if (!isTerminalWorkflow(workflow.status)) this.#openWorkflows += 1;
  }

  override getWorkflow(workflowId: string): WorkflowModel | undefined {
    return this.#workflows.get(workflowId);
  }

  override updateWorkflow(workflow: WorkflowModel, change: Partial<WorkflowModel>): void {
    const wasOpen = !isTerminalWorkflow(workflow.status);
    Object.assign(workflow, change);
    this.#openWorkflows += Number(!isTerminalWorkflow(workflow.status)) - Number(wasOpen);
  }

  override countOpenWorkflows(): number {
    return this.#openWorkflows;
  }

  override addTask(workflow: WorkflowModel, task: TaskModel): void {
    workflow.tasks.push(task);
    this.#tasks.set(task.taskId, task);
  }

  override getTask(taskId: string): TaskModel | undefined {
    return this.#tasks.get(taskId);
  }

  override updateTask(task: TaskModel, change: TaskChange): void {
    const before = task.status;
    Object.assign(task, change);
    this.#index.onUpdate(task, before);
  }

  override countInProgress(taskDefName: string): number {
    return this.#index.countInProgress(taskDefName);
  }

  override findTasks(filter: TaskFilter): Iterable<TaskModel> {
    if (filter.taskId !== undefined) {
      const task = this.#tasks.get(filter.taskId);
      return task !== undefined && this.#index.has(task) ? [task] : [];
    }
    if (filter.workflowId !== undefined) {
      const tasks = this.#workflows.get(filter.workflowId)?.tasks ?? [];
      return tasks.filter((task) => this.#index.has(task));
    }
    return this.#index.find(filter.taskType, filter.status);
  }

  override pushMessage(queue: string, message: QueueMessage): void {
    const found = this.#queues.get(queue) ?? new TaskQueue();
    this.#queues.set(queue, found);
    found.push(message);
  }

  override popMessages(queue: string, count: number, now: number): QueueMessage[] {
    return this.#queues.get(queue)?.pop(count, now) ?? [];
  }

  override removeMessage(queue: string, taskId: string): boolean {
    return this.#queues.get(queue)?.remove(taskId) ?? false;
  }

  override nextDeliverAt(queue: string, now: number): number | undefined {
    return this.#queues.get(queue)?.nextDeliverAt(now);
  }

  override queueSize(queue: string): number {
    return this.#queues.get(queue)?.size ?? 0;
  }

  override queueNames(): string[] {
    return [...this.#queues.keys()];
  }

  override addLog(entry: Required<TaskExecLog>): void {
    const logs = this.#logs.get(entry.taskId);
    if (logs === undefined) this.#logs.set(entry.taskId, [entry]);
    else logs.push(entry);
  }

  override getLogs(taskId: string): Required<TaskExecLog>[] {
    return [...(this.#logs.get(taskId) ?? [])].sort((a, b) => a.createdTime - b.createdTime);
  }

  override putPollData(data: PollData): void {
    this.#pollData.set(pollKey(data.queueName, data.domain), data);
  }

  override getPollData(taskType: string, domain: string | undefined): PollData | undefined {
    return this.#pollData.get(pollKey(taskType, domain));
  }

  override listPollData(): PollData[] {
    return [...this.#pollData.values()];
  }
}

function pollKey(taskType: string, domain: string | undefined): string {
  return `${domain ?? ''}:${taskType}`;
}
