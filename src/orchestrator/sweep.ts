import { describeThrown } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { sleep } from '../core/sleep.js';
import type { TaskClient } from '../conductor/task-client.js';
import type { Task } from '../conductor/types.js';
import type { Delivery } from '../worker/delivery.js';
import type { WorkerIdentity } from './run-directory.js';

/** The server's index may lag, and a poll that was under way may be answered after its process has died. */
const SECOND_SWEEP_MS = 5_000;
const PAGE_SIZE = 500;
const MAX_PAGES = 20;

/**
 * Asks the server for tasks that it gave to a worker id without anyone knowing (a poll in flight when its process
 * died), and gives them back.
 */
export class Sweeper {
  readonly #client: TaskClient;
  readonly #delivery: Delivery;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #hasWarned = false;
  /** Tasks that were given back. */
  handedBack = 0;

  constructor(client: TaskClient, delivery: Delivery, logger: Logger) {
    this.#client = client;
    this.#delivery = delivery;
    this.#logger = logger;
  }

  /**
   * Sweeps for workers whose process is dead, at once and 5 s later.
   *
   * @param isKnown - tasks that somebody has: reported, or in an outbox
   */
  sweepDead(workers: readonly WorkerIdentity[], isKnown: (taskId: string) => boolean): void {
    this.#track(async () => {
      await this.#sweep(workers, isKnown);
      await sleep(SECOND_SWEEP_MS, this.#closing.signal);
      if (!this.#closing.signal.aborted) await this.#sweep(workers, isKnown);
    });
  }

  /**
   * Sweeps for workers whose process lives, after a request broke off. A task counts as unknown only when it was so
   * for 5 s: its process may be about to tell of it.
   */
  sweepLive(workers: readonly WorkerIdentity[], isKnown: (taskId: string) => boolean): void {
    this.#track(async () => {
      const first = new Set((await this.#find(workers, isKnown)).map((task) => task.taskId));
      if (first.size === 0) return;
      await sleep(SECOND_SWEEP_MS, this.#closing.signal);
      if (!this.#closing.signal.aborted)
        await this.#sweep(workers, (taskId) => !first.has(taskId) || isKnown(taskId));
    });
  }

  /** Resolves when the sweeps under way have ended; those that wait for their second round leave it out. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#underWay);
  }

  #track(run: () => Promise<void>): void {
    const running = run().finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
  }

  async #sweep(workers: readonly WorkerIdentity[], isKnown: (taskId: string) => boolean): Promise<void> {
    for (const task of await this.#find(workers, isKnown)) {
      this.#logger.warn('giving back a task that the server gave to a process which does not have it', {
        taskId: task.taskId,
        workerId: task.workerId,
      });
      const { end } = await this.#delivery.handBack(task, task.workerId ?? '');
      if (end !== 'REFUSED') this.handedBack++;
    }
  }

  async #find(workers: readonly WorkerIdentity[], isKnown: (taskId: string) => boolean): Promise<Task[]> {
    const ids = new Set(workers.map((worker) => worker.workerId));
    const found: Task[] = [];
    for (const taskType of new Set(workers.map((worker) => worker.taskType))) {
      const tasks = await this.#inProgress(taskType);
      found.push(
        ...tasks.filter(
          (task) => task.status === 'IN_PROGRESS' && ids.has(task.workerId ?? '') && !isKnown(task.taskId),
        ),
      );
    }
    return found;
  }

  async #inProgress(taskType: string): Promise<Task[]> {
    const tasks: Task[] = [];
    try {
      for (let page = 0; page < MAX_PAGES; page++) {
        const { results, totalHits } = await this.#client.search(
          `taskType='${taskType}' AND status='IN_PROGRESS'`,
          {
            start: page * PAGE_SIZE,
            size: PAGE_SIZE,
          },
        );
        tasks.push(...results);
        if (results.length === 0 || tasks.length >= totalHits) break;
      }
    } catch (error) {
      this.#warnOnce(error);
    }
    return tasks;
  }

  #warnOnce(error: unknown): void {
    this.#logger.log(this.#hasWarned ? 'debug' : 'warn', NO_SEARCH, { error: describeThrown(error) });
    this.#hasWarned = true;
  }
}

const NO_SEARCH =
  'the server cannot be searched for tasks of dead processes: what a poll in flight brought waits for its response time-out';
