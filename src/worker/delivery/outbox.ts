import { backoffDelay } from '../../core/backoff.js';
import { describeThrown } from '../../core/errors.js';
import { LogLimiter } from '../../core/log-limiter.js';
import type { Logger } from '../../core/logger.js';
import { sleep, within } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import { TaskResultStatus } from '../../conductor/wire/task-result.js';
import { lostPayload, logReplaced } from './lost-payload.js';
import { didResultCount, releaseState } from './late-result.js';
import type { OutboxEntry, OutboxStore, StoredEntry } from './outbox-store.js';
import { retryDelay, sendResult } from './result-sender.js';
import type { TaskEnd } from '../execution/task-reporter.js';

export interface OutboxLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export const OUTBOX_LIMITS: OutboxLimits = { maxEntries: 10_000, maxBytes: 256 * 1024 * 1024 };

/** So many results are on their way at the same time. */
const PARALLEL_SENDS = 8;
/** After so many failures in a row the server is taken for away, and asked with one result at a time. */
const AWAY_AFTER = 3;
const AWAY_BACKOFF = { initialMs: 250, maxMs: 5_000 };

interface Waiting {
  entry: StoredEntry;
  failures: number;
  dueAt: number;
}

export interface OutboxOptions {
  readonly store: OutboxStore;
  readonly client: TaskClient;
  readonly logger: Logger;
  readonly limits?: OutboxLimits;
  /** A result has left the outbox. */
  readonly onSettled: (entry: OutboxEntry, end: TaskEnd) => void;
}

function sizeOf(entry: OutboxEntry): number {
  try {
    return JSON.stringify(entry).length;
  } catch {
    return 0;
  }
}

