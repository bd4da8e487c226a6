import { refInIteration, WorkflowGraph } from '../model/graph.js';
import { isTerminalTask, type TaskModel, type WorkflowModel } from '../model/models.js';
import {
  DEFAULT_PAYLOAD_LIMITS,
  excessOf,
  taskExcessReason,
  type PayloadLimits,
} from '../model/payload-limits.js';

/** What may change in a task after it was made. */
export type TaskChange = Partial<
  Omit<TaskModel, 'taskId' | 'workflowInstanceId' | 'referenceTaskName' | 'workflowType' | 'loopTaskId'>
>;

/** A row that is written; `before` is absent for a new one. */
export interface Row<T> {
  readonly before: T | undefined;
  readonly after: T;
}

/** What a decision or a command has changed: whole rows of plain JSON, written together or not at all. */
export interface Changes {
  readonly workflows: readonly Row<WorkflowModel>[];
  /** In the order of their first change; new tasks in the order of their scheduling. */
  readonly tasks: readonly Row<TaskModel>[];
  /** Tasks that are gone. */
  readonly removed: readonly TaskModel[];
}

/**
 * One workflow with its tasks and what the decider asks of them again and again, each answered without looking at the
 * whole history. Changes are collected until they are committed; whoever cannot commit them drops the object and makes
 * a new one of the store's rows.
 */
export class Execution {
  readonly graph: WorkflowGraph;
  /** The time of the changes that follow, epoch milliseconds. */
  now = 0;
  #workflow: WorkflowModel;
  readonly #tasks = new Map<string, TaskModel>();
  readonly #latest = new Map<string, string>();
  readonly #latestOfBase = new Map<string, string>();
  readonly #attempts = new Map<string, number>();
  readonly #open = new Set<string>();
  /** Open JOIN tasks by the reference names that they wait for, and the other way around. */
  readonly #joinsOf = new Map<string, Set<string>>();
  readonly #awaitedBy = new Map<string, Set<string>>();
  /** The tasks of the present iteration of each loop, and how many of them the decider is not done with. */
  readonly #loopTasks = new Map<string, Set<string>>();
  readonly #unsettledInLoop = new Map<string, number>();
  readonly #toLookAt = new Set<string>();
  #lastSeq = 0;
  #terminateId: string | undefined;
  #last: TaskModel | undefined;
  #workflowBefore: WorkflowModel | undefined;
  #isWorkflowChanged = false;
  /** The changed tasks, as they were at the last commit. */
  readonly #changed = new Map<string, TaskModel | undefined>();
  #removed: TaskModel[] = [];
  readonly #limits: PayloadLimits;

  /**
   * @param tasks - in the order of their scheduling
   * @param limits - a task whose input or output gets larger is failed
   */
  constructor(
    workflow: WorkflowModel,
    tasks: Iterable<TaskModel> = [],
    limits: PayloadLimits = DEFAULT_PAYLOAD_LIMITS,
  ) {
    this.#limits = limits;
    this.#workflow = workflow;
    this.#workflowBefore = workflow;
    this.graph = WorkflowGraph.of(workflow.definition);
    for (const task of tasks) this.#put(task, undefined);
    for (const task of this.#tasks.values()) {
      if (task.taskType === 'DO_WHILE') this.#leaveOldIterations(task);
      if (task.taskType === 'JOIN' && !isTerminalTask(task.status))
        this.awaitRefs(task.taskId, joinRefs(task));
    }
    this.#toLookAt.clear();
  }

  /** A workflow that does not exist yet. */
  static create(workflow: WorkflowModel, limits?: PayloadLimits): Execution {
    const execution = new Execution(workflow, [], limits);
    execution.#isWorkflowChanged = true;
    execution.#workflowBefore = undefined;
    return execution;
  }

  get workflow(): WorkflowModel {
    return this.#workflow;
  }

  get workflowId(): string {
    return this.#workflow.workflowId;
  }

  task(taskId: string): TaskModel | undefined {
    return this.#tasks.get(taskId);
  }

  /** A task as it was at the last commit; `undefined` for one that is new since. */
  committed(taskId: string): TaskModel | undefined {
    return this.#changed.has(taskId) ? this.#changed.get(taskId) : this.#tasks.get(taskId);
  }

  /** All tasks, in the order of their scheduling. */
  tasks(): IterableIterator<TaskModel> {
    return this.#tasks.values();
  }

  get taskCount(): number {
    return this.#tasks.size;
  }

  /** How many tasks have not ended. */
  get openCount(): number {
    return this.#open.size;
  }

