import type { LogFields } from '../core/logger.js';
import type { Task } from '../conductor/types.js';

/** What each log line about a task carries. */
export function taskFields(task: Task): LogFields {
  return {
    taskType: task.taskType,
    taskId: task.taskId,
    workflowId: task.workflowInstanceId,
    attempt: attemptOf(task),
  };
}

/** Which attempt this is; 1 for the first. */
export function attemptOf(task: Pick<Task, 'retryCount'>): number {
  return (task.retryCount ?? 0) + 1;
}
