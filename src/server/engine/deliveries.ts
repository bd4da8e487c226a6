import { isTerminalTask, type TaskModel } from '../model/models.js';
import type { Engine } from './engine.js';
import { queueName } from './queues.js';

export interface Poll {
  readonly taskType: string;
  readonly workerId: string | undefined;
  readonly domain: string | undefined;
  readonly count: number;
  readonly timeoutMs: number;
  /** Aborts when the one who polls has hung up. */
  readonly signal: AbortSignal;
}

/** Tasks for a worker, IN_PROGRESS already. */
export interface Delivery {
  readonly tasks: readonly TaskModel[];
  /** The answer did not get through: the tasks become what they were, for somebody else. */
  giveBack(): void;
}

/** Hands tasks out to workers. */
export class Deliveries {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async poll(poll: Poll): Promise<Delivery> {
    const { queues, longPolls, store, clock } = this.#engine;
    const queue = queueName(poll.taskType, poll.domain);
    const messages = await longPolls.collect(queue, poll.count, poll.timeoutMs, poll.signal);
    const given: { readonly before: TaskModel; readonly after: TaskModel }[] = [];
    for (const message of messages) {
      const task = store.getTask(message.taskId);
      if (task === undefined || isTerminalTask(task.status)) continue;
      if (queues.isLimited(task)) queues.postpone(task);
      else given.push({ before: task, after: this.#handOut(task, poll.workerId) });
    }
    queues.polled({
      queueName: poll.taskType,
      ...(poll.domain === undefined ? {} : { domain: poll.domain }),
      ...(poll.workerId === undefined ? {} : { workerId: poll.workerId }),
      lastPollTime: clock.now(),
    });
    return {
      tasks: given.map(({ after }) => after),
      giveBack: () => {
        for (const { before, after } of given.splice(0)) this.#takeBack(before, after);
      },
    };
  }

  #handOut(task: TaskModel, workerId: string | undefined): TaskModel {
    return this.#engine.run(task.workflowInstanceId, (execution) =>
      execution.change(task.taskId, {
        status: 'IN_PROGRESS',
        startTime: task.startTime === 0 ? execution.now : task.startTime,
        updateTime: execution.now,
        callbackAfterSeconds: 0,
        workerId,
        pollCount: task.pollCount + 1,
      }),
    );
  }

  /** Only a task that nothing has happened to since. */
  #takeBack(before: TaskModel, after: TaskModel): void {
    if (this.#engine.store.getTask(after.taskId) !== after) return;
    const { status, startTime, updateTime, callbackAfterSeconds, workerId, pollCount } = before;
    this.#engine.run(after.workflowInstanceId, (execution) =>
      execution.change(after.taskId, {
        status,
        startTime,
        updateTime,
        callbackAfterSeconds,
        workerId,
        pollCount,
      }),
    );
  }
}
