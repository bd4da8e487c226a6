import { describeThrown } from '../../core/errors.js';
import { Heap } from '../../core/heap.js';
import type { Logger } from '../../core/logger.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import { deliveryVerdict } from '../../worker/delivery/result-sender.js';

/** Share of a lease after which it is extended: leaves time for two more tries. */
const EXTEND_AFTER = 1 / 3;
const RETRY_AFTER = 1 / 10;
const MIN_RETRY_MS = 100;
/** Share of a lease after which a heartbeat that is not answered is given up and sent again. */
const ANSWER_WITHIN = 1 / 4;
const MAX_ANSWER_MS = 10_000;
/** Heartbeats that are due within so many milliseconds go together. */
const GRANULARITY_MS = 25;
/** So many ended leases may stay in the queue. */
const MAX_LEFTOVERS = 1_000;
/** A heartbeat that is later than this, or than a fifth of its lease, is logged. */
const LATE_MS = 1_000;

/** A task whose lease is kept. */
export interface LeasedTask {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  readonly responseTimeoutSeconds: number;
}

/** Who has a task whose lease is kept. */
export interface LeaseHolder<T extends LeasedTask = LeasedTask> {
  /** `true` when the lease may be extended; otherwise why not. */
  leaseGate(task: T): true | string;
  /** The lease has ended before the task. */
  leaseLapsed(task: T): void;
}

interface Lease {
  readonly task: LeasedTask;
  readonly holder: LeaseHolder;
  /** Last moment of which the server is known to have heard. */
  extendedAt: number;
  dueAt: number;
  failures: number;
  isRefused: boolean;
  /** It ended while its process got nowhere. */
  hasLapsed: boolean;
  /** A heartbeat is under way; the lease is in the queue again when it is answered. */
  isOnItsWay: boolean;
  isOver: boolean;
}

/**
 * Extends the leases of the tasks in flight, from the orchestrator, where user code cannot stop it. One timer for
 * all of them. Its times are those of `performance.now()`: a clock that is set must neither silence heartbeats nor
 * make them pile up.
 */
export class LeaseKeeper {
  readonly #client: TaskClient;
  readonly #logger: Logger;
  readonly #leases = new Map<string, Lease>();
  #due = newQueue();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #isClosed = false;
  #extended = 0;
  #lapsed = 0;

