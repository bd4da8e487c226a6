import type { TaskStatus } from '../../conductor/types.js';
import type { TaskModel } from '../engine/model.js';

type ByStatus = Map<TaskStatus, Set<TaskModel>>;

/** Finds tasks by type and status, and counts those in progress, without looking at all tasks. */
export class TaskIndex {
  readonly #byType = new Map<string, ByStatus>();
  readonly #inProgress = new Map<string, number>();

  onUpdate(task: TaskModel, before: TaskStatus): void {
    const byStatus = this.#statusesOf(task.taskType);
    if (before !== task.status) {
      byStatus.get(before)?.delete(task);
      const change = Number(task.status === 'IN_PROGRESS') - Number(before === 'IN_PROGRESS');
      if (change !== 0) {
        this.#inProgress.set(task.taskDefName, (this.#inProgress.get(task.taskDefName) ?? 0) + change);
      }
    }
    const found = byStatus.get(task.status);
    if (found === undefined) byStatus.set(task.status, new Set([task]));
    else found.add(task);
  }

  has(task: TaskModel): boolean {
    return this.#byType.get(task.taskType)?.get(task.status)?.has(task) ?? false;
  }

  countInProgress(taskDefName: string): number {
    return this.#inProgress.get(taskDefName) ?? 0;
  }

  *find(taskType: string | undefined, status: TaskStatus | undefined): Iterable<TaskModel> {
    const types = taskType === undefined ? this.#byType.values() : [this.#byType.get(taskType)];
    for (const byStatus of types) {
      if (byStatus === undefined) continue;
      if (status !== undefined) yield* byStatus.get(status) ?? [];
      else for (const tasks of byStatus.values()) yield* tasks;
    }
  }

  #statusesOf(taskType: string): ByStatus {
    const found = this.#byType.get(taskType) ?? new Map<TaskStatus, Set<TaskModel>>();
    this.#byType.set(taskType, found);
    return found;
  }
}
