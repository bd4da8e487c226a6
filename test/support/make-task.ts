import type { Task } from '../../src/conductor/wire/types.js';
import { fakeTask } from '../../src/testing/fake-task.js';

/** A task as a server hands it out, the same each time. */
export function makeTask(taskId = 'task-1', fields: Partial<Task> = {}): Task {
  const fixed = {
    taskId,
    workflowInstanceId: 'workflow-1',
    referenceTaskName: `${taskId}-ref`,
    scheduledTime: 0,
    startTime: 0,
    updateTime: 0,
    firstStartTime: 0,
  };
  return { ...fakeTask('greet', {}, fixed), ...fields };
}