  constructor(client: TaskClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  /** Heartbeats that the server has taken. */
  get extended(): number {
    return this.#extended;
  }

  /** Leases that ended before their tasks. */
  get lapsed(): number {
    return this.#lapsed;
  }

  /** Keeps the lease of `task` until {@link remove}, as long as its holder allows it. */
  add<T extends LeasedTask>(task: T, holder: LeaseHolder<T>): void {
    if (task.responseTimeoutSeconds <= 0 || this.#isClosed) return;
    this.#drop(this.#leases.get(task.taskId));
    const now = performance.now();
    const lease: Lease = {
      task,
      holder,
      hasLapsed: false,
      extendedAt: now,
      dueAt: now + leaseMs(task) * EXTEND_AFTER,
      failures: 0,
      isRefused: false,
      isOnItsWay: false,
      isOver: false,
    };
    this.#leases.set(task.taskId, lease);
    this.#schedule(lease);
  }

  /** Nothing happens when the lease is kept for another copy of the same task meanwhile. */
  remove(task: LeasedTask): void {
    const lease = this.#leases.get(task.taskId);
    if (lease?.task === task) this.#drop(lease);
  }

  #drop(lease: Lease | undefined): void {
    if (lease === undefined) return;
    // Left in the queue until it is due: taking it out of the middle costs more than passing over it …
    lease.isOver = true;
    this.#leases.delete(lease.task.taskId);
    // … but short tasks with long leases must not pile up there.
    if (this.#due.size > 2 * this.#leases.size + MAX_LEFTOVERS) {
      this.#due = newQueue();
      for (const live of this.#leases.values()) if (!live.isOnItsWay) this.#due.push(live);
    }
  }

  /** Milliseconds until the server takes the task back, as far as is known; `undefined` when it is not kept. */
  leaseLeftMs(taskId: string): number | undefined {
    const lease = this.#leases.get(taskId);
    return lease === undefined ? undefined : lease.extendedAt + leaseMs(lease.task) - performance.now();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#leases.clear();
    this.#due = newQueue();
  }

  #schedule(lease: Lease): void {
    lease.isOnItsWay = false;
    this.#due.push(lease);
    this.#arm();
  }

  #arm(): void {
    const next = this.#due.peek()?.dueAt ?? Infinity;
    if (next >= this.#timerAt || next === Infinity) return;
    clearTimeout(this.#timer);
    this.#timerAt = next;
    const waitMs = Math.max(0, next - performance.now());
    this.#timer = setTimeout(() => this.#extendDue(), Math.min(waitMs, 0x7fffffff)).unref();
  }

  #extendDue(): void {
    this.#timerAt = Infinity;
    const now = performance.now();
    for (
      let lease = this.#due.peek();
      lease !== undefined && lease.dueAt <= now + GRANULARITY_MS;
      lease = this.#due.peek()
    ) {
      this.#due.pop();
      lease.isOnItsWay = true;
      if (!lease.isOver) this.#consider(lease, now);
    }
    this.#arm();
  }

  #consider(lease: Lease, now: number): void {
    const allowed = lease.holder.leaseGate(lease.task);
    if (allowed !== true) {
      if (!lease.isRefused) {
        this.#logger.warn('the lease of a task is not extended any more', {
          taskId: lease.task.taskId,
          reason: allowed,
        });
      }
      lease.isRefused = true;
      if (!lease.hasLapsed && now - lease.extendedAt >= leaseMs(lease.task)) {
        lease.hasLapsed = true;
        this.#lapse(lease);
      }
      // Asked again: a process that was stuck may go on.
      return this.#later(lease, leaseMs(lease.task) * EXTEND_AFTER);
    }
    lease.isRefused = false;
    const lateMs = now - lease.dueAt;
    if (lateMs > Math.min(LATE_MS, leaseMs(lease.task) / 5)) {
      this.#logger.warn('a heartbeat is late: the event loop of the orchestrator was blocked', {
        taskId: lease.task.taskId,
        lateMs: Math.round(lateMs),
      });
    }
    void this.#extend(lease, now);
  }

  async #extend(lease: Lease, now: number): Promise<void> {
    try {
      const timeoutMs = Math.min(leaseMs(lease.task) * ANSWER_WITHIN, MAX_ANSWER_MS);
      await this.#client.extendLease(lease.task, timeoutMs);
      lease.extendedAt = now;
      lease.failures = 0;
      this.#extended++;
      this.#later(lease, leaseMs(lease.task) * EXTEND_AFTER - (performance.now() - now));
    } catch (error) {
      this.#failed(lease, error);
    }
  }

  #failed(lease: Lease, error: unknown): void {
    const { taskId } = lease.task;
    if (deliveryVerdict(error) === 'unknown-task') {
      this.#logger.warn('the lease of a task cannot be extended: the server does not know the task', {
        taskId,
      });
      return this.#drop(lease);
    }
    lease.failures++;
    const sinceMs = performance.now() - lease.extendedAt;
    const hasLapsed = sinceMs >= leaseMs(lease.task);
    if (lease.failures === 1 || hasLapsed) {
      this.#logger.warn('extending the lease of a task failed; trying again', {
        taskId,
        error: describeThrown(error),
        leaseLeftMs: Math.round(leaseMs(lease.task) - sinceMs),
      });
    }
    if (hasLapsed && lease.failures > 1) {
      this.#lapse(lease);
      // The next tries go on at the ordinary pace: the server may not have noticed yet.
      lease.extendedAt = performance.now();
      return this.#later(lease, leaseMs(lease.task) * EXTEND_AFTER);
    }
    this.#later(lease, Math.max(MIN_RETRY_MS, leaseMs(lease.task) * RETRY_AFTER));
  }

  #lapse(lease: Lease): void {
    this.#lapsed++;
    lease.holder.leaseLapsed(lease.task);
  }

  #later(lease: Lease, ms: number): void {
    if (lease.isOver || this.#isClosed) return;
    lease.dueAt = performance.now() + Math.max(MIN_RETRY_MS, ms);
    this.#schedule(lease);
  }
}

function newQueue(): Heap<Lease> {
  return new Heap<Lease>((a, b) => a.dueAt - b.dueAt);
}

function leaseMs(task: LeasedTask): number {
  return task.responseTimeoutSeconds * 1_000;
}
