import { describeThrown, HttpError, TuttiError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { TaskResultBody } from '../../conductor/wire/task-result.js';

/** How much of a payload that is lost goes into the log, in characters. */
const LOGGED_PAYLOAD_LENGTH = 10_000;

/** Fields for the log entry of a result that is lost: the last place where its payload can be found. */
export function lostPayload(result: TaskResultBody, error: unknown): Record<string, unknown> {
  return {
    taskId: result.taskId,
    workflowId: result.workflowInstanceId,
    status: result.status,
    error: describeThrown(error),
    payload: payloadOf(result),
  };
}

/**
 * Logs a result that can never be delivered, in whose place a failure is sent.
 *
 * @param path - where its output cannot be written as JSON, when that is why
 */
export function logReplaced(
  logger: Logger,
  result: TaskResultBody,
  error: unknown,
  path: string | undefined,
): void {
  if (TuttiError.is(error, 'PAYLOAD_TOO_LARGE')) {
    logger.error('the result of a task is too large to be sent; the task is failed', {
      taskId: result.taskId,
      workflowId: result.workflowInstanceId,
      status: result.status,
      error: error.message,
    });
    return;
  }
  if (path === undefined && !(error instanceof HttpError)) {
    logger.error('the result of a task cannot be sent; the task is failed', lostPayload(result, error));
    return;
  }
  if (path === undefined) {
    logger.error('the server refuses a result; the task is failed instead', lostPayload(result, error));
    return;
  }
  logger.error('the output of a task cannot be written as JSON; the task is failed', {
    taskId: result.taskId,
    workflowId: result.workflowInstanceId,
    status: result.status,
    error: path,
  });
}

function payloadOf(result: TaskResultBody): string {
  try {
    return JSON.stringify(result.outputData ?? {}).slice(0, LOGGED_PAYLOAD_LENGTH);
  } catch {
    return '(cannot be written as JSON)';
  }
}