  openTasks(): TaskModel[] {
    return [...this.#open].map((id) => this.#tasks.get(id)!);
  }

  /** The task that was scheduled last. */
  get lastTask(): TaskModel | undefined {
    if (this.#last !== undefined) return this.#tasks.get(this.#last.taskId);
    return [...this.#tasks.values()].at(-1);
  }

  /** A TERMINATE task that has ended the workflow. */
  latestTerminate(): TaskModel | undefined {
    return this.#terminateId === undefined ? undefined : this.#tasks.get(this.#terminateId);
  }

  /** The latest attempt of a task. */
  latest(ref: string): TaskModel | undefined {
    const id = this.#latest.get(ref);
    return id === undefined ? undefined : this.#tasks.get(id);
  }

  /** The latest attempt of a task in the latest iteration of its loop, by the name that the definition has. */
  latestOfBase(ref: string): TaskModel | undefined {
    const id = this.#latestOfBase.get(ref);
    return id === undefined ? undefined : this.#tasks.get(id);
  }

  /** The tasks of the present iteration of a loop. */
  tasksOfLoop(loopTaskId: string): TaskModel[] {
    return [...(this.#loopTasks.get(loopTaskId) ?? [])].map((id) => this.#tasks.get(id)!);
  }

  /** Whether every task of the present iteration has ended, and what follows it is scheduled. */
  isIterationOver(loopTaskId: string): boolean {
    return (this.#unsettledInLoop.get(loopTaskId) ?? 0) === 0;
  }

  /** The tasks of a loop's earlier iterations do not count any more. */
  beginIteration(loopTaskId: string): void {
    this.#loopTasks.delete(loopTaskId);
    this.#unsettledInLoop.delete(loopTaskId);
  }

  /** Whether a JOIN still waits for a task. */
  isJoinWaiting(joinTaskId: string): boolean {
    return (this.#awaitedBy.get(joinTaskId)?.size ?? 0) > 0;
  }

  /** A JOIN is looked at again when one of these has ended. */
  awaitRefs(joinTaskId: string, refs: readonly string[]): void {
    const awaited = new Set(
      refs.filter((ref) => {
        const status = this.latest(ref)?.status;
        return status === undefined || !isTerminalTask(status);
      }),
    );
    this.#awaitedBy.set(joinTaskId, awaited);
    for (const ref of awaited) {
      const joins = this.#joinsOf.get(ref) ?? new Set();
      this.#joinsOf.set(ref, joins.add(joinTaskId));
    }
  }

  patch(change: Partial<Omit<WorkflowModel, 'workflowId' | 'definition'>>): WorkflowModel {
    this.#isWorkflowChanged = true;
    return (this.#workflow = { ...this.#workflow, ...change });
  }

  /**
   * Adds a task behind all others; its `seq` is set here, unless it has one. One that is skipped has none: it stands first.
   *
   * @returns the task, failed when its input or output is too large
   */
  add(task: TaskModel): TaskModel {
    const placed = task.seq > 0 || task.status === 'SKIPPED' ? task : { ...task, seq: this.#lastSeq + 1 };
    const added = { ...placed, ...this.#excess(placed, undefined) };
    this.#put(added, undefined);
    this.#changed.set(added.taskId, undefined);
    return added;
  }

  /** @returns the task, failed when its input or output has become too large */
  change(taskId: string, wanted: TaskChange): TaskModel {
    const before = this.#tasks.get(taskId);
    if (before === undefined) throw new Error(`workflow ${this.workflowId} has no task ${taskId}`);
    const change = { ...wanted, ...this.#excess({ ...before, ...wanted }, before) };
    const after = { ...before, ...change, ...this.#stamps(before, change) };
    this.#put(after, before);
    if (!this.#changed.has(taskId)) this.#changed.set(taskId, before);
    return after;
  }

  /** What becomes of a task whose payload is too large. */
  #excess(after: TaskModel, before: TaskModel | undefined): TaskChange | undefined {
    let change: TaskChange | undefined;
    for (const [key, limit] of [
      ['inputData', this.#limits.taskInput],
      ['outputData', this.#limits.taskOutput],
    ] as const) {
      if (after[key] === before?.[key]) continue;
      const bytes = excessOf(after[key], limit);
      if (bytes === undefined) continue;
      change = {
        ...change,
        [key]: {},
        status: 'FAILED_WITH_TERMINAL_ERROR',
        reasonForIncompletion: taskExcessReason(after, bytes, limit),
      };
    }
    return change;
  }

  /** As the real server stamps what it writes: an end only once, and the last update of an ended task never. */
  #stamps(before: TaskModel, change: TaskChange): TaskChange {
    if (change.status === undefined) return {};
    const isTerminal = isTerminalTask(change.status);
    const updateTime = change.updateTime ?? before.updateTime;
    const endTime = change.endTime ?? before.endTime;
    return {
      ...(change.updateTime === undefined && (!isTerminal || updateTime === 0)
        ? { updateTime: this.now }
        : {}),
      ...(isTerminal && endTime === 0 ? { endTime: this.now } : {}),
    };
  }

  /** Takes a task out of the workflow: a rerun, a restart, an old iteration of a loop. */
  remove(taskId: string): void {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return;
    this.#tasks.delete(taskId);
    this.#open.delete(taskId);
    this.#toLookAt.delete(taskId);
    const isNew = this.#changed.has(taskId) && this.#changed.get(taskId) === undefined;
    this.#changed.delete(taskId);
    this.#awaitedBy.delete(taskId);
    if (this.#last?.taskId === taskId) this.#last = undefined;
    for (const [index, ref] of [
      [this.#latest, task.referenceTaskName],
      [this.#latestOfBase, this.graph.baseOf(task.referenceTaskName)],
    ] as const) {
      if (index.get(ref) !== taskId) continue;
      index.delete(ref);
      this.#attempts.delete(task.referenceTaskName);
    }
    if (task.loopTaskId !== undefined) {
      this.#loopTasks.get(task.loopTaskId)?.delete(taskId);
      if (isUnsettled(task)) this.#countUnsettled(task.loopTaskId, -1);
    }
    // One that was never committed leaves no trace.
    if (!isNew) this.#removed.push(task);
  }

  /** A task needs the decider's eye: its time has come, or what it waits for is there. */
  touch(taskId: string): void {
    if (this.#tasks.has(taskId)) this.#toLookAt.add(taskId);
  }

  touchAll(): void {
    for (const task of this.#tasks.values()) this.#toLookAt.add(task.taskId);
  }

  /** The next task that the decider has to look at. */
  nextToLookAt(): TaskModel | undefined {
    for (const id of this.#toLookAt) {
      this.#toLookAt.delete(id);
      const task = this.#tasks.get(id);
      if (task !== undefined) return task;
    }
    return undefined;
  }

  get hasToLookAt(): boolean {
    return this.#toLookAt.size > 0;
  }

  /** What has changed since the last call. */
  takeChanges(): Changes {
    const changes: Changes = {
      workflows: this.#isWorkflowChanged ? [{ before: this.#workflowBefore, after: this.#workflow }] : [],
      tasks: [...this.#changed].map(([taskId, before]) => ({ before, after: this.#tasks.get(taskId)! })),
      removed: this.#removed,
    };
    this.#workflowBefore = this.#workflow;
    this.#isWorkflowChanged = false;
    this.#changed.clear();
    this.#removed = [];
    return changes;
  }

  #put(task: TaskModel, before: TaskModel | undefined): void {
    const { taskId, referenceTaskName: ref, loopTaskId } = task;
    this.#tasks.set(taskId, task);
    // Only a new state can lead to something; what else is written is for those who look at the task.
    if (before?.status !== task.status) this.#toLookAt.add(taskId);
    if (task.taskType === 'TERMINATE' && task.status === 'COMPLETED') this.#terminateId = taskId;
    if (before === undefined) {
      this.#lastSeq = Math.max(this.#lastSeq, task.seq);
      if (task.seq >= (this.#last?.seq ?? 0)) this.#last = task;
      // The highest attempt counts, and among equals the one that came last.
      if (task.retryCount >= (this.#attempts.get(ref) ?? 0)) {
        this.#latest.set(ref, taskId);
        this.#attempts.set(ref, task.retryCount);
      }
      this.#latestOfBase.set(this.graph.baseOf(ref), taskId);
      if (loopTaskId !== undefined) {
        const tasks = this.#loopTasks.get(loopTaskId) ?? new Set();
        this.#loopTasks.set(loopTaskId, tasks.add(taskId));
      }
      // A new attempt: whoever waited for the one before waits on.
      for (const join of this.#joinsOf.get(ref) ?? []) this.#awaitedBy.get(join)?.add(ref);
    }
    const wasOpen = before !== undefined && !isTerminalTask(before.status);
    const isOpen = !isTerminalTask(task.status);
    if (isOpen) this.#open.add(taskId);
    else this.#open.delete(taskId);
    const wasUnsettled = before !== undefined && isUnsettled(before);
    if (loopTaskId !== undefined && wasUnsettled !== isUnsettled(task)) {
      this.#countUnsettled(loopTaskId, wasUnsettled ? -1 : 1);
    }
    if ((wasOpen && !isOpen) || (wasUnsettled && !isUnsettled(task))) this.#ended(task);
  }

  #leaveOldIterations(loop: TaskModel): void {
    const tasks = this.tasksOfLoop(loop.taskId).filter((task) => task.iteration === loop.iteration);
    this.#loopTasks.set(loop.taskId, new Set(tasks.map((task) => task.taskId)));
    this.#unsettledInLoop.set(loop.taskId, tasks.filter(isUnsettled).length);
  }

  #ended(task: TaskModel): void {
    for (const join of this.#joinsOf.get(task.referenceTaskName) ?? []) {
      this.#awaitedBy.get(join)?.delete(task.referenceTaskName);
      this.#toLookAt.add(join);
    }
    if (task.loopTaskId !== undefined) this.#toLookAt.add(task.loopTaskId);
  }

  #countUnsettled(loopTaskId: string, by: number): void {
    this.#unsettledInLoop.set(loopTaskId, (this.#unsettledInLoop.get(loopTaskId) ?? 0) + by);
  }
}

/** The reference names that a JOIN waits for, those of its own iteration inside of a loop. */
export function joinRefs(join: Pick<TaskModel, 'inputData' | 'iteration'>): string[] {
  const joinOn = join.inputData['joinOn'];
  return Array.isArray(joinOn) ? joinOn.map((ref) => refInIteration(String(ref), join.iteration)) : [];
}

/** The decider is not done with it: it runs, or what comes after it is not decided yet. */
function isUnsettled(task: TaskModel): boolean {
  return !task.executed && !task.retried && task.status !== 'SKIPPED';
}
