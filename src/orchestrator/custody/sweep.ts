import { backoffDelay } from '../../core/backoff.js';
import { describeThrown, HttpError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { sleep } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { Task } from '../../conductor/wire/types.js';
import type { Delivery } from '../../worker/delivery/delivery.js';
import { deliveryVerdict } from '../../worker/delivery/result-sender.js';
import type { WorkerIdentity } from '../../protocol/messages.js';

/** The server's index may lag, and a poll that was under way may be answered after its process has died. */
const SECOND_SWEEP_MS = 5_000;
/** A server that does not notice a lost connection may answer a long poll up to 5 s later: then, and once more. */
const LIVE_ROUNDS = 2;
const PAGE_SIZE = 500;
/** So many requests for one search. */
const MAX_PAGES = 40;
/** A page whose answer is too large is asked for in smaller ones. */
const SHRINK = 8;
/** A server that is away is asked again, at this pace. */
const AWAY = { initialMs: 500, maxMs: 10_000 };

/** Ids of the tasks that somebody has: running, reported, or in an outbox. Asked anew at each look. */
export type KnownTasks = () => ReadonlySet<string>;

/** A sweep for processes that live: one at a time for the same workers, however often a request breaks off. */
interface LiveSweep {
  roundsLeft: number;
}

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
  readonly #live = new Map<string, LiveSweep>();
  #hasWarned = false;
  #unfinished = 0;
  #handedBack = 0;

  constructor(client: TaskClient, delivery: Delivery, logger: Logger) {
    this.#client = client;
    this.#delivery = delivery;
    this.#logger = logger;
  }

  /** How many tasks that nobody knew of were given back. */
  get handedBack(): number {
    return this.#handedBack;
  }

  /**
   * Gives back tasks of a dead process whose code had not begun: as the server has them, with the count of deaths in
   * their reason and with their output.
   */
  handBack(taskIds: readonly string[], workers: readonly WorkerIdentity[]): void {
    this.#track(() => this.#handBackUnbegun(taskIds, workers));
  }

  /**
   * Sweeps for workers whose process is dead, at once and 5 s later.
   *
   * @param unbegun - ids of tasks that it had and had not begun. They are given back first and then swept for like
   *   those that nobody knows of: a poll of the dead process that the server still answers may take them again.
   */
  sweepDead(workers: readonly WorkerIdentity[], known: KnownTasks, unbegun: readonly string[] = []): void {
    this.#track(async () => {
      await this.#handBackUnbegun(unbegun, workers);
      await this.#sweep(workers, known);
      await sleep(SECOND_SWEEP_MS, this.#closing.signal);
      if (!this.#closing.signal.aborted) await this.#sweep(workers, known);
    });
  }

  /**
   * Sweeps for workers whose process lives, after a request broke off. A task counts as unknown only when it was so
   * for 5 s: its process may be about to report it.
   */
  sweepLive(workers: readonly WorkerIdentity[], known: KnownTasks): void {
    const name = workers.map((worker) => worker.workerId).join(' ');
    const underWay = this.#live.get(name);
    if (underWay !== undefined) {
      underWay.roundsLeft = LIVE_ROUNDS;
      return;
    }
    const live: LiveSweep = { roundsLeft: LIVE_ROUNDS };
    this.#live.set(name, live);
    this.#track(async () => {
      await this.#sweepRounds(live, workers, known);
      this.#live.delete(name);
    });
  }

  /**
   * Resolves when the sweeps under way have ended; those that wait for their second round leave it out.
   *
   * @returns whether all could ask the server; otherwise the next start has to
   */
  async close(): Promise<boolean> {
    this.#closing.abort();
    await Promise.all(this.#underWay);
    return this.#unfinished === 0;
  }

  #track(run: () => Promise<void>): void {
    const running = run().finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
  }

  async #handBackUnbegun(taskIds: readonly string[], workers: readonly WorkerIdentity[]): Promise<void> {
    const ids = new Set(workers.map((worker) => worker.workerId));
    for (const taskId of taskIds) {
      const task = await this.#answer(
        () => this.#client.getTask(taskId),
        mayAnswerLater,
        (error) =>
          this.#logger.warn('a task of a dead process cannot be read: it waits for its response time-out', {
            taskId,
            error: describeThrown(error),
          }),
      );
      if (task !== undefined && isWith(ids, task)) await this.#delivery.handBack(task, task.workerId ?? '');
    }
  }

  async #sweepRounds(live: LiveSweep, workers: readonly WorkerIdentity[], known: KnownTasks): Promise<void> {
    let before = await this.#find(workers, known);
    while (live.roundsLeft > 0 || before.length > 0) {
      await sleep(SECOND_SWEEP_MS, this.#closing.signal);
      live.roundsLeft--;
      const found = await this.#find(workers, known);
      // When closing, the processes have ended: what they did not report is with nobody.
      const isOver = this.#closing.signal.aborted;
      const unknownBefore = new Set(before.map((task) => task.taskId));
      await this.#handBackFound(found.filter((task) => isOver || unknownBefore.has(task.taskId)));
      if (isOver) return;
      before = found.filter((task) => !unknownBefore.has(task.taskId));
    }
  }

  async #sweep(workers: readonly WorkerIdentity[], known: KnownTasks): Promise<void> {
    await this.#handBackFound(await this.#find(workers, known));
  }

  async #handBackFound(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      this.#logger.warn('giving back a task that the server gave to a process which does not have it', {
        taskId: task.taskId,
        workerId: task.workerId,
      });
      const { end } = await this.#delivery.handBack(task, task.workerId ?? '');
      if (end !== 'REFUSED') this.#handedBack++;
    }
  }

  async #find(workers: readonly WorkerIdentity[], known: KnownTasks): Promise<Task[]> {
    const ids = new Set(workers.map((worker) => worker.workerId));
    const found: Task[] = [];
    for (const taskType of new Set(workers.map((worker) => worker.taskType))) {
      const tasks = await this.#search(taskType);
      const knownIds = known();
      for (const task of tasks) {
        if (isWith(ids, task) && !knownIds.has(task.taskId)) found.push(task);
      }
    }
    return found;
  }

  async #search(taskType: string): Promise<Task[]> {
    const found = await this.#answer(
      () => this.#searchAll(taskType),
      isAway,
      (error) => this.#warnOnce(error),
    );
    return found ?? [];
  }

  /**
   * Asks until the server answers: when it is away, so are the tasks that are looked for.
   *
   * @param mayPass - whether it may answer later
   * @param onFinal - called with an error that will not pass
   * @returns `undefined` when there is no answer to be had
   */
  async #answer<T>(
    ask: () => Promise<T>,
    mayPass: (error: unknown) => boolean,
    onFinal: (error: unknown) => void,
  ): Promise<T | undefined> {
    this.#unfinished++;
    for (let failures = 1; ; failures++) {
      try {
        const answer = await ask();
        this.#unfinished--;
        return answer;
      } catch (error) {
        if (!mayPass(error)) {
          this.#unfinished--;
          onFinal(error);
          return undefined;
        }
        await sleep(backoffDelay(failures, AWAY), this.#closing.signal);
        if (this.#closing.signal.aborted) return undefined;
      }
    }
  }

  async #searchAll(taskType: string): Promise<Task[]> {
    const tasks: Task[] = [];
    let [start, size] = [0, PAGE_SIZE];
    for (let page = 0; page < MAX_PAGES; page++) {
      try {
        const { results, totalHits } = await this.#client.search(
          `taskType='${taskType}' AND status='IN_PROGRESS'`,
          { start, size },
        );
        tasks.push(...results);
        start += size;
        if (results.length === 0 || start >= totalHits) break;
      } catch (error) {
        if (!isPageTooLarge(error)) throw error;
        // Their inputs come along. One that is too large by itself waits for the end of its lease.
        if (size === 1) start += 1;
        size = Math.max(1, Math.floor(size / SHRINK));
      }
    }
    return tasks;
  }

  #warnOnce(error: unknown): void {
    this.#logger.log(this.#hasWarned ? 'debug' : 'warn', NO_SEARCH, { error: describeThrown(error) });
    this.#hasWarned = true;
  }
}

/** Whether the task is in the hands of one of these workers. */
function isWith(workerIds: ReadonlySet<string>, task: Task): boolean {
  return task.status === 'IN_PROGRESS' && workerIds.has(task.workerId ?? '');
}

/** What servers without an index, or without the endpoint, answer: asking again changes nothing. */
const NO_INDEX: readonly (number | undefined)[] = [404, 405, 500, 501];

function isPageTooLarge(error: unknown): boolean {
  return error instanceof HttpError && error.details['maxAnswerBytes'] !== undefined;
}

function isAway(error: unknown): boolean {
  return !(error instanceof HttpError && NO_INDEX.includes(error.status)) && mayAnswerLater(error);
}

function mayAnswerLater(error: unknown): boolean {
  const verdict = deliveryVerdict(error);
  return verdict === 'retry' || verdict === 'retry-auth';
}

const NO_SEARCH =
  'the server cannot be searched for tasks of dead processes: what a poll in flight brought waits for its response time-out';
