/** Lets a message through once in a while, so that a thousand equal failures are one line and not a thousand. */
export class LogLimiter {
  readonly #intervalMs: number;
  #lastAt = -Infinity;
  #suppressed = 0;

  constructor(intervalMs = 5_000) {
    this.#intervalMs = intervalMs;
  }

  /** @returns how many were kept back since the last one that was let through; `undefined`: keep this one back too */
  pass(now: number = performance.now()): number | undefined {
    if (now - this.#lastAt < this.#intervalMs) {
      this.#suppressed++;
      return undefined;
    }
    const suppressed = this.#suppressed;
    this.#lastAt = now;
    this.#suppressed = 0;
    return suppressed;
  }

  /** How many were kept back since the last one that was let through; they are not counted again. */
  take(now: number = performance.now()): number {
    const suppressed = this.#suppressed;
    if (suppressed > 0) this.#lastAt = now;
    this.#suppressed = 0;
    return suppressed;
  }
}
