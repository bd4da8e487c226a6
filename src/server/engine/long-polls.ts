import type { QueueMessage } from './task-queue.js';
import type { Queues } from './queues.js';
import type { Clock } from '../clock/clock.js';

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
  /** Messages that a poll has taken off a queue and not answered yet. */
  #held = 0;
  /** Polls that have got what they waited for, or wait no longer, and are not answered yet. */
  #answering = 0;
  readonly #onAnswered = new Set<() => void>();
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
    if (messages.length < count && timeoutMs > 0 && !this.#isClosed) {
      await this.#wait(queue, count, timeoutMs, messages, signal);
      await oneTurnOfTheLoop();
      this.#answering -= 1;
    }
    this.#held -= messages.length;
    if (signal.aborted || this.#isClosed) this.#queues.restore(queue, messages.splice(0));
    if (this.#answering === 0) {
      for (const resolve of this.#onAnswered) resolve();
      this.#onAnswered.clear();
    }
    return messages;
  }

  /** Whether a task has left its queue and is not with a worker yet. */
  get isHolding(): boolean {
    return this.#held > 0;
  }

  /** Resolves when every poll that has got what it waited for is answered. */
  async answered(): Promise<void> {
    while (this.#answering > 0) {
      await new Promise<void>((resolve) => this.#onAnswered.add(resolve));
      // Those who asked hand the tasks out first.
      await oneTurnOfTheLoop();
    }
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
    if (into.length >= count) return;
    const taken = this.#queues.pop(queue, count - into.length);
    this.#held += taken.length;
    into.push(...taken);
  }

  #wait(
    queue: string,
    count: number,
    timeoutMs: number,
    messages: QueueMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) {
      this.#answering += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(queue) ?? new Set();
      this.#waiting.set(queue, waiters);
      const settle = (): void => {
        this.#answering += 1;
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
