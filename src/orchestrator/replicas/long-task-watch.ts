import type { Logger } from '../../core/logger.js';
import type { LedgerTask } from '../ledger/ledger-task.js';
import type { Replica } from './replica.js';

export const LONG_TASK_WARNING_MS = 600_000;

/** A task that runs for long and that nothing will end. */
export interface LongTask {
  readonly replica: string;
  readonly taskId: string;
  /** Key of its worker. */
  readonly worker: string;
  readonly ageMs: number;
}

/** Warns once about each task that has no time limit and runs for a long time. */
export class LongTaskWatch {
  readonly #logger: Logger;
  readonly #afterMs: number;
  readonly #onFound: (task: LongTask) => void;
  readonly #reported = new WeakSet<LedgerTask>();

  constructor(logger: Logger, afterMs: number = LONG_TASK_WARNING_MS, onFound: (task: LongTask) => void) {
    this.#logger = logger;
    this.#afterMs = afterMs;
    this.#onFound = onFound;
  }

  look(replica: Replica, now: number): void {
    for (const task of replica.tasks()) {
      const ageMs = Math.round(now - (task.runningSince ?? now));
      const isLong = task.limitMs === 0 && task.state === 'running' && ageMs >= this.#afterMs;
      if (!isLong || this.#reported.has(task)) continue;
      this.#reported.add(task);
      const worker = replica.plan.workers[task.worker]?.key ?? replica.plan.name;
      this.#logger.warn(
        'a task runs for long, and has no time limit: set executionTimeout, or timeoutSeconds in its definition',
        { taskId: task.taskId, worker, ageMs },
      );
      this.#onFound({ replica: replica.plan.name, taskId: task.taskId, worker, ageMs });
    }
  }
}
