import type { Logger } from '../../core/logger.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import type { TaskResultBody } from '../../conductor/wire/task-result.js';
import type { Task } from '../../conductor/wire/types.js';
import { lostPayload } from './lost-payload.js';
import { deliveryVerdict } from './result-sender.js';
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

/** Whether giving a task back is still to be done: `done` before, `void` since the task is over, or not to be told now. */
export type ReleaseState = 'open' | 'done' | 'void' | { readonly error: unknown };

/**
 * Looks at the task before an IN_PROGRESS is sent once more: an answer may have been lost on its way, and then the task
 * is perhaps with another worker, from whom a second copy would take it away. `open` for every other result, which the
 * server ignores the second time.
 */
export async function releaseState(
  client: TaskClient,
  { body, pollCount }: Pick<OutboxEntry, 'body' | 'pollCount'>,
): Promise<ReleaseState> {
  if (body.status !== 'IN_PROGRESS') return 'open';
  try {
    const task = await client.getTask(body.taskId);
    if (!hasCounted(task, body)) return 'void';
    const wasPolledSince = pollCount !== undefined && task.pollCount > pollCount;
    const isOurs =
      task.status === 'IN_PROGRESS' && (task.workerId ?? '') === (body.workerId ?? '') && !wasPolledSince;
    return isOurs ? 'open' : 'done';
  } catch (error) {
    // What cannot be read is left to the server's answer to the update, unless that would fail as well.
    return deliveryVerdict(error) === 'retry' || deliveryVerdict(error) === 'retry-auth' ? { error } : 'open';
  }
}

/** Whether the state of the task can be the one that this result has brought. */
export function hasCounted(task: Pick<Task, 'status'>, body: Pick<TaskResultBody, 'status'>): boolean {
  // The server keeps a worker's IN_PROGRESS as SCHEDULED until the next poll; afterwards anything may have come.
  if (body.status === 'IN_PROGRESS') return task.status !== 'TIMED_OUT' && task.status !== 'CANCELED';
  return task.status === body.status || task.status === 'COMPLETED_WITH_ERRORS';
}
