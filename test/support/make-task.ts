import type { Task } from '../../src/conductor/types.js';

/** A task as a server hands it out. */
export function makeTask(taskId = 'task-1', fields: Partial<Task> = {}): Task {
  return {
    taskId,
    workflowInstanceId: 'workflow-1',
    taskType: 'greet',
    taskDefName: 'greet',
    referenceTaskName: `${taskId}-ref`,
    status: 'IN_PROGRESS',
    inputData: {},
    outputData: {},
    retryCount: 0,
    pollCount: 1,
    seq: 1,
    iteration: 0,
    scheduledTime: 0,
    startTime: 0,
    endTime: 0,
    updateTime: 0,
    firstStartTime: 0,
    queueWaitTime: 0,
    startDelayInSeconds: 0,
    responseTimeoutSeconds: 3_600,
    callbackAfterSeconds: 0,
    callbackFromWorker: true,
    retried: false,
    executed: false,
    subworkflowChanged: false,
    loopOverTask: false,
    workflowPriority: 0,
    rateLimitPerFrequency: 0,
    rateLimitFrequencyInSeconds: 0,
    ...fields,
  };
}
