import { setImmediate as nextTurn } from 'node:timers/promises';
import { sleep } from '../../core/sleep.js';
import type { ClaimedTask } from '../../protocol/messages.js';
import type { LedgerTask } from './ledger-task.js';

/** How long a new attempt waits for the old one to end. */
const OLD_ATTEMPT_WAIT_MS = 10_000;
const CHECK_MS = 50;
/** A process reports that it has begun a task a moment after it was allowed to. */
const CLAIM_LINGER_MS = 5_000;

/** Tasks that were delivered before, and whose process waits to hear whether it may run them. */
export class Claims {
  readonly #inFlight: () => readonly LedgerTask[];
  readonly #claimed = new Map<string, number>();

  /** @param inFlight - all tasks of the application that were reported, asked anew at each look */
  constructor(inFlight: () => readonly LedgerTask[]) {
    this.#inFlight = inFlight;
  }

  /** Ids of the tasks that are claimed, or were a moment ago. */
  taskIds(): Iterable<string> {
    return this.#claimed.keys();
  }

  /**
   * Whether a task that was delivered before may be run in the process that claims it. The same task that runs already,
   * or whose result is on its way: no. A new attempt while the old one runs: yes, after the old one was cancelled.
   */
  async mayRun(claimed: ClaimedTask): Promise<boolean> {
    const { taskId } = claimed;
    this.#claimed.set(taskId, (this.#claimed.get(taskId) ?? 0) + 1);
    const mayRun = await this.#decide(claimed);
    setTimeout(() => this.#release(taskId), CLAIM_LINGER_MS).unref();
    return mayRun;
  }

  async #decide(claimed: ClaimedTask): Promise<boolean> {
    // What other processes have written before the server could hand the task out anew is read first.
    await nextTurn();
    await nextTurn();
    if (this.#inFlight().some((task) => isSame(task, claimed) && task.state !== 'releasing')) return false;
    const until = performance.now() + OLD_ATTEMPT_WAIT_MS;
    let wasCancelled = false;
    for (;;) {
      const old = this.#inFlight().find((task) => isEarlierAttempt(task, claimed) && isActive(task));
      if (old === undefined || performance.now() >= until) return true;
      if (!wasCancelled) old.process.cancel(old, 'the server has started a new attempt of this task');
      wasCancelled = true;
      await sleep(CHECK_MS);
    }
  }

  #release(taskId: string): void {
    const count = this.#claimed.get(taskId) ?? 0;
    if (count > 1) this.#claimed.set(taskId, count - 1);
    else this.#claimed.delete(taskId);
  }
}

function isActive(task: LedgerTask): boolean {
  return task.state === 'running' || task.state === 'waiting';
}

function isSame(task: LedgerTask, claimed: ClaimedTask): boolean {
  return task.taskId === claimed.taskId;
}

function isEarlierAttempt(task: LedgerTask, claimed: ClaimedTask): boolean {
  return (
    task.workflowInstanceId === claimed.workflowInstanceId &&
    task.reference === claimed.reference &&
    task.retryCount < claimed.retryCount
  );
}
