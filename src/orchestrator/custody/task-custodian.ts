import { describeThrown } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { sleep, within } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { TaskResultBody } from '../../conductor/wire/task-result.js';
import type { JsonObject } from '../../conductor/wire/types.js';
import { Delivery } from '../../worker/delivery/delivery.js';
import { Outbox } from '../../worker/delivery/outbox.js';
import { OutboxStore } from '../../worker/delivery/outbox-store.js';
import { KnownKillers } from '../../worker/execution/poison.js';
import { CancellationWatch } from './cancellation-watch.js';
import { crashResults, knownSuspect } from './crash-report.js';
import type { Ledger, LedgerSubscriber } from '../ledger/ledger.js';
import type { LedgerTask, TaskProcess } from '../ledger/ledger-task.js';
import type { ProcessDeath } from '../ledger/process-death.js';
import { LeaseKeeper, type LeasedTask, type LeaseHolder } from './lease-keeper.js';
import type { RunDirectory } from './run-directory.js';
import { DEAD_AFTER_MS } from './run-liveness.js';
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

/** Holds what the orchestrator has adopted: nothing keeps these leases from being extended. */
const THIS_PROCESS: LeaseHolder = { leaseGate: () => true, leaseLapsed: () => undefined };

/** How long a report waits for the output that its task has on the server already. */
const OUTPUT_WAIT_MS = 2_000;

/** How often it is looked whether the processes of a dead run are gone as well, and how long at most. */
const LEFT_RUNS_CHECK_MS = 500;
const LEFT_RUNS_WAIT_MS = DEAD_AFTER_MS + 5_000;

/**
 * Sees to it that no task is lost while processes come and go: keeps the leases of running tasks, reports those of
 * dead processes, gives back what nobody knows of, and brings what lies in the outbox to the server.
 */
export class TaskCustodian implements LedgerSubscriber {
  readonly #client: TaskClient;
  readonly #logger: Logger;
  readonly #directory: RunDirectory | undefined;
  readonly #ledger: Ledger;
  readonly #redact: (text: string) => string;
  readonly #outbox: Outbox;
  readonly #store: OutboxStore;
  readonly #delivery: Delivery;
  readonly #leases: LeaseKeeper;
  readonly #adopted = new Map<string, LeasedTask>();
  readonly #cancellations: CancellationWatch;
  readonly #sweeper: Sweeper;
  readonly #reports = new Set<Promise<void>>();
  readonly #killers = new KnownKillers();
  readonly #closing = new AbortController();
  #takingOver: Promise<void> | undefined;
  /** An earlier run has left what cannot be read now. */
  #hasUnread = false;

