import type { FullTaskDef } from '../model/definitions.js';

const MAX_SECONDS = 0x7fffffff;

/**
 * How long the next attempt waits.
 *
 * @param retryCount - of the attempt that failed, 0 for the first
 * @param random - from 0 to 1, for the jitter
 * @returns whole `seconds`, as the task shows them, and `ms` with the jitter, as the queue delays it
 */
export function retryDelay(
  def: Pick<
    FullTaskDef,
    'retryLogic' | 'retryDelaySeconds' | 'backoffScaleFactor' | 'maxRetryDelaySeconds' | 'backoffJitterMs'
  >,
  retryCount: number,
  random: number,
): { seconds: number; ms: number } {
  let seconds = Math.min(rawDelay(def, retryCount), MAX_SECONDS);
  if (def.maxRetryDelaySeconds > 0) seconds = Math.min(seconds, def.maxRetryDelaySeconds);
  const jitterMs = def.backoffJitterMs > 0 ? Math.floor(random * (def.backoffJitterMs + 1)) : 0;
  return { seconds, ms: seconds * 1000 + Math.min(jitterMs, def.backoffJitterMs) };
}

function rawDelay(
  def: Pick<FullTaskDef, 'retryLogic' | 'retryDelaySeconds' | 'backoffScaleFactor'>,
  retryCount: number,
): number {
  switch (def.retryLogic) {
    case 'FIXED':
      return def.retryDelaySeconds;
    case 'LINEAR_BACKOFF':
      return def.retryDelaySeconds * def.backoffScaleFactor * (retryCount + 1);
    case 'EXPONENTIAL_BACKOFF':
      return def.retryDelaySeconds * 2 ** retryCount;
  }
}
