import type { Task } from '../../conductor/wire/types.js';

/**
 * Longest time in milliseconds that a task may run from now: what the worker's options say, else what is left of the
 * definition's `timeoutSeconds`, which the server counts from the first poll of this attempt. `undefined`: no limit.
 */
export function executionLimit(task: Task, executionTimeout: number | undefined): number | undefined {
  if (executionTimeout !== undefined) return executionTimeout;
  const { timeoutSeconds, timeoutPolicy } = task.taskDefinition ?? {};
  // ALERT_ONLY: the server only writes a line, and so the task must not be ended here either.
  if (timeoutSeconds === undefined || timeoutSeconds <= 0 || timeoutPolicy === 'ALERT_ONLY') return undefined;
  // Both times are the server's, so that the clocks need not agree: it wrote `updateTime` when it handed the task out.
  const used = task.startTime > 0 ? Math.max(0, task.updateTime - task.startTime) : 0;
  return Math.max(1, timeoutSeconds * 1_000 - used);
}
