import { setTimeout as sleep } from 'node:timers/promises';
import { TaskResult, TaskResultStatus, Worker, type Task, type TaskContext, type TaskWorker } from 'tutti';

/** A worker class. It polls every 500 ms, and builds its result step by step. */
@Worker('tutti_simple', 500)
export class SimpleWorker implements TaskWorker<{ order: string }> {
  async execute(task: Task<{ order: string }>, context: TaskContext): Promise<TaskResult> {
    await sleep(150, undefined, { signal: context.signal }); // stands for real work
    const result = TaskResult.from(task);
    result.addOutputData('order', task.inputData.order);
    result.addOutputData('style', 'class');
    result.status = TaskResultStatus.COMPLETED;
    return result;
  }
}
