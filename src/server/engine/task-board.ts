import type { Store } from '../store/store.js';
import type { QueueMessage } from '../store/task-queue.js';
import type { Clock } from './clock.js';
import { isTerminalTask, type TaskChange, type TaskModel } from './model.js';

/** How long a task waits that was due while its definition's `concurrentExecLimit` was used up. */
export const POSTPONE_MS = 60_000;

/** The queue that workers of a type (in a domain) poll. */
export function queueName(taskType: string, domain: string | undefined): string {
  return domain === undefined || domain === '' ? taskType : `${domain}:${taskType}`;
}

/** Changes of tasks, and of their places in the queues, which must go together. */
export class TaskBoard {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #onMessage: (queue: string) => void;
  /** Tasks put off because of `concurrentExecLimit`, by definition. */
  readonly #postponed = new Map<string, Map<string, TaskModel>>();

  /** @param onMessage - called for each queue that got a message */
  constructor(store: Store, clock: Clock, onMessage: (queue: string) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#onMessage = onMessage;
  }

  change(task: TaskModel, change: TaskChange): void {
    const wasInProgress = task.status === 'IN_PROGRESS';
    this.#store.updateTask(task, change);
    if (isTerminalTask(task.status)) this.withdraw(task);
    if (wasInProgress && task.status !== 'IN_PROGRESS') this.#releaseSlot(task.taskDefName);
  }

  /** Puts a task where workers find it after `delayMs` milliseconds. */
  offer(task: TaskModel, delayMs: number): void {
    this.restore(queueName(task.taskType, task.domain), {
      taskId: task.taskId,
      priority: task.workflowPriority,
      deliverAt: this.#clock.now() + delayMs,
    });
  }

  /** Puts a message back as it was. */
  restore(queue: string, message: QueueMessage): void {
    this.#store.pushMessage(queue, message);
    this.#onMessage(queue);
  }

  withdraw(task: TaskModel): void {
    this.#store.removeMessage(queueName(task.taskType, task.domain), task.taskId);
    this.#postponed.get(task.taskDefName)?.delete(task.taskId);
  }

  /** Whether as many tasks of this one's definition are in progress as may be. */
  isLimitReached(task: TaskModel): boolean {
    const limit = task.workflowTask.taskDefinition?.concurrentExecLimit ?? 0;
    return limit > 0 && this.#store.countInProgress(task.taskDefName) >= limit;
  }

  postpone(task: TaskModel): void {
    const waiting = this.#postponed.get(task.taskDefName) ?? new Map<string, TaskModel>();
    this.#postponed.set(task.taskDefName, waiting);
    waiting.set(task.taskId, task);
    this.offer(task, POSTPONE_MS);
  }

  #releaseSlot(taskDefName: string): void {
    const waiting = this.#postponed.get(taskDefName);
    const next = waiting?.values().next().value;
    if (waiting === undefined || next === undefined) return;
    waiting.delete(next.taskId);
    // It may have been taken meanwhile, when its own 60 seconds were over.
    if (this.#store.removeMessage(queueName(next.taskType, next.domain), next.taskId)) this.offer(next, 0);
  }
}
