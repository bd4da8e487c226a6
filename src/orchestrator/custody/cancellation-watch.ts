import type { Logger } from '../../core/logger.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { TaskStatus } from '../../conductor/wire/types.js';
import type { LedgerTask } from '../ledger/ledger-task.js';

/** A task is looked at when it has run for so long, and again after so long. */
const LOOK_EVERY_MS = 5_000;
const ROUND_MS = 1_000;
/** So many requests in a round at most: with thousands of long tasks each is looked at less often. */
const LOOKS_PER_ROUND = 10;

const OVER: readonly TaskStatus[] = [
  'CANCELED',
  'TIMED_OUT',
  'FAILED',
  'FAILED_WITH_TERMINAL_ERROR',
  'SKIPPED',
  'COMPLETED',
  'COMPLETED_WITH_ERRORS',
];

interface WatchedTask {
  readonly task: LedgerTask;
  nextLookAt: number;
}

/**
 * Reads the tasks that run for long, now and then: the server does not notify anybody when a workflow was terminated or a task
 * timed out, and takes heartbeats all the same.
 */
export class CancellationWatch {
  readonly #client: TaskClient;
  readonly #logger: Logger;
  readonly #watched = new Map<string, WatchedTask>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(client: TaskClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  add(task: LedgerTask): void {
    this.#watched.set(task.taskId, { task, nextLookAt: task.startedAt + LOOK_EVERY_MS });
    this.#timer ??= setInterval(() => void this.#look(), ROUND_MS).unref();
  }

  remove(task: LedgerTask): void {
    if (this.#watched.get(task.taskId)?.task === task) this.#watched.delete(task.taskId);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    // An idle application should sleep.
    if (this.#watched.size === 0) return this.close();
    this.#isLooking = true;
    const now = performance.now();
    const due = [...this.#watched.values()].filter(
      (one) => one.nextLookAt <= now && one.task.state === 'running',
    );
    due.sort((a, b) => a.nextLookAt - b.nextLookAt);
    await Promise.all(due.slice(0, LOOKS_PER_ROUND).map((one) => this.#lookAt(one)));
    this.#isLooking = false;
  }

  async #lookAt(one: WatchedTask): Promise<void> {
    const { taskId } = one.task;
    try {
      const { status } = await this.#client.getTask(taskId);
      one.nextLookAt = performance.now() + LOOK_EVERY_MS;
      if (!OVER.includes(status) || !this.#watched.has(taskId)) return;
      this.#watched.delete(taskId);
      this.#logger.warn('a running task is over on the server; it is told to end', { taskId, status });
      one.task.process.cancel(one.task, `the task is ${status} on the server`);
    } catch {
      // The server is away: the next round asks again, it is logged elsewhere already.
      one.nextLookAt = performance.now() + LOOK_EVERY_MS;
    }
  }
}
