import { parse } from '@lukeed/ms';

/** A span of time: milliseconds, or a number with a unit, such as `'500ms'`, `'30s'`, `'5 minutes'`, `'1.5h'`, `'2 days'`. */
export type Duration = number | string;

/** What a message says that a duration must be. */
export const DURATION_EXPECTED = "a duration: milliseconds, or a text such as '30s', '5m' or '2 days'";

/**
 * The milliseconds of a duration. A text without a unit counts as milliseconds, as in an environment variable.
 *
 * @returns `undefined` when it is not a duration, or a negative one
 */
export function millisecondsOf(duration: unknown): number | undefined {
  const ms = typeof duration === 'string' ? parse(duration.trim()) : duration;
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? Math.round(ms) : undefined;
}
