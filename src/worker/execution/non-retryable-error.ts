import { TuttiError, type TuttiErrorOptions } from '../../core/errors.js';

const NON_RETRYABLE = Symbol.for('tutti:non-retryable');

/**
 * Throw it from a worker when trying again cannot help: the task becomes FAILED_WITH_TERMINAL_ERROR, whatever
 * retries its definition allows.
 */
export class NonRetryableError extends TuttiError {
  constructor(message: string, options: TuttiErrorOptions = {}) {
    super('TASK_TERMINAL', message, options);
    Object.defineProperty(this, NON_RETRYABLE, { value: true });
  }
}

/** By brand, not `instanceof`: the error may come from another copy of the package. */
export function isNonRetryable(thrown: unknown): boolean {
  try {
    return (
      typeof thrown === 'object' &&
      thrown !== null &&
      (thrown as Record<symbol, unknown>)[NON_RETRYABLE] === true
    );
  } catch {
    return false;
  }
}
