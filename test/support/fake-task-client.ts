import { TaskClient, type PollAnswer, type PollRequest } from '../../src/conductor/clients/task-client.js';
import type { TaskResultBody } from '../../src/conductor/wire/task-result.js';
import type { SearchResult, Task, TaskExecLog } from '../../src/conductor/wire/types.js';

/** Answers of the fake that tests may replace one by one. */
export interface ScriptedAnswers {
  poll(request: PollRequest): Promise<Task[]>;
  update(result: TaskResultBody): Promise<void>;
  updateAndPoll(result: TaskResultBody): Promise<Task | undefined>;
  getTask(taskId: string): Promise<Task>;
}

/**
 * A queue of tasks of one type in memory, as the real server behaves: a batch poll waits until it is full or its time is
 * over; an update gives the next task when it is asked for one. Every request is recorded.
 */
export class FakeTaskClient extends TaskClient {
  readonly polls: PollRequest[] = [];
  /** Results by `update`. */
  readonly updates: TaskResultBody[] = [];
  /** Results by `updateAndPoll`. */
  readonly chained: TaskResultBody[] = [];
  readonly extended: string[] = [];
  /** Whether a dropped poll loses no task. */
  isAbortable = false;
  canChain = true;
  isClosed = false;
  /** What is set here answers in place of the queue. */
  readonly answers: Partial<ScriptedAnswers> = {};
  readonly #queue: Task[] = [];
  #arrived: (() => void)[] = [];

  /** Results that were taken, by whatever request, in this order. */
  readonly results: TaskResultBody[] = [];

  push(...tasks: Task[]): void {
    this.#queue.push(...tasks);
    for (const wake of this.#arrived.splice(0)) wake();
  }

  get queued(): number {
    return this.#queue.length;
  }

  override async poll(request: PollRequest): Promise<PollAnswer> {
    this.polls.push(request);
    const tasks = await (this.answers.poll?.(request) ?? this.#pollQueue(request));
    return { tasks, isAbortable: this.isAbortable };
  }

  override async update(result: TaskResultBody): Promise<void> {
    JSON.stringify(result);
    this.updates.push(result);
    await this.answers.update?.(result);
    this.results.push(result);
  }

  override async updateAndPoll(result: TaskResultBody): Promise<Task | undefined> {
    JSON.stringify(result);
    this.chained.push(result);
    const next = this.answers.updateAndPoll ? await this.answers.updateAndPoll(result) : this.#queue.shift();
    this.results.push(result);
    return next;
  }

  override extendLease(task: Pick<Task, 'taskId'>): Promise<void> {
    this.extended.push(task.taskId);
    return Promise.resolve();
  }

  override getTask(taskId: string): Promise<Task> {
    return this.answers.getTask?.(taskId) ?? Promise.reject(new Error(`no task ${taskId} in this test`));
  }

  override addLog(): Promise<void> {
    return Promise.resolve();
  }
  override getLogs(): Promise<TaskExecLog[]> {
    return Promise.resolve([]);
  }
  override search(_query: string, _page?: { start?: number; size?: number }): Promise<SearchResult<Task>> {
    return Promise.resolve({ totalHits: 0, results: [] });
  }
  override queueSizes(): Promise<Record<string, number>> {
    return Promise.resolve({});
  }
  override close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  async #pollQueue({ count, timeoutMs, signal }: PollRequest): Promise<Task[]> {
    const endsAt = performance.now() + timeoutMs;
    while (this.#queue.length < count && performance.now() < endsAt)
      await this.#arrival(endsAt - performance.now(), signal);
    return this.#queue.splice(0, count);
  }

  /** Resolves when a task has come or the time is over. */
  async #arrival(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, timeoutMs);
      this.#arrived.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }
}
