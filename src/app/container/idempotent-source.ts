import type { Logger } from '../../core/logger.js';
import { show } from '../../core/options.js';
import type { Task } from '../../conductor/wire/types.js';
import {
  IdempotentExecutable,
  ResultCache,
  type IdempotencyKey,
} from '../../worker/execution/idempotency.js';
import { isFunctionWorker } from '../../worker/definition/function-worker.js';
import { NonRetryableError } from '../../worker/execution/non-retryable-error.js';
import type { WorkerSource } from '../../worker/execution/task-runner.js';
import type { BuiltWorker } from './container.js';
import type { CatalogEntry } from '../discovery/worker-catalog.js';

/**
 * The source of a worker whose tasks may have idempotency keys; the worker's own source when it gives none.
 *
 * @param folder - where results are kept; `undefined` when nothing can be written: then every task is executed
 */
export function idempotentSource(
  entry: CatalogEntry,
  built: BuiltWorker,
  folder: string | undefined,
  logger: Logger,
): WorkerSource {
  const keyOf = idempotencyKeyOf(entry, built);
  if (keyOf === undefined) return built.source;
  if (folder === undefined) {
    logger.warn('results cannot be kept for idempotency keys: no folder can be written');
    return built.source;
  }
  const cache = new ResultCache(folder, logger);
  const underWay = new Map<string, Promise<unknown>>();
  const { source } = built;
  const { key } = entry.description;
  // Two workers may use the same keys for different things.
  const ownKeyOf = (task: Task): string | undefined => {
    const own = checkedKey(keyOf(task));
    return own === undefined ? undefined : `${key}\n${own}`;
  };
  const { shared } = source;
  return {
    shared: shared === undefined ? undefined : new IdempotentExecutable(shared, ownKeyOf, cache, underWay),
    acquire: async (task) => {
      const { worker, release } = await source.acquire(task);
      return { worker: new IdempotentExecutable(worker, ownKeyOf, cache, underWay), release };
    },
  };
}

/** Inputs of tasks may hold anything, and a key of another kind, an object say, would as text be that of all tasks. */
function checkedKey(own: unknown): string | undefined {
  if (own === undefined || own === null) return undefined;
  if (typeof own === 'string' || Number.isFinite(own)) return String(own);
  if (own instanceof Promise) own.catch(() => undefined);
  throw new NonRetryableError(`idempotencyKey of a worker: expected a string or a number, got ${show(own)}`);
}

function idempotencyKeyOf(entry: CatalogEntry, { instance }: BuiltWorker): IdempotencyKey | undefined {
  if (isFunctionWorker(entry.worker)) return entry.worker.idempotencyKey;
  if (instance?.idempotencyKey === undefined) return undefined;
  return (task) => instance.idempotencyKey!(task);
}
