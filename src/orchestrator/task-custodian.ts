import type { Logger } from '../core/logger.js';
import { within } from '../core/sleep.js';
import type { TaskClient } from '../conductor/task-client.js';
import type { TaskResultBody } from '../conductor/task-result.js';
import { Delivery } from '../worker/delivery.js';
import { Outbox } from '../worker/outbox.js';
import { OutboxStore } from '../worker/outbox-store.js';
import { CancellationWatch } from './cancellation-watch.js';
import { crashResults, type Crash } from './crash-report.js';
import { mayRunClaimed, type KnownTask } from './duplicate-guard.js';
import type { LedgerTask } from './ledger.js';
import { LeaseKeeper, type LeaseGate } from './lease-keeper.js';
import type { ClaimedTask } from './messages.js';
import type { RunDirectory, WorkerIdentity } from './run-directory.js';
import { Sweeper } from './sweep.js';

/** File names of the orchestrator's own results in the outbox. */
const OWNER = 'orchestrator';

/** Figures for `status()`. */
export interface CustodyStatus {
  /** Results and reports that wait for the server, in the orchestrator's hands. */
  readonly outbox: number;
  readonly outboxFolder: string | undefined;
  readonly leasesExtended: number;
  readonly leasesLapsed: number;
  /** Tasks given back that the server had given to processes without anyone knowing. */
  readonly swept: number;
}

/** A process that is gone, with what was in it. */
export interface DeadProcess extends Omit<Crash, 'isStored'> {
  readonly tasks: readonly LedgerTask[];
  readonly incarnation: string;
  readonly workers: readonly WorkerIdentity[];
}

/** Whether a task is in the hands of any live process. */
export type IsInFlight = (taskId: string) => boolean;

/**
 * Sees to it that no task is lost while processes come and go: keeps the leases of running tasks, reports those of
 * dead processes, gives back what nobody knows of, and brings what lies in the outbox to the server.
 */
export class TaskCustodian {
  readonly #logger: Logger;
  readonly #directory: RunDirectory | undefined;
  readonly #isInFlight: IsInFlight;
  readonly #outbox: Outbox;
  readonly #store: OutboxStore;
  readonly #delivery: Delivery;
  readonly #leases: LeaseKeeper;
  readonly #cancellations: CancellationWatch;
  readonly #sweeper: Sweeper;
  readonly #reports = new Set<Promise<void>>();

