import type { JsonObject, TaskStatus, WorkflowStatus } from '../../conductor/types.js';
import type { TaskChange, TaskModel, WorkflowModel } from './model.js';

/** How a workflow ends. */
export interface WorkflowEnd {
  readonly status: WorkflowStatus;
  readonly reason: string | undefined;
  readonly output: JsonObject;
  readonly failedReferenceTaskNames: readonly string[];
  readonly failedTaskNames: readonly string[];
}

/** What the decider wants done. Nothing has happened yet. */
export interface Decision {
  readonly changes: ReadonlyMap<TaskModel, TaskChange>;
  readonly schedule: readonly TaskModel[];
  readonly end: WorkflowEnd | undefined;
  /** When a time-out will need the next decision, epoch milliseconds. */
  readonly nextCheckAt: number | undefined;
}

/** A decision in the making: shows the workflow's tasks as they will be. */
export class DecisionDraft implements Decision {
  readonly workflow: Readonly<WorkflowModel>;
  readonly changes = new Map<TaskModel, TaskChange>();
  readonly schedule: TaskModel[] = [];
  end: WorkflowEnd | undefined;
  nextCheckAt: number | undefined;

  constructor(workflow: Readonly<WorkflowModel>) {
    this.workflow = workflow;
  }

  change(task: TaskModel, change: TaskChange): void {
    this.changes.set(task, { ...this.changes.get(task), ...change });
  }

  /** A task with the changes of this decision. */
  view(task: TaskModel): Readonly<TaskModel> {
    const change = this.changes.get(task);
    return change === undefined ? task : { ...task, ...change };
  }

  statusOf(task: TaskModel): TaskStatus {
    return this.changes.get(task)?.status ?? task.status;
  }

  /** The workflow with the changes of this decision. */
  viewOfWorkflow(): Readonly<WorkflowModel> {
    if (this.changes.size === 0) return this.workflow;
    return { ...this.workflow, tasks: this.workflow.tasks.map((task) => this.view(task)) };
  }

  checkAt(at: number | undefined): void {
    if (at !== undefined) this.nextCheckAt = Math.min(this.nextCheckAt ?? at, at);
  }
}
