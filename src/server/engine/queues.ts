import { isTerminalTask, type PollData, type TaskModel } from '../model/models.js';
import { definitionOf, type DeciderContext } from './decider-context.js';
import type { Clock } from '../clock/clock.js';
import type { Row } from './execution.js';
import { TaskQueue, type QueueMessage } from './task-queue.js';

/** How long a task waits that was due while a limit of its definition was used up. */
export const POSTPONE_MS = 60_000;

/** The queue that workers of a type (in a domain) poll. */
export function queueName(taskType: string, domain: string | undefined): string {
  return domain === undefined || domain === '' ? taskType : `${domain}:${taskType}`;
}

function isOfType(queue: string, taskType: string): boolean {
  return queue === taskType || queue.endsWith(`:${taskType}`);
}

/** The tasks that wait for workers, and who asks for them. Follows from the rows of the tasks, and is kept in memory. */
export class Queues {
  readonly #clock: Clock;
  readonly #taskDef: DeciderContext['taskDef'];
  readonly #queues = new Map<string, TaskQueue>();
  readonly #inProgress = new Map<string, number>();
  /** Tasks put off because of a limit, by definition. */
  readonly #postponed = new Map<string, Map<string, TaskModel>>();
  /** When tasks of a definition with a rate limit were handed out lately. */
  readonly #handedOut = new Map<string, number[]>();
  readonly #polls = new Map<string, PollData>();
  readonly #paused = new Set<string>();
  #onMessage: (queue: string) => void = () => undefined;

  constructor(clock: Clock, taskDef: DeciderContext['taskDef']) {
    this.#clock = clock;
    this.#taskDef = taskDef;
  }

  /** @param listener - called with each queue that got a message */
  onMessage(listener: (queue: string) => void): void {
    this.#onMessage = listener;
  }

  /** Follows the change of a worker's task. */
  follow({ before, after }: Row<TaskModel>): void {
    const queue = queueName(after.taskType, after.domain);
    if (after.status === 'SCHEDULED') {
      const isNew = before?.status !== 'SCHEDULED' || before.availableAt !== after.availableAt;
      if (isNew) this.#push(queue, after, after.availableAt);
    } else if (before?.status === 'SCHEDULED') {
      this.#queues.get(queue)?.remove(after.taskId);
    }
    if (isTerminalTask(after.status)) this.#postponed.get(after.taskDefName)?.delete(after.taskId);
    const delta = Number(after.status === 'IN_PROGRESS') - Number(before?.status === 'IN_PROGRESS');
    if (delta === 0) return;
    this.#inProgress.set(after.taskDefName, this.countInProgress(after.taskDefName) + delta);
    if (delta < 0) this.#release(after.taskDefName);
  }

  /** A task is gone. */
  forget(task: TaskModel): void {
    this.#queues.get(queueName(task.taskType, task.domain))?.remove(task.taskId);
    this.#postponed.get(task.taskDefName)?.delete(task.taskId);
    if (task.status === 'IN_PROGRESS') {
      this.#inProgress.set(task.taskDefName, this.countInProgress(task.taskDefName) - 1);
    }
  }

  countInProgress(taskDefName: string): number {
    return this.#inProgress.get(taskDefName) ?? 0;
  }

  /** Whether no task is with a worker, and none is due. */
  get isQuiet(): boolean {
    for (const count of this.#inProgress.values()) if (count > 0) return false;
    const now = this.#clock.now();
    for (const [name, queue] of this.#queues) {
      if ((queue.nextDeliverAt(now) ?? now + 1) <= now && !this.#isPaused(name)) return false;
    }
    return true;
  }

  /** Nothing of this type is handed out any more. */
  pause(taskType: string): void {
    this.#paused.add(taskType);
  }

  resume(taskType: string): void {
    if (!this.#paused.delete(taskType)) return;
    for (const name of this.#queues.keys()) if (isOfType(name, taskType)) this.#onMessage(name);
  }

  resumeAll(): void {
    for (const taskType of this.#paused) this.resume(taskType);
  }

  #isPaused(queue: string): boolean {
    for (const taskType of this.#paused) if (isOfType(queue, taskType)) return true;
    return false;
  }

  pop(queue: string, count: number): QueueMessage[] {
    if (this.#isPaused(queue)) return [];
    return this.#queues.get(queue)?.pop(count, this.#clock.now()) ?? [];
  }

  /** Puts messages back that nobody took. */
  restore(queue: string, messages: readonly QueueMessage[]): void {
    for (const message of messages) this.#queueOf(queue).push(message);
    if (messages.length > 0) this.#onMessage(queue);
  }

  nextDeliverAt(queue: string): number | undefined {
    return this.#isPaused(queue) ? undefined : this.#queues.get(queue)?.nextDeliverAt(this.#clock.now());
  }

  size(queue: string): number {
    return this.#queues.get(queue)?.size ?? 0;
  }

  /** Names of all queues that ever had a message. */
  names(): string[] {
    return [...this.#queues.keys()];
  }

  /** Whether a limit of its definition keeps a task from being handed out now. */
  isLimited(task: TaskModel): boolean {
    const def = definitionOf(task, { taskDef: this.#taskDef });
    const concurrent = def?.concurrentExecLimit ?? 0;
    if (concurrent > 0 && this.countInProgress(task.taskDefName) >= concurrent) return true;
    const perWindow = def?.rateLimitPerFrequency ?? 0;
    if (perWindow <= 0) return false;
    const windowMs = (def?.rateLimitFrequencyInSeconds ?? 1) * 1000;
    const now = this.#clock.now();
    const recent = (this.#handedOut.get(task.taskDefName) ?? []).filter((at) => at > now - windowMs);
    this.#handedOut.set(task.taskDefName, recent);
    if (recent.length >= perWindow) return true;
    recent.push(now);
    return false;
  }

  /** Puts a task off whose definition's limit is used up. */
  postpone(task: TaskModel): void {
    const waiting = this.#postponed.get(task.taskDefName) ?? new Map<string, TaskModel>();
    this.#postponed.set(task.taskDefName, waiting.set(task.taskId, task));
    this.#push(queueName(task.taskType, task.domain), task, this.#clock.now() + POSTPONE_MS);
  }

  polled(data: PollData): void {
    this.#polls.set(queueName(data.queueName, data.domain), data);
  }

  lastPoll(taskType: string, domain: string | undefined): PollData | undefined {
    return this.#polls.get(queueName(taskType, domain));
  }

  pollData(): PollData[] {
    return [...this.#polls.values()];
  }

  /** A place under a definition's limit is free: the next task that was put off may have it. */
  #release(taskDefName: string): void {
    const waiting = this.#postponed.get(taskDefName);
    const next = waiting?.values().next().value;
    if (waiting === undefined || next === undefined) return;
    waiting.delete(next.taskId);
    const queue = queueName(next.taskType, next.domain);
    // It may have been taken meanwhile, when its own time was over.
    if (this.#queueOf(queue).remove(next.taskId)) this.#push(queue, next, this.#clock.now());
  }

  #push(queue: string, task: TaskModel, deliverAt: number): void {
    this.#queueOf(queue).push({ taskId: task.taskId, priority: task.workflowPriority, deliverAt });
    this.#onMessage(queue);
  }

  #queueOf(name: string): TaskQueue {
    const found = this.#queues.get(name) ?? new TaskQueue();
    this.#queues.set(name, found);
    return found;
  }
}
