import type { TaskStatus } from '../../conductor/wire/types.js';
import type { TaskModel } from '../model/models.js';

type ByStatus = Map<TaskStatus, Set<string>>;

/** Finds the ids of tasks by type and status without looking at all tasks. */
export class TaskIndex {
  readonly #byType = new Map<string, ByStatus>();

  update(before: TaskModel, after: TaskModel): void {
    const byStatus = this.#statusesOf(after.taskType);
    if (before.status !== after.status) byStatus.get(before.status)?.delete(after.taskId);
    const found = byStatus.get(after.status);
    if (found === undefined) byStatus.set(after.status, new Set([after.taskId]));
    else found.add(after.taskId);
  }

  remove(task: TaskModel): void {
    this.#byType.get(task.taskType)?.get(task.status)?.delete(task.taskId);
  }

  has(task: TaskModel): boolean {
    return this.#byType.get(task.taskType)?.get(task.status)?.has(task.taskId) ?? false;
  }

  *find(
    taskType: string | undefined,
    status: TaskStatus | undefined,
    taskOf: (taskId: string) => TaskModel | undefined,
  ): Iterable<TaskModel> {
    const types = taskType === undefined ? this.#byType.values() : [this.#byType.get(taskType)];
    for (const byStatus of types) {
      if (byStatus === undefined) continue;
      const sets = status === undefined ? byStatus.values() : [byStatus.get(status) ?? []];
      for (const ids of sets) {
        for (const id of ids) {
          const task = taskOf(id);
          if (task !== undefined) yield task;
        }
      }
    }
  }

  #statusesOf(taskType: string): ByStatus {
    const found = this.#byType.get(taskType) ?? new Map<TaskStatus, Set<string>>();
    this.#byType.set(taskType, found);
    return found;
  }
}
