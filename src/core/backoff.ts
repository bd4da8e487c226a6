export interface BackoffOptions {
  /** Delay after the first failure, in milliseconds. */
  readonly initialMs: number;
  /** Upper limit of the delay before jitter, in milliseconds. */
  readonly maxMs: number;
  /** Growth from one failure to the next. @defaultValue 2 */
  readonly factor?: number;
  /** Share of the delay that is random, 0 to 1. @defaultValue 0.2 */
  readonly jitter?: number;
}

/**
 * The delay in milliseconds before try number `failures + 1`: exponential, limited, with jitter downwards, so
 * that `maxMs` is never exceeded and processes that failed together do not come back together.
 *
 * @param failures - how many tries have failed in a row; 0 gives 0
 * @param random - a number from 0 to 1
 */
export function backoffDelay(
  failures: number,
  options: BackoffOptions,
  random: number = Math.random(),
): number {
  if (failures <= 0) return 0;
  const { initialMs, maxMs, factor = 2, jitter = 0.2 } = options;
  const full = Math.min(maxMs, initialMs * factor ** Math.min(failures - 1, 52));
  return Math.round(full * (1 - jitter * random));
}
