import type { TuttiError } from '../../core/errors.js';
import type { RestartCause } from '../../protocol/states.js';

/** After a successor that did not get ready, so long no other is tried; then twice as long, and so on. */
const RETRY_MS = 60_000;
const MAX_RETRY_MS = 900_000;

/** One process taking over from another: why, who waits for it, and when it may be tried again. */
export class Succession {
  #cause: RestartCause = 'command';
  #reason = '';
  #waiting: { resolve: () => void; reject: (error: TuttiError) => void }[] = [];
  #failures = 0;
  #notBefore = -Infinity;

  /** Why the one under way, or the last one, was begun. */
  get cause(): RestartCause {
    return this.#cause;
  }

  get reason(): string {
    return this.#reason;
  }

  /** Resolves with {@link succeed}, rejects with {@link fail}. One that is under way keeps its cause. */
  begin(cause: RestartCause, reason: string): Promise<void> {
    if (this.#waiting.length === 0) [this.#cause, this.#reason] = [cause, reason];
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  succeed(): void {
    this.#failures = 0;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  fail(error: TuttiError): void {
    this.#notBefore = performance.now() + Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Whether it is time for a try that nobody has asked for. */
  mayBegin(now: number): boolean {
    return now >= this.#notBefore;
  }
}
