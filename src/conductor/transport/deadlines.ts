export interface Expiring {
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  expire(): void;
}

/**
 * Expires what is still here at its deadline, with one timer for all: a timer for each of thousands of requests
 * a second would cost more than the requests' bookkeeping. Does not keep the process alive.
 */
export class Deadlines {
  readonly #items = new Set<Expiring>();
  #timer: NodeJS.Timeout | undefined;
  #nextAt = Infinity;

  add(item: Expiring): void {
    this.#items.add(item);
    if (item.deadline < this.#nextAt) this.#schedule(item.deadline);
  }

  delete(item: Expiring): void {
    this.#items.delete(item);
  }

  #schedule(at: number): void {
    clearTimeout(this.#timer);
    this.#nextAt = at;
    const delay = Math.min(Math.max(1, Math.ceil(at - performance.now())), 0x7fffffff);
    // When user code has blocked the loop, answers that came in time are still waiting to be read: they get
    // their turn between the timer and the immediate.
    this.#timer = setTimeout(() => setImmediate(() => this.#sweep()), delay);
    this.#timer.unref();
  }

  #sweep(): void {
    const now = performance.now();
    this.#nextAt = -Infinity; // an item that `expire` adds must not start a second timer
    for (const item of this.#items) {
      if (item.deadline > now) continue;
      this.#items.delete(item);
      item.expire();
    }
    let next = Infinity;
    for (const item of this.#items) next = Math.min(next, item.deadline);
    this.#nextAt = Infinity;
    if (next !== Infinity) this.#schedule(next);
  }
}
