import { describeThrown } from '../core/errors.js';
import type { TaskResultBody } from '../conductor/task-result.js';

/** How much of a payload that is lost goes into the log, in characters. */
const LOGGED_PAYLOAD_LENGTH = 10_000;

/** Fields for the log entry of a result that is lost: the last place where its payload can be found. */
export function lostPayload(result: TaskResultBody, error: unknown): Record<string, unknown> {
  return {
    taskId: result.taskId,
    status: result.status,
    error: describeThrown(error),
    payload: payloadOf(result),
  };
}

function payloadOf(result: TaskResultBody): string {
  try {
    return JSON.stringify(result.outputData ?? {}).slice(0, LOGGED_PAYLOAD_LENGTH);
  } catch {
    return '(cannot be written as JSON)';
  }
}