  constructor(options: {
    client: TaskClient;
    logger: Logger;
    directory: RunDirectory | undefined;
    isInFlight: IsInFlight;
  }) {
    const { client, logger, directory } = options;
    this.#logger = logger;
    this.#directory = directory;
    this.#isInFlight = options.isInFlight;
    this.#store = new OutboxStore(directory?.outboxFolder ?? '', OWNER, logger);
    this.#leases = new LeaseKeeper(client, logger);
    this.#outbox = new Outbox({
      store: this.#store,
      client,
      logger,
      onSettled: ({ body }) => this.#leases.remove(body.taskId),
    });
    this.#delivery = new Delivery({ client, logger, outbox: this.#outbox });
    this.#cancellations = new CancellationWatch(client, logger);
    this.#sweeper = new Sweeper(client, this.#delivery, logger);
  }

  /** Takes up what dead runs of this application have left: their results, and tasks that were in their polls. */
  async takeOver(): Promise<void> {
    if (this.#directory === undefined) return;
    this.#directory.keepAlive();
    for (const run of await this.#directory.takeOverDeadRuns()) {
      const entries = await new OutboxStore(run.outboxFolder, OWNER, this.#logger).read();
      if (entries.length > 0) {
        this.#logger.info('results of an earlier run wait for the server; sending them', {
          results: entries.length,
        });
      }
      this.#adopt(entries);
      const left = new Set(entries.map((entry) => entry.body.taskId));
      if (run.workers.length > 0) this.#sweeper.sweepDead(run.workers, (taskId) => left.has(taskId));
    }
  }

  /** A process has told the ids of its workers. */
  workersReady(workers: readonly WorkerIdentity[]): void {
    this.#directory?.noteWorkers(workers);
  }

  taskAdded(task: LedgerTask, gate: LeaseGate, cancel: (reason: string) => void): void {
    this.#leases.add(task, gate);
    this.#cancellations.add({ task, cancel });
  }

  taskRemoved(taskId: string): void {
    this.#leases.remove(taskId);
    this.#cancellations.remove(taskId);
  }

  /** Milliseconds that are left of a task's lease; `undefined` when it has none. */
  leaseLeftMs(taskId: string): number | undefined {
    return this.#leases.leaseLeftMs(taskId);
  }

  mayRun(claimed: ClaimedTask, known: () => readonly KnownTask[]): Promise<boolean> {
    return mayRunClaimed(claimed, known);
  }

  /** A request of a live process broke off. */
  uncertain(workers: readonly WorkerIdentity[]): void {
    this.#sweeper.sweepLive(workers, this.#isInFlight);
  }

  /**
   * Reports the tasks of a dead process, takes over its outbox and sweeps for what it was given last.
   *
   * @returns the tasks that were cut off, without those whose results are in the outbox
   */
  processDied(dead: DeadProcess): TaskResultBody[] {
    const stored = this.#storedBy(dead.incarnation);
    const results = crashResults(dead.tasks, { ...dead, isStored: (taskId) => stored.has(taskId) });
    const reported = new Set(dead.tasks.map((task) => task.taskId));
    for (const result of results) this.#track(this.#delivery.deliver(result, false).then(() => undefined));
    if (stored.size > 0)
      this.#track(this.#store.read(dead.incarnation).then((entries) => this.#adopt(entries)));
    if (dead.workers.length > 0) {
      const releasing = new Set(
        dead.tasks.filter((task) => task.state === 'releasing').map((task) => task.taskId),
      );
      this.#sweeper.sweepDead(
        dead.workers,
        (taskId) => stored.has(taskId) || (reported.has(taskId) && !releasing.has(taskId)),
      );
    }
    return results;
  }

  status(): CustodyStatus {
    return {
      outbox: this.#outbox.size,
      outboxFolder: this.#directory?.outboxFolder,
      leasesExtended: this.#leases.extended,
      leasesLapsed: this.#leases.lapsed,
      swept: this.#sweeper.handedBack,
    };
  }

  /**
   * Waits until everything is reported and the outbox is empty, not longer than `ms`, and closes.
   *
   * @param wasCutOff - a process was killed: the next run is to sweep for it
   * @returns how many results are left in the outbox
   */
  async close(ms: number, wasCutOff: boolean): Promise<number> {
    const end = Date.now() + ms;
    this.#cancellations.close();
    await within(Promise.all(this.#reports), ms);
    await within(this.#sweeper.close(), Math.max(1, end - Date.now()));
    await this.#outbox.drained(end - Date.now());
    const left = this.#outbox.size;
    await this.#outbox.close(1_000);
    this.#leases.close();
    await this.#directory?.close(left === 0 && !wasCutOff);
    return left;
  }

  #storedBy(incarnation: string): Set<string> {
    if (this.#directory === undefined) return new Set();
    try {
      return this.#store.taskIdsOf(incarnation);
    } catch (error) {
      this.#logger.error('the outbox of a dead process cannot be read', { error });
      return new Set();
    }
  }

  #adopt(entries: Awaited<ReturnType<OutboxStore['read']>>): void {
    this.#outbox.adopt(entries);
    // Nobody else extends these leases any more.
    for (const { body, responseTimeoutSeconds } of entries) {
      const { taskId, workflowInstanceId } = body;
      this.#leases.add({ taskId, workflowInstanceId, responseTimeoutSeconds }, () => true);
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#reports.delete(tracked));
    this.#reports.add(tracked);
  }
}
