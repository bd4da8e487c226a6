import { setImmediate as nextTurn } from 'node:timers/promises';
import { sleep } from '../../core/sleep.js';
import type { LedgerTask } from '../ledger/ledger.js';
import type { ClaimedTask } from '../../protocol/messages.js';

/** How long a new attempt waits for the old one to end. */
const OLD_ATTEMPT_WAIT_MS = 10_000;
const CHECK_MS = 50;

/** A task in one of the application's processes. */
export interface KnownTask {
  readonly task: LedgerTask;
  cancel(reason: string): void;
}

/**
 * Whether a task that was delivered before may be run in the process that claims it. The same task that runs already,
 * or whose result is on its way: no. A new attempt while the old one runs: yes, after the old one was told to end.
 *
 * @param known - all tasks of the application that were told, asked anew at each look
 */
export async function mayRunClaimed(
  claimed: ClaimedTask,
  known: () => readonly KnownTask[],
): Promise<boolean> {
  // What other processes have written before the server could hand the task out anew is read first.
  await nextTurn();
  await nextTurn();
  if (known().some(({ task }) => isSame(task, claimed) && task.state !== 'releasing')) return false;
  const until = performance.now() + OLD_ATTEMPT_WAIT_MS;
  let wasTold = false;
  for (;;) {
    const old = known().find(({ task }) => isEarlierAttempt(task, claimed) && isActive(task));
    if (old === undefined || performance.now() >= until) return true;
    if (!wasTold) old.cancel('the server has started a new attempt of this task');
    wasTold = true;
    await sleep(CHECK_MS);
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
