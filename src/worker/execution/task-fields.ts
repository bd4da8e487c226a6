import type { LogFields } from '../../core/logger.js';
import type { Task } from '../../conductor/wire/types.js';

/** What each log line about a task carries. */
export function taskFields(task: Task): LogFields {
  return {
    taskType: task.taskType,
    taskId: task.taskId,
    workflowId: task.workflowInstanceId,
    attempt: attemptOf(task),
  };
}

/** Whether a worker for `taskType` may execute it. Some servers name the type of SIMPLE tasks as such. */
export function isOfType(task: Pick<Task, 'taskType' | 'taskDefName'>, taskType: string): boolean {
  return task.taskType === taskType || task.taskDefName === taskType;
}

/** Which attempt this is; 1 for the first. */
export function attemptOf(task: Pick<Task, 'retryCount'>): number {
  return (task.retryCount ?? 0) + 1;
}