/**
 * Results that the server has refused so far: on disk until it takes them. One result that is refused again and
 * again does not delay the others; when nothing gets through, one at a time is tried, with back-off.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #limits: OutboxLimits;
  readonly #waiting = new Map<string, Waiting>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #wakeUp: () => void = () => undefined;
  readonly #deliveries = new LogLimiter();
  #delivered = 0;
  #bytes = 0;
  #failuresInARow = 0;
  #pausedUntil = 0;
  #isRunning = false;
  #hasWarnedOfDisk = false;
  #hasWarnedOfLimit = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#limits = options.limits ?? OUTBOX_LIMITS;
  }

  get size(): number {
    return this.#waiting.size + this.#underWay.size;
  }

  /**
   * Takes a result over.
   *
   * @returns where it is kept now; undefined when the outbox is full: then the caller has to go on trying, and its slot
   *   stays taken, so that nothing is dropped and no more work is accepted than can be reported
   */
  async put(entry: OutboxEntry | StoredEntry, error: unknown): Promise<'disk' | 'memory' | undefined> {
    const { maxEntries, maxBytes } = this.#limits;
    if (this.size >= maxEntries || this.#bytes >= maxBytes) {
      if (!this.#hasWarnedOfLimit) {
        this.#options.logger.error(
          'the outbox is full: results keep their slots until the server takes them',
          {
            entries: this.size,
            bytes: this.#bytes,
          },
        );
      }
      this.#hasWarnedOfLimit = true;
      return undefined;
    }
    const stored = 'file' in entry ? entry : await this.#store(entry);
    this.#add(stored, 1, performance.now() + retryDelay(error, 1));
    return stored.file === undefined ? 'memory' : 'disk';
  }

  /** Takes over results that are on disk already. */
  adopt(entries: readonly StoredEntry[]): void {
    for (const entry of entries) this.#add(entry, 0, performance.now());
  }

  /** Resolves when the outbox is empty, or after `ms`. */
  async drained(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (this.size > 0 && performance.now() < end) await sleep(Math.min(50, end - performance.now()));
  }

  /** No more tries; what is left stays on disk. Waits for those under way, not longer than `ms`. */
  async close(ms: number): Promise<void> {
    this.#closing.abort();
    this.#wakeUp();
    await within(Promise.all(this.#underWay), ms);
  }

  async #store(entry: OutboxEntry): Promise<StoredEntry> {
    try {
      return await this.#options.store.write(entry);
    } catch (error) {
      if (!this.#hasWarnedOfDisk) {
        this.#options.logger.error(
          'a result that the server refused cannot be written to disk; it is kept in memory only',
          { folder: this.#options.store.folder, error: describeThrown(error) },
        );
      }
      this.#hasWarnedOfDisk = true;
      return { ...entry, file: undefined, bytes: sizeOf(entry) };
    }
  }

  #add(entry: StoredEntry, failures: number, dueAt: number): void {
    // A later result of the same task replaces the earlier one, on disk (same file) and here.
    const replaced = this.#waiting.get(entry.body.taskId);
    if (replaced !== undefined) this.#bytes -= replaced.entry.bytes;
    this.#waiting.set(entry.body.taskId, { entry, failures, dueAt });
    this.#bytes += entry.bytes;
    this.#wakeUp();
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      const now = performance.now();
      const parallel = this.#failuresInARow >= AWAY_AFTER ? 1 : PARALLEL_SENDS;
      const next = this.#earliest();
      if (this.#underWay.size >= parallel) {
        await Promise.race(this.#underWay);
      } else if (next === undefined || Math.max(next.dueAt, this.#pausedUntil) > now) {
        const until = next === undefined ? now + 1_000 : Math.max(next.dueAt, this.#pausedUntil);
        await this.#woken(until - now);
      } else {
        this.#begin(next);
      }
    }
    this.#isRunning = false;
  }

  /** Resolves when something has changed, or after `ms`. */
  async #woken(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 0x7fffffff));
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = () => undefined;
  }

  #earliest(): Waiting | undefined {
    let earliest: Waiting | undefined;
    for (const waiting of this.#waiting.values()) {
      if (earliest === undefined || waiting.dueAt < earliest.dueAt) earliest = waiting;
    }
    return earliest;
  }

  #begin(waiting: Waiting): void {
    const { entry } = waiting;
    this.#waiting.delete(entry.body.taskId);
    this.#bytes -= entry.bytes;
    const sending = this.#send(waiting).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  async #send(waiting: Waiting): Promise<void> {
    const { client, logger, store, onSettled } = this.#options;
    const { entry } = waiting;
    const state = await releaseState(client, entry);
    if (state === 'done' || state === 'void') return await this.#settleUnsent(waiting, state);
    if (state !== 'open') return this.#sendLater(waiting, state.error);
    const outcome = await sendResult(client, entry.body, false, (result, error, path) =>
      logReplaced(logger, result, error, path),
    );
    if (outcome.kind === 'retry') return this.#sendLater(waiting, outcome.error);
    this.#failuresInARow = 0;
    this.#pausedUntil = 0;
    this.#makeAllDue();
    await store
      .remove(entry)
      .catch((error: unknown) => logger.warn('a delivered result cannot be removed', { error }));
    if (outcome.kind === 'refused') {
      logger.error(
        'the server does not take the result of a task; it is lost',
        lostPayload(entry.body, outcome.error),
      );
      return onSettled(entry, 'REFUSED');
    }
    logger.debug('the server took a result from the outbox', {
      taskId: entry.body.taskId,
      tries: waiting.failures + 1,
    });
    this.#delivered++;
    const kept = this.#waiting.size === 0 ? this.#deliveries.pass() : undefined;
    if (kept !== undefined) {
      logger.info('the server has taken the results that it had refused', { results: this.#delivered });
      this.#delivered = 0;
    }
    const { body } = outcome;
    onSettled(entry, (await didResultCount(client, { ...entry, body }, logger)) ? body.status : 'LATE');
  }

  /** An earlier try has reached the server after all, or the task is over. */
  async #settleUnsent({ entry }: Waiting, state: 'done' | 'void'): Promise<void> {
    const { logger, store, onSettled } = this.#options;
    await store.remove(entry).catch((error: unknown) => logger.warn('a result cannot be removed', { error }));
    if (state === 'void')
      logger.error('the result of a task did not count', lostPayload(entry.body, 'the task is over'));
    onSettled(entry, state === 'done' ? TaskResultStatus.IN_PROGRESS : 'LATE');
  }

  #sendLater(waiting: Waiting, error: unknown): void {
    const failures = waiting.failures + 1;
    this.#noteFailure(performance.now());
    // Everything else may have been replaced meanwhile by a later result of the same task.
    if (!this.#waiting.has(waiting.entry.body.taskId)) {
      this.#add(waiting.entry, failures, performance.now() + retryDelay(error, failures));
    }
  }

  #noteFailure(now: number): void {
    // Those that were sent together fail together: the pause is for the first of them.
    if (now < this.#pausedUntil) return;
    this.#failuresInARow++;
    if (this.#failuresInARow < AWAY_AFTER) return;
    this.#pausedUntil = now + backoffDelay(this.#failuresInARow - AWAY_AFTER + 1, AWAY_BACKOFF);
  }

  /** The server is back: nobody waits for the rest of a back-off that an outage has made long. */
  #makeAllDue(): void {
    const now = performance.now();
    for (const waiting of this.#waiting.values()) {
      if (waiting.failures > AWAY_AFTER) waiting.dueAt = Math.min(waiting.dueAt, now);
    }
    this.#wakeUp();
  }
}
