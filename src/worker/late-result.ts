import type { Logger } from '../core/logger.js';
import type { TaskClient } from '../conductor/task-client.js';
import type { TaskResultBody } from '../conductor/task-result.js';
import type { Task } from '../conductor/types.js';
import { lostPayload } from './lost-payload.js';
import type { OutboxEntry } from './outbox-store.js';

/**
 * Whether a result that was accepted has counted. The server answers 200 to a result that comes too late, and ignores
 * it; only reading the task tells. Asked only when the lease may have ended, that is when the task has been here for
 * longer than its lease: everybody else's request would be for nothing.
 *
 * A result that did not count is logged with its payload.
 */
export async function didResultCount(
  client: TaskClient,
  entry: OutboxEntry,
  logger: Logger,
): Promise<boolean> {
  const { body, responseTimeoutSeconds, receivedAt } = entry;
  if (responseTimeoutSeconds <= 0 || Date.now() - receivedAt < responseTimeoutSeconds * 1_000) return true;
  let task: Task;
  try {
    task = await client.getTask(body.taskId);
  } catch {
    return true;
  }
  if (hasCounted(task, body)) return true;
  const error = `it came too late: the task is ${task.status} on the server`;
  logger.error('the result of a task did not count', lostPayload(body, error));
  return false;
}

/** Whether the state of the task can be the one that this result has brought. */
export function hasCounted(task: Pick<Task, 'status'>, body: Pick<TaskResultBody, 'status'>): boolean {
  // The server keeps a worker's IN_PROGRESS as SCHEDULED until the next poll; afterwards anything may have come.
  if (body.status === 'IN_PROGRESS') return task.status !== 'TIMED_OUT' && task.status !== 'CANCELED';
  return task.status === body.status || task.status === 'COMPLETED_WITH_ERRORS';
}
