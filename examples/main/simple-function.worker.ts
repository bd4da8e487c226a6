import { setTimeout as sleep } from 'node:timers/promises';
import { functionWorker, type Task, type TaskContext } from 'tutti';

/** The same worker as a function: the object that it returns is the output of the task. */
async function simpleFunction(task: Task<{ order: string }>, context: TaskContext) {
  await sleep(150, undefined, { signal: context.signal });
  return { order: task.inputData.order, style: 'function' };
}

/** Has the same task type as the class worker: each runs in its own process, and they share the work. */
export const simpleFunctionWorker = functionWorker('tutti_simple', simpleFunction, { pollInterval: 250 });
