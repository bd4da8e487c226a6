import { TaskResultStatus } from '../conductor/task-result.js';
import type { Delivery } from '../worker/delivery.js';
import type { LedgerTask } from './ledger.js';

/** Reports the tasks of processes that died as FAILED, so that the server need not wait for their leases. */
export class CrashReporter {
  readonly #delivery: Delivery;
  readonly #pending = new Set<Promise<void>>();

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /**
   * @param reason - what happened to the process
   * @param stderrTail - its last words, for the task's log
   */
  report(
    tasks: readonly LedgerTask[],
    workerIds: readonly string[],
    reason: string,
    stderrTail: string,
  ): void {
    for (const task of tasks) {
      const report = this.#reportOne(task, workerIds[task.worker], reason, stderrTail).finally(() => {
        this.#pending.delete(report);
      });
      this.#pending.add(report);
    }
  }

  /** Reports that the server has not taken yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Resolves when the server has taken every report. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #reportOne(
    task: LedgerTask,
    workerId: string | undefined,
    reason: string,
    stderrTail: string,
  ): Promise<void> {
    await this.#delivery.deliver(
      {
        taskId: task.taskId,
        workflowInstanceId: task.workflowInstanceId,
        ...(workerId === undefined ? {} : { workerId }),
        status: TaskResultStatus.FAILED,
        reasonForIncompletion: reason,
        logs: [
          { log: stderrTail === '' ? reason : `${reason}\nlast lines of its standard error:\n${stderrTail}` },
        ],
      },
      false,
    );
  }
}
