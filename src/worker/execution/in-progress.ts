import type { JsonObject } from '../../conductor/wire/types.js';

const IN_PROGRESS: unique symbol = Symbol.for('tutti:in-progress');

export interface InProgressOptions {
  /** After how many seconds the server hands the same task out again. @defaultValue 0: at once */
  readonly callbackAfterSeconds?: number;
  /** Output so far; the next poll shows it as `task.outputData`. */
  readonly output?: JsonObject;
}

/** Return value of a worker that has not finished; see {@link inProgress}. */
export interface InProgress extends InProgressOptions {
  readonly [IN_PROGRESS]: true;
}

/**
 * Return it from `execute` when the task is not done yet: the server hands the same task out again after
 * `callbackAfterSeconds`, to any process of this worker.
 */
export function inProgress(options: InProgressOptions = {}): InProgress {
  return Object.defineProperty({ ...options }, IN_PROGRESS, { value: true }) as InProgress;
}

export function isInProgress(value: unknown): value is InProgress {
  return (
    typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[IN_PROGRESS] === true
  );
}
