import type { Store } from '../store/store.js';
import type { QueueMessage } from '../store/task-queue.js';
import type { Clock } from './clock.js';
import type { LongPolls } from './long-polls.js';
import { definitionOf } from './mappers/task-mapper.js';
import { isTerminalTask, type TaskChange, type TaskModel } from './model.js';
import type { Sweeper } from './sweeper.js';
import { queueName, type TaskBoard } from './task-board.js';
import { nextTaskDeadline } from './timeouts.js';

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
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #board: TaskBoard;
  readonly #longPolls: LongPolls;
  readonly #sweeper: Sweeper;

  constructor(store: Store, clock: Clock, board: TaskBoard, longPolls: LongPolls, sweeper: Sweeper) {
    this.#store = store;
    this.#clock = clock;
    this.#board = board;
    this.#longPolls = longPolls;
    this.#sweeper = sweeper;
  }

  async poll(poll: Poll): Promise<Delivery> {
    const queue = queueName(poll.taskType, poll.domain);
    const messages = await this.#longPolls.collect(queue, poll.count, poll.timeoutMs, poll.signal);
    const undo: (() => void)[] = [];
    const tasks: TaskModel[] = [];
    for (const message of messages) {
      const task = this.#store.getTask(message.taskId);
      if (task === undefined || isTerminalTask(task.status)) continue;
      if (this.#board.isLimitReached(task)) {
        this.#board.postpone(task);
        continue;
      }
      undo.push(this.#handOut(task, queue, message, poll.workerId));
      tasks.push(task);
    }
    this.#store.putPollData({
      queueName: poll.taskType,
      ...(poll.domain === undefined ? {} : { domain: poll.domain }),
      ...(poll.workerId === undefined ? {} : { workerId: poll.workerId }),
      lastPollTime: this.#clock.now(),
    });
    return {
      tasks,
      giveBack: () => {
        for (const step of undo.splice(0)) step();
      },
    };
  }

  #handOut(task: TaskModel, queue: string, message: QueueMessage, workerId: string | undefined): () => void {
    const before: TaskChange = {
      status: task.status,
      startTime: task.startTime,
      updateTime: task.updateTime,
      callbackAfterSeconds: task.callbackAfterSeconds,
      workerId: task.workerId,
      pollCount: task.pollCount,
    };
    const now = this.#clock.now();
    this.#board.change(task, {
      status: 'IN_PROGRESS',
      startTime: task.startTime === 0 ? now : task.startTime,
      updateTime: now,
      callbackAfterSeconds: 0,
      workerId,
      pollCount: task.pollCount + 1,
    });
    const deadline = nextTaskDeadline(task, definitionOf(task));
    if (deadline !== undefined) this.#sweeper.checkBy(task.workflowInstanceId, deadline);
    return () => {
      const isUntouched =
        task.status === 'IN_PROGRESS' && task.updateTime === now && task.workerId === workerId;
      if (!isUntouched) return;
      this.#board.change(task, before);
      this.#board.restore(queue, message);
    };
  }
}
