import type { EventEmitter } from 'node:events';
import { describeThrown } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { OrchestratorEvents } from './orchestrator-options.js';

/**
 * `emit()` for listeners of users: an error that one throws or rejects with is logged. It must not keep another listener from
 * being called, or the orchestrator from what it was about to do, such as starting a process again.
 */
export function emitSafely<E extends keyof OrchestratorEvents>(
  emitter: EventEmitter<OrchestratorEvents>,
  event: E,
  data: OrchestratorEvents[E],
  logger: Logger,
): void {
  const failed = (error: unknown): void =>
    logger.error('a listener of the orchestrator failed', { event, error: describeThrown(error) });
  for (const listener of emitter.rawListeners(event) as ((...args: unknown[]) => unknown)[]) {
    try {
      const result = listener.apply(emitter, data);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
