import { HttpError } from '../../core/errors.js';
import { sleep } from '../../core/sleep.js';

/** Options of a wait. */
export interface WaitOptions {
  /** @defaultValue 60000 */
  readonly timeoutMs?: number;
  /** Interval between requests, in milliseconds. @defaultValue 200 */
  readonly pollIntervalMs?: number;
  readonly signal?: AbortSignal;
}

/** What the errors of a wait say. */
export interface WaitErrors {
  /** It did not come in time; `failure` is that of the last look, where it failed. */
  timedOut(timeoutMs: number, failure: unknown): Error;
  /** The clients were closed meanwhile. */
  closed(): Error;
}

/**
 * Looks again and again until there is something. A server that does not answer in between is asked again.
 *
 * @param look - `undefined`: not yet
 * @param closing - aborts when the clients are closed
 * @throws what `look` throws, unless the same request may succeed later; the signal's reason after an abort
 */
export async function waitUntil<T>(
  look: (signal: AbortSignal) => Promise<T | undefined>,
  { timeoutMs = 60_000, pollIntervalMs = 200, signal: given }: WaitOptions,
  closing: AbortSignal | undefined,
  errors: WaitErrors,
): Promise<T> {
  const signal = AbortSignal.any([given, closing].filter((one) => one !== undefined));
  const throwIfClosed = (): void => {
    if (closing?.aborted === true) throw errors.closed();
  };
  const deadline = performance.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const found = await look(signal);
      if (found !== undefined) return found;
      failure = undefined;
    } catch (error) {
      throwIfClosed();
      if (!(error instanceof HttpError) || !error.isRetryable) throw error;
      failure = error;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw errors.timedOut(timeoutMs, failure);
    await sleep(Math.min(pollIntervalMs, left), signal);
    throwIfClosed();
    signal.throwIfAborted();
  }
}
