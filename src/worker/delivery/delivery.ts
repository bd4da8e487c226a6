import { describeThrown, HttpError } from '../../core/errors.js';
import { LogLimiter } from '../../core/log-limiter.js';
import type { Logger } from '../../core/logger.js';
import { sleep } from '../../core/sleep.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import { TaskResultStatus, type TaskResultBody } from '../../conductor/wire/task-result.js';
import type { Task } from '../../conductor/wire/types.js';
import { didResultCount } from './late-result.js';
import { lostPayload, logReplaced } from './lost-payload.js';
import type { Outbox } from './outbox.js';
import type { OutboxEntry, OutboxStore, StoredEntry } from './outbox-store.js';
import { reasonInProgress } from '../execution/poison.js';
import { retryDelay, sendResult } from './result-sender.js';
import type { TaskEnd } from '../execution/task-reporter.js';

/** A disk that takes nothing is logged at most so often. */
const UNWRITTEN_INTERVAL_MS = 60_000;

/** What became of a result. */
export interface Delivered {
  /** `STORED`, `KEPT`: the outbox has it, on disk or in memory, and tells when the server has taken it. */
  readonly end: TaskEnd | 'STORED' | 'KEPT';
  /** The next task, already in progress on the server, when it was asked for and there was one. */
  readonly next: Task | undefined;
}

export interface DeliveryOptions {
  readonly client: TaskClient;
  readonly logger: Logger;
  /** Takes over what the server refuses; without one the slot of the task stays taken while it is tried again. */
  readonly outbox?: Outbox | undefined;
  /** Writes each result down before it is sent. */
  readonly durableStore?: OutboxStore | undefined;
  /** A poll or an update with chaining failed in a way that may have left a task in nobody's hands. */
  readonly onUncertain?: () => void;
}

/** When the task came, how often it was handed out by then, and how long its lease is. */
export type Receipt = Pick<OutboxEntry, 'receivedAt' | 'responseTimeoutSeconds' | 'pollCount'>;

/**
 * Brings results to the server, or to the outbox at the first refusal. Where the server took the result before, and
 * answers a 5xx now, it is asked once more first: a single hiccup then costs one request, no file and no slot.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #refusals = new LogLimiter();
  readonly #unwritten = new LogLimiter(UNWRITTEN_INTERVAL_MS);
  /** The last answer was good. An outage is met with one quick second try, not with one for each result. */
  #isServerWell = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** @param chain - also ask for the next task of the same type. Never rejects. */
  async deliver(result: TaskResultBody, chain: boolean, receipt: Receipt = noLease()): Promise<Delivered> {
    const { durableStore } = this.#options;
    const written = durableStore && (await this.#writeDown(durableStore, { body: result, ...receipt }));
    let body = result;
    for (let failures = 1; ; failures++) {
      const outcome = await sendResult(this.#options.client, body, chain, (lost, error, path) =>
        logReplaced(this.#options.logger, lost, error, path),
      );
      const wasWell = this.#isServerWell;
      this.#isServerWell = outcome.kind === 'accepted';
      if (outcome.kind !== 'retry' && written !== undefined)
        await durableStore?.remove(written).catch(() => undefined);
      if (outcome.kind === 'accepted') {
        // A chained task must not wait for the answer about the one before.
        if (outcome.next !== undefined) return { end: outcome.body.status, next: outcome.next };
        return await this.#counted({ body: outcome.body, ...receipt });
      }
      if (outcome.kind === 'refused') return this.#refused(result, outcome.error);
      body = outcome.body;
      if (chain) this.#options.onUncertain?.();
      if (wasWell && isHiccup(outcome.error, body)) continue;
      const place = await this.#options.outbox?.put(
        written === undefined ? { body, ...receipt } : { ...written, body },
        outcome.error,
      );
      this.#tellOfRefusal(body, outcome.error, failures, place !== undefined);
      if (place !== undefined) return { end: place === 'disk' ? 'STORED' : 'KEPT', next: undefined };
      await sleep(retryDelay(outcome.error, failures));
    }
  }

  /** Gives a task back whose code has not begun: the server hands it out again at once. */
  async handBack(task: Task, workerId: string): Promise<Delivered> {
    const { end } = await this.deliver(handBackResult(task, workerId), false, {
      ...noLease(),
      pollCount: task.pollCount,
    });
    const isOpen = end === 'REFUSED' || end === 'STORED' || end === 'KEPT';
    return { end: isOpen ? end : 'HANDED_BACK', next: undefined };
  }

  #tellOfRefusal(body: TaskResultBody, error: unknown, tries: number, isStored: boolean): void {
    const kept = this.#refusals.pass();
    this.#options.logger.log(
      kept === undefined ? 'debug' : 'warn',
      'the server did not take a result; trying again',
      {
        taskId: body.taskId,
        error: describeThrown(error),
        tries,
        from: isStored ? 'the outbox' : 'memory',
        othersBefore: kept === 0 ? undefined : kept,
      },
    );
  }

  async #writeDown(store: OutboxStore, entry: OutboxEntry): Promise<StoredEntry | undefined> {
    try {
      return await store.write(entry);
    } catch (error) {
      // Not written down, it is still sent; should that fail, the outbox tells of the disk.
      const kept = this.#unwritten.pass();
      this.#options.logger.log(
        kept === undefined ? 'debug' : 'warn',
        'a result cannot be written down before it is sent',
        { error: describeThrown(error), othersBefore: kept === 0 ? undefined : kept },
      );
      return undefined;
    }
  }

  async #counted(entry: OutboxEntry): Promise<Delivered> {
    const hasCounted = await didResultCount(this.#options.client, entry, this.#options.logger);
    return { end: hasCounted ? entry.body.status : 'LATE', next: undefined };
  }

  #refused(result: TaskResultBody, error: unknown): Delivered {
    this.#options.logger.error(
      'the server does not take the result of a task; it is lost',
      lostPayload(result, error),
    );
    return { end: 'REFUSED', next: undefined };
  }
}

/**
 * Something answered, which was not to be asked again later, and a second copy does no harm: an IN_PROGRESS that was taken
 * after all could take the task away from its next worker.
 */
function isHiccup(error: unknown, { status }: TaskResultBody): boolean {
  if (!(error instanceof HttpError) || status === TaskResultStatus.IN_PROGRESS) return false;
  return (error.status ?? 0) >= 500 && error.retryAfterMs === undefined;
}

/** The result that gives a task back to the queue. */
export function handBackResult(
  task: Pick<Task, 'taskId' | 'workflowInstanceId' | 'outputData' | 'reasonForIncompletion'>,
  workerId: string,
): TaskResultBody {
  const reason = reasonInProgress(task);
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    workerId,
    status: TaskResultStatus.IN_PROGRESS,
    callbackAfterSeconds: 0,
    // An update replaces the output: what an earlier poll of this attempt has put there must stay.
    outputData: task.outputData ?? {},
    ...(reason === undefined ? {} : { reasonForIncompletion: reason }),
  };
}

function noLease(): Receipt {
  return { receivedAt: Date.now(), responseTimeoutSeconds: 0 };
}
