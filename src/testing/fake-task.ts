import { randomUUID } from 'node:crypto';
import { describeThrown, TuttiError } from '../core/errors.js';
import type { JsonObject, Task } from '../conductor/wire/types.js';

/** Fields of a task that a test may set; `inputData` comes from the input. */
export type TaskFields = Partial<Omit<Task, 'inputData'>>;

/**
 * A task as a server hands it out: the input as JSON carries it, first attempt, polled once.
 *
 * @throws TuttiError `CONFIG_INVALID` when the input cannot be written as JSON
 */
export function fakeTask<I>(taskType: string, input: I, fields: TaskFields = {}): Task<I> {
  const now = Date.now();
  return {
    taskId: randomUUID(),
    workflowInstanceId: randomUUID(),
    taskType,
    taskDefName: taskType,
    referenceTaskName: taskType,
    status: 'IN_PROGRESS',
    outputData: {},
    retryCount: 0,
    pollCount: 1,
    seq: 1,
    iteration: 0,
    scheduledTime: now,
    startTime: now,
    endTime: 0,
    updateTime: now,
    firstStartTime: now,
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
    inputData: overTheWire(input),
  };
}

/** What is left of the input when it has gone through JSON: dates are text, `undefined` is gone. */
function overTheWire<I>(input: I): I {
  try {
    return JSON.parse(JSON.stringify(input ?? ({} satisfies JsonObject))) as I;
  } catch (error) {
    throw new TuttiError(
      'CONFIG_INVALID',
      `the input of a task must be JSON, as it is on a server: ${describeThrown(error)}`,
      { cause: error },
    );
  }
}
