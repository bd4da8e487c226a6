import type {
  ClaimedTask,
  DurationsEntry,
  FinishedEntry,
  StartedEntry,
  TaskMark,
} from '../../protocol/messages.js';
import { Claims } from './claims.js';
import type { LedgerTask, LedgerTaskState, TaskProcess } from './ledger-task.js';
import type { ProcessDeath } from './process-death.js';
import type { Tally } from './tally.js';

/** A task as the ledger itself writes it. */
interface OpenTask extends LedgerTask {
  runningSince: number | undefined;
  state: LedgerTaskState;
  progress: string | number | undefined;
}

/** Called with everything that the ledger learns of processes and their tasks. */
export interface LedgerSubscriber {
  /** A process has reported the ids of its workers. */
  processReady(process: TaskProcess): void;
  taskAdded(task: LedgerTask): void;
  /** It has ended, or its process has died. */
  taskRemoved(task: LedgerTask): void;
  /** A request of a process broke off: the server may have given it tasks that it does not know of. */
  processUncertain(process: TaskProcess): void;
  /**
   * Its tasks have been removed before.
   *
   * @returns ids of the tasks that are reported as failed
   */
  processDied(death: ProcessDeath): readonly string[];
}

/** The tasks in flight in all worker processes of an application. */
export class Ledger {
  readonly #accounts = new Set<ProcessAccount>();
  readonly #subscribers: LedgerSubscriber[] = [];
  readonly #claims = new Claims(() => this.tasks());

  subscribe(subscriber: LedgerSubscriber): void {
    this.#subscribers.push(subscriber);
  }

  /**
   * Opens the account of a process, through which it reports its tasks.
   *
   * @param tallies - what the replica counts for each of its workers, over all its processes
   */
  open(process: TaskProcess, tallies: readonly Tally[]): ProcessAccount {
    const account: ProcessAccount = new ProcessAccount(process, tallies, this.#subscribers, {
      mayRun: (claimed) => this.#claims.mayRun(claimed),
      closed: () => this.#accounts.delete(account),
    });
    this.#accounts.add(account);
    return account;
  }

  tasks(): LedgerTask[] {
    return [...this.#accounts].flatMap((account) => account.tasks());
  }

  /** Ids of all tasks in flight, and of those that are about to be. */
  knownIds(): Set<string> {
    const ids = new Set(this.#claims.taskIds());
    for (const account of this.#accounts) for (const { taskId } of account.tasks()) ids.add(taskId);
    return ids;
  }
}

/** The part of the ledger that one process writes: its tasks in flight, and how the others ended. */
export class ProcessAccount {
  readonly #tasks = new Map<number, OpenTask>();
  readonly #process: TaskProcess;
  readonly #tallies: readonly Tally[];
  readonly #subscribers: readonly LedgerSubscriber[];
  readonly #ledger: { mayRun(claimed: ClaimedTask): Promise<boolean>; closed(): void };
  #ended = 0;
  #isClosed = false;

  constructor(
    process: TaskProcess,
    tallies: readonly Tally[],
    subscribers: readonly LedgerSubscriber[],
    ledger: { mayRun(claimed: ClaimedTask): Promise<boolean>; closed(): void },
  ) {
    this.#process = process;
    this.#tallies = tallies;
    this.#subscribers = subscribers;
    this.#ledger = ledger;
  }

  /** Tasks that have ended so far, or were given back. */
  get ended(): number {
    return this.#ended;
  }

  get size(): number {
    return this.#tasks.size;
  }

  tasks(): LedgerTask[] {
    return [...this.#tasks.values()];
  }

  /** Whether a task in flight has this number. */
  hasRef(ref: number): boolean {
    return this.#tasks.has(ref);
  }

  /** The process has reported the ids of its workers. */
  ready(): void {
    for (const subscriber of this.#subscribers) subscriber.processReady(this.#process);
  }

  /** In this order: what began and ended within one turn is in all lists of one message. */
  record(
    started: readonly StartedEntry[],
    marks: readonly (readonly [ref: number, mark: TaskMark])[],
    finished: readonly FinishedEntry[],
    now: number,
  ): void {
    // What a process wrote before its death may be read after it.
    if (this.#isClosed) return;
    for (const entry of started) this.#add(entry, now);
    for (const [ref, mark] of marks) {
      const task = this.#tasks.get(ref);
      if (task === undefined) continue;
      task.state = mark === 'begun' ? 'running' : mark;
      if (mark === 'begun') task.runningSince = now;
    }
    for (const [ref, end] of finished) {
      const task = this.#tasks.get(ref);
      if (task === undefined) continue;
      this.#tasks.delete(ref);
      this.#tallies[task.worker]!.ended(end);
      this.#ended++;
      this.#removed(task);
    }
  }

  /** @param workers - for each copy of a task that runs already, and was not run, the index of its worker */
  recordDuplicates(workers: readonly number[]): void {
    for (const worker of workers) this.#tallies[worker]!.ended('DUPLICATE');
  }

  recordProgress(ref: number, progress: string | number): void {
    const task = this.#tasks.get(ref);
    if (task !== undefined) task.progress = progress;
  }

  /** How long the code of tasks ran, by the index of their worker. */
  recordDurations(worker: number, durations: readonly DurationsEntry[]): void {
    this.#tallies[worker]!.measured(durations);
  }

  leaseLapsed(task: LedgerTask): void {
    this.#tallies[task.worker]!.leaseLost();
  }

  /** Whether a task that was delivered before may be run by this process. */
  mayRun(claimed: ClaimedTask): Promise<boolean> {
    return this.#ledger.mayRun(claimed);
  }

  uncertain(): void {
    for (const subscriber of this.#subscribers) subscriber.processUncertain(this.#process);
  }

  /**
   * Ends the account of a process that is gone.
   *
   * @param death - with the tasks that were in flight
   * @returns ids of the tasks that are reported as failed
   */
  close(death: ProcessDeath): readonly string[] {
    this.#isClosed = true;
    this.#tasks.clear();
    this.#ledger.closed();
    for (const task of death.tasks) {
      if (task.state !== 'stored') this.#tallies[task.worker]!.lostToCrash();
      this.#removed(task);
    }
    return this.#subscribers.flatMap((subscriber) => subscriber.processDied(death));
  }

  #removed(task: LedgerTask): void {
    for (const subscriber of this.#subscribers) subscriber.taskRemoved(task);
  }

  #add(entry: StartedEntry, now: number): void {
    const [
      ref,
      taskId,
      workflowInstanceId,
      worker,
      responseTimeoutSeconds,
      limitMs,
      deaths,
      begins,
      reference,
      retryCount,
      hasOutput,
    ] = entry;
    const task: OpenTask = {
      process: this.#process,
      ref,
      taskId,
      workflowInstanceId,
      worker,
      responseTimeoutSeconds,
      limitMs,
      deaths,
      reference,
      retryCount,
      hasOutput,
      startedAt: now,
      runningSince: begins ? now : undefined,
      state: begins ? 'running' : 'waiting',
      progress: undefined,
    };
    this.#tasks.set(ref, task);
    this.#tallies[worker]!.received();
    for (const subscriber of this.#subscribers) subscriber.taskAdded(task);
  }
}
