import { describeThrown } from '../../core/errors.js';
import { LogLimiter } from '../../core/log-limiter.js';
import type { Logger } from '../../core/logger.js';
import type { TaskWorker } from '../definition/task-worker.js';

/** It is asked before each poll, and between tasks: once in a while is enough. */
const WARNING_MS = 60_000;

/**
 * A worker's own `isPaused()`, made safe: one that throws, or gives something else than a boolean (a promise, say, which
 * would count as true for ever), is taken as not paused, and told.
 */
export function pauseCheck(worker: Pick<TaskWorker, 'isPaused'> | undefined, logger: Logger): () => boolean {
  if (worker?.isPaused === undefined) return () => false;
  const warnings = new LogLimiter(WARNING_MS);
  const warn = (message: string, error?: unknown): false => {
    if (warnings.pass() !== undefined)
      logger.warn(message, error === undefined ? {} : { error: describeThrown(error) });
    return false;
  };
  return () => {
    try {
      const isPaused: unknown = worker.isPaused?.();
      if (typeof isPaused === 'boolean') return isPaused;
      if (isPaused instanceof Promise) isPaused.catch(() => undefined);
      const what = isPaused instanceof Promise ? 'a promise' : String(isPaused);
      return warn(`isPaused() of a worker must return true or false, not ${what}; taken as not paused`);
    } catch (error) {
      return warn('isPaused() of a worker throws; taken as not paused', error);
    }
  };
}