  constructor(options: {
    client: TaskClient;
    logger: Logger;
    directory: RunDirectory | undefined;
    /** It subscribes to this one. */
    ledger: Ledger;
    /** Takes credentials out of a text. */
    redact: (text: string) => string;
  }) {
    const { client, logger, directory } = options;
    this.#client = client;
    this.#logger = logger;
    this.#directory = directory;
    this.#ledger = options.ledger;
    this.#redact = options.redact;
    directory?.keepAlive();
    this.#store = new OutboxStore(directory?.outboxFolder ?? '', OWNER, logger);
    this.#leases = new LeaseKeeper(client, logger);
    this.#outbox = new Outbox({
      store: this.#store,
      client,
      logger,
      onSettled: ({ body }) => this.#settled(body.taskId),
    });
    // Written down first: the task is nobody's any more, and this process may end too.
    const durableStore = directory === undefined ? undefined : this.#store;
    this.#delivery = new Delivery({ client, logger, outbox: this.#outbox, durableStore });
    this.#cancellations = new CancellationWatch(client, logger);
    this.#sweeper = new Sweeper(client, this.#delivery, logger);
    this.#ledger.subscribe(this);
  }

  /** Takes up what dead runs of this application have left: their results, and tasks that were in their polls. */
  takeOver(): Promise<void> {
    return (this.#takingOver ??= this.#takeOver().catch((error: unknown) => {
      this.#logger.error('what earlier runs have left cannot be taken over', {
        error: describeThrown(error),
      });
    }));
  }

  async #takeOver(): Promise<void> {
    const waitUntil = performance.now() + LEFT_RUNS_WAIT_MS;
    for (;;) {
      const isComplete = (await this.#takeOverOnce()) || performance.now() > waitUntil;
      if (isComplete || this.#closing.signal.aborted) return;
      // Its processes may still be finishing tasks: they are left alone until they are gone.
      await sleep(LEFT_RUNS_CHECK_MS, this.#closing.signal);
    }
  }

  async #takeOverOnce(): Promise<boolean> {
    if (this.#directory === undefined) return true;
    const { runs, isComplete } = await this.#directory.takeOverDeadRuns();
    for (const run of runs) {
      const store = new OutboxStore(run.outboxFolder, OWNER, this.#logger);
      const entries = await store.read();
      this.#hasUnread ||= store.hasUnread;
      if (entries.length > 0) {
        this.#logger.info('results of an earlier run wait for the server; sending them', {
          results: entries.length,
        });
      }
      this.#adopt(entries);
      const left = new Set(entries.map((entry) => entry.body.taskId));
      if (run.workers.length > 0) this.#sweeper.sweepDead(run.workers, () => left);
    }
    return isComplete;
  }

  processReady({ identities, pid }: TaskProcess): void {
    this.#directory?.noteWorkers(identities, pid);
  }

  taskAdded(task: LedgerTask): void {
    this.#leases.add(task, task.process);
    this.#cancellations.add(task);
  }

  taskRemoved(task: LedgerTask): void {
    this.#leases.remove(task);
    this.#cancellations.remove(task);
  }

  processUncertain({ identities }: TaskProcess): void {
    this.#sweeper.sweepLive(identities, () => this.#ledger.knownIds());
  }

  /**
   * Reports the tasks of a dead process, takes over its outbox and sweeps for what it was given last.
   *
   * @returns ids of the tasks that are reported as failed: those in flight whose results are not in the outbox
   */
  processDied(given: ProcessDeath): string[] {
    const { tasks, workers, incarnation } = given;
    const death: ProcessDeath = {
      ...given,
      reason: this.#redact(given.reason),
      lastWords: this.#redact(given.lastWords),
    };
    const stored = this.#storedBy(incarnation);
    const isStored = (taskId: string): boolean => stored.has(taskId);
    const results = crashResults(death, { isStored, killers: this.#killers });
    const suspect = death.isByTask ? knownSuspect(tasks) : undefined;
    if (suspect !== undefined) this.#killers.add(workers[suspect.worker]?.taskType ?? '', suspect);
    const withOutput = new Set(tasks.filter((task) => task.hasOutput).map((task) => task.taskId));
    for (const result of results) this.#track(this.#report(result, withOutput.has(result.taskId)));
    if (stored.size > 0) this.#track(this.#store.read(incarnation).then((entries) => this.#adopt(entries)));
    const unbegun = tasks
      .filter((task) => task.state === 'waiting' && !stored.has(task.taskId))
      .map((task) => task.taskId);
    if (death.mayHaveMore && workers.length > 0) {
      // Where a task is that was to be given back, only the server knows.
      const isOpen = ({ state }: LedgerTask): boolean => state === 'releasing' || state === 'waiting';
      const reported = tasks.filter((task) => !isOpen(task)).map((task) => task.taskId);
      const known = new Set([...stored, ...reported]);
      this.#sweeper.sweepDead(workers, () => known, unbegun);
    } else if (unbegun.length > 0) {
      this.#sweeper.handBack(unbegun, workers);
    }
    return results.map((result) => result.taskId);
  }

  /** Milliseconds that are left of a task's lease; `undefined` when it has none. */
  leaseLeftMs(taskId: string): number | undefined {
    return this.#leases.leaseLeftMs(taskId);
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
    const end = performance.now() + ms;
    const rest = (): number => Math.max(1, end - performance.now());
    this.#closing.abort();
    this.#cancellations.close();
    // What it brings has to be swept for, and its files are in the folder that is closed below.
    const isTakenOver =
      this.#takingOver === undefined ||
      (await within(
        this.#takingOver.then(() => true),
        rest(),
      )) === true;
    await within(Promise.all(this.#reports), rest());
    const isSwept = (await within(this.#sweeper.close(), rest())) ?? false;
    await this.#outbox.drained(rest());
    await this.#outbox.close(1_000);
    // A report that is still on its way is on disk as well.
    const left = this.#outbox.size + this.#reports.size;
    this.#leases.close();
    const isUnread = this.#hasUnread || this.#store.hasUnread;
    await this.#directory?.close(left === 0 && isSwept && isTakenOver && !isUnread && !wasCutOff);
    return left;
  }

  async #report(result: TaskResultBody, hasOutput: boolean): Promise<void> {
    const body = hasOutput ? { ...result, outputData: await this.#outputOf(result) } : result;
    await this.#delivery.deliver(body, false);
  }

  /** An update replaces the output: what the task has put there by an earlier IN_PROGRESS must stay. */
  async #outputOf({ taskId }: TaskResultBody): Promise<JsonObject> {
    const task = await within(
      this.#client.getTask(taskId).catch(() => undefined),
      OUTPUT_WAIT_MS,
    );
    if (task === undefined) {
      // The report must not wait any longer: it is not on disk yet.
      this.#logger.warn('the output of a task cannot be read; its report is sent without', { taskId });
    }
    return task?.outputData ?? {};
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
      const leased = { taskId, workflowInstanceId, responseTimeoutSeconds };
      this.#adopted.set(taskId, leased);
      this.#leases.add(leased, THIS_PROCESS);
    }
  }

  #settled(taskId: string): void {
    const leased = this.#adopted.get(taskId);
    if (leased !== undefined) this.#leases.remove(leased);
    this.#adopted.delete(taskId);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#reports.delete(tracked));
    this.#reports.add(tracked);
  }
}
