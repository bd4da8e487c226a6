import { backoffDelay } from '../../core/backoff.js';

/** When and how often a worker process that died is started again. Times in milliseconds. */
export interface RestartOptions {
  /** Delay after the first death. @defaultValue 500 */
  readonly initialDelay?: number;
  /** Longest delay. @defaultValue 30000 */
  readonly maxDelay?: number;
  /** A process that lived so long was healthy: the count starts anew. @defaultValue 60000 */
  readonly healthyAfter?: number;
  /** After so many deaths in a row without a healthy time the worker is given up. @defaultValue 10 */
  readonly maxDeaths?: number;
}

export const RESTART_DEFAULTS: Required<RestartOptions> = {
  initialDelay: 500,
  maxDelay: 30_000,
  healthyAfter: 60_000,
  maxDeaths: 10,
};

export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number; readonly deaths: number }
  | { readonly action: 'give-up'; readonly deaths: number };

/** What is known of a death. */
export interface CountedDeath {
  /** Deaths in a row before this one. */
  readonly before: number;
  /** How long the process had been ready, in milliseconds; 0 when it never was. */
  readonly livedMs: number;
  /**
   * It is put down to a task that was under suspicion already and ran alone. That task will be failed for good; nothing
   * is said about the worker, and the death does not count.
   */
  readonly isBySuspect: boolean;
}

/**
 * What to do after a worker process died.
 *
 * @param random - 0 to 1, for the jitter
 */
export function restartDecision(
  { before, livedMs, isBySuspect }: CountedDeath,
  options: Required<RestartOptions>,
  random?: number,
): RestartDecision {
  const inARow = (livedMs >= options.healthyAfter ? 0 : before) + (isBySuspect ? 0 : 1);
  if (inARow >= options.maxDeaths) return { action: 'give-up', deaths: inARow };
  const delayMs = backoffDelay(
    Math.max(1, inARow),
    { initialMs: options.initialDelay, maxMs: options.maxDelay },
    random,
  );
  return { action: 'restart', delayMs, deaths: inARow };
}
