import { show } from '../core/options.js';
import type { Task } from './types.js';

/** The answer to "is this a task?": the task, or why not. */
export type ShapedTask = { readonly task: Task } | { readonly problem: string };

/**
 * Checks an entry that a server sent as a task, and fills in what servers leave out although workers count on it.
 * The entry itself becomes the task.
 *
 * @param taskType - the type that was asked for, where the entry names none
 */
export function shapeTask(entry: unknown, taskType?: string): ShapedTask {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { problem: `expected an object, got ${show(entry)}` };
  }
  const fields = entry as Record<string, unknown>;
  const problem = requireId(fields, 'taskId') ?? requireId(fields, 'workflowInstanceId');
  if (problem !== undefined) return { problem };
  for (const name of ['inputData', 'outputData']) {
    const value = (fields[name] ??= {});
    if (typeof value !== 'object' || Array.isArray(value)) {
      return { problem: `expected \`${name}\` to be an object, got ${kindOf(value)}` };
    }
  }
  const task = fields as unknown as Task;
  task.taskType ||= taskType ?? task.taskDefName;
  task.taskDefName ||= task.taskType;
  if (typeof task.retryCount !== 'number') task.retryCount = 0;
  if (typeof task.pollCount !== 'number') task.pollCount = 1;
  if (typeof task.responseTimeoutSeconds !== 'number') task.responseTimeoutSeconds = 0;
  if (typeof task.callbackAfterSeconds !== 'number') task.callbackAfterSeconds = 0;
  return { task };
}

/** What can be logged of an entry that is no task: which fields it has, and no payload. */
export function outline(entry: unknown): Record<string, unknown> {
  if (typeof entry !== 'object' || entry === null) return { entry: kindOf(entry) };
  const { taskId, workflowInstanceId, taskType } = entry as Record<string, unknown>;
  return { taskId, workflowInstanceId, taskType, fields: Object.keys(entry).slice(0, 40).join(',') };
}

function requireId(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' && value !== ''
    ? undefined
    : `expected \`${name}\` to be a non-empty string, got ${show(value)}`;
}

/** Payload is not for logs: the kind of a value, not the value. */
function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`;
}
