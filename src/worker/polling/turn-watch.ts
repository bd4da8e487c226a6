/** A look that comes later than this was kept back itself, by code that computes: that is no fault of the loop. */
const MAX_STEP_MS = 4_000;
/** Timers may be late. */
const MARGIN_MS = 5_000;

/**
 * Tells whether a loop makes its turns: it says until when the next one is due, and is looked at every few seconds on
 * the same event loop. Time in which that event loop did not answer does not count.
 */
export class TurnWatch {
  #dueAt = Infinity;
  #lookedAt = performance.now();
  #stuckMs = 0;

  /** The loop makes a turn; the next is due in so many milliseconds, `Infinity`: whenever something happens. */
  turn(nextInMs: number): void {
    this.#dueAt = performance.now() + nextInMs + MARGIN_MS;
    this.#stuckMs = 0;
  }

  /** To be called every few seconds. @returns how many milliseconds the next turn is overdue */
  look(): number {
    const now = performance.now();
    const passedMs = Math.min(now - this.#lookedAt, MAX_STEP_MS);
    this.#lookedAt = now;
    if (now > this.#dueAt) this.#stuckMs += passedMs;
    return this.#stuckMs;
  }
}
