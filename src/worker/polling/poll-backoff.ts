import { backoffDelay, type BackoffOptions } from '../../core/backoff.js';
import { HttpError } from '../../core/errors.js';

const ERROR_BACKOFF: BackoffOptions = { initialMs: 250, maxMs: 30_000 };
const AUTH_BACKOFF: BackoffOptions = { initialMs: 1_000, maxMs: 60_000 };
/** So many long polls that came back empty before their time are taken for chance. */
const EARLY_EMPTY_FREE = 3;
/** Upper limit of the growth, as a multiple of the poll interval and in milliseconds. */
const EARLY_EMPTY_FACTOR = 10;
const EARLY_EMPTY_MAX_MS = 5_000;

/**
 * Milliseconds to wait after a failed poll. Refused credentials have a slower back-off of their own, and what the
 * server asks for with `Retry-After` is obeyed.
 *
 * @param failures - polls that have failed in a row, this one included
 */
export function delayAfterPollError(error: unknown, failures: number, random?: number): number {
  if (!(error instanceof HttpError)) return backoffDelay(failures, ERROR_BACKOFF, random);
  const options = error.code === 'HTTP_AUTH' ? AUTH_BACKOFF : ERROR_BACKOFF;
  return Math.max(error.retryAfterMs ?? 0, backoffDelay(failures, options, random));
}

/**
 * Least milliseconds from the start of a poll that brought nothing to the start of the next. Equals the poll
 * interval where the server waits as it is asked to; grows where it answers at once, so that it is not hammered.
 *
 * @param earlyEmpty - long polls in a row that came back empty well before their time
 */
export function idlePollGap(
  pollIntervalMs: number,
  earlyEmpty: number,
  random: number = Math.random(),
): number {
  const growth = 2 ** Math.min(Math.max(0, earlyEmpty - EARLY_EMPTY_FREE), 20);
  const limit = Math.max(pollIntervalMs, Math.min(pollIntervalMs * EARLY_EMPTY_FACTOR, EARLY_EMPTY_MAX_MS));
  // Jitter upwards: the interval is the least time, and processes that began together drift apart.
  return Math.min(pollIntervalMs * growth, limit) * (1 + 0.1 * random);
}
