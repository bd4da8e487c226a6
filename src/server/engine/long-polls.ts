import type { QueueMessage } from './task-queue.js';
import type { Queues } from './queues.js';
import type { Clock } from '../clock.js';

interface Waiter {
  readonly queue: string;
  readonly count: number;
  readonly messages: QueueMessage[];
  readonly settle: () => void;
}

/**
 * Polls that wait for messages. Like the real server's, a poll collects until it has `count` messages or its time
 * is over: with a count above 1 and a long time-out, even the first message waits till the end.
 */
export class LongPolls {
  readonly #queues: Queues;
  readonly #clock: Clock;
  readonly #callerClock: Clock;
  /** First come, first served. */
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #wakeUps = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  #isClosed = false;

  /** @param callerClock - what those who poll go by */
  constructor(queues: Queues, clock: Clock, callerClock: Clock) {
    this.#queues = queues;
    this.#clock = clock;
    this.#callerClock = callerClock;
  }

  /**
   * Takes up to `count` messages off a queue. When `signal` aborts, what was taken goes back and the answer is empty.
   */
  async collect(
    queue: string,
    count: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<QueueMessage[]> {
    const messages: QueueMessage[] = [];
    this.#take(queue, count, messages);
    if (messages.length >= count || timeoutMs <= 0 || this.#isClosed) return messages;
    await this.#wait(queue, count, timeoutMs, messages, signal);
    await oneTurnOfTheLoop();
    if (signal.aborted || this.#isClosed) {
      this.#queues.restore(queue, messages.splice(0));
    }
    return messages;
  }

  /** Hands what is due in a queue to the polls that wait for it. */
  wake(queue: string): void {
    const waiters = this.#waiting.get(queue);
    if (waiters === undefined || this.#isClosed) return;
    for (const waiter of waiters) {
      this.#take(queue, waiter.count, waiter.messages);
      if (waiter.messages.length < waiter.count) break;
      waiter.settle();
    }
    if (waiters.size > 0) this.#wakeWhenDue(queue);
  }

  /** All waiting polls are answered at once, with nothing; so are those that come later. */
  close(): void {
    this.#isClosed = true;
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.settle();
    for (const wakeUp of this.#wakeUps.values()) wakeUp.cancel();
    this.#wakeUps.clear();
  }

  #take(queue: string, count: number, into: QueueMessage[]): void {
    if (into.length < count) into.push(...this.#queues.pop(queue, count - into.length));
  }

  #wait(
    queue: string,
    count: number,
    timeoutMs: number,
    messages: QueueMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(queue) ?? new Set();
      this.#waiting.set(queue, waiters);
      const settle = (): void => {
        cancelTimer();
        signal.removeEventListener('abort', settle);
        waiters.delete(waiter);
        if (waiters.size === 0) this.#stopWaking(queue);
        resolve();
      };
      const waiter: Waiter = { queue, count, messages, settle };
      const cancelTimer = this.#callerClock.after(timeoutMs, settle);
      signal.addEventListener('abort', settle, { once: true });
      waiters.add(waiter);
      this.#wakeWhenDue(queue);
    });
  }

  #wakeWhenDue(queue: string): void {
    const now = this.#clock.now();
    const at = this.#queues.nextDeliverAt(queue);
    const planned = this.#wakeUps.get(queue);
    if (at === undefined || (planned !== undefined && planned.at <= at)) return;
    planned?.cancel();
    const cancel = this.#clock.after(at - now, () => {
      this.#wakeUps.delete(queue);
      this.wake(queue);
    });
    this.#wakeUps.set(queue, { at, cancel });
  }

  #stopWaking(queue: string): void {
    this.#waiting.delete(queue);
    this.#wakeUps.get(queue)?.cancel();
    this.#wakeUps.delete(queue);
  }
}

/**
 * Lets the event loop read from its sockets once, so that a hang-up that has arrived already is known before tasks
 * are given away. The first step only ends the turn that is under way.
 */
async function oneTurnOfTheLoop(): Promise<void> {
  for (let step = 0; step < 2; step++) await new Promise<void>((resolve) => setImmediate(resolve));
}
