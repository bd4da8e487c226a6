import { describeThrown, stackOf, TuttiError } from '../core/errors.js';
import type { ErrorReport, OrchestratorMessage, WorkerMessage } from './messages.js';

/** The worker process's end of the IPC channel. */
export class OrchestratorChannel {
  /** Sends without waiting. False when the channel is gone: the process learns of it by `onGone` as well. */
  send(message: WorkerMessage): boolean {
    if (!process.connected || process.send === undefined) return false;
    process.send(message, undefined, undefined, () => undefined);
    return true;
  }

  /** Resolves when the message is written to the channel: then it arrives, whatever happens to this process. */
  written(message: WorkerMessage): Promise<void> {
    if (!process.connected || process.send === undefined) return Promise.resolve();
    return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
  }

  onMessage(listener: (message: OrchestratorMessage) => void): void {
    process.on('message', listener as (message: unknown) => void);
  }

  /** The orchestrator is gone. */
  onGone(listener: () => void): void {
    if (process.connected) process.once('disconnect', listener);
    else queueMicrotask(listener);
  }
}

export function errorReport(thrown: unknown): ErrorReport {
  return {
    name: thrown instanceof Error ? thrown.name : typeof thrown,
    message: describeThrown(thrown),
    stack: stackOf(thrown),
    code: TuttiError.is(thrown) ? thrown.code : undefined,
  };
}
