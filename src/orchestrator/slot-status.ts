import type { Ledger } from './ledger.js';
import type { LoopReport, ReadyWorker } from './messages.js';
import type { SlotPlan } from './slot.js';
import type { SlotState } from './states.js';
import type { SlotStatusView } from './status.js';

/** What a slot holds, as the plain data of `status()`. */
export function slotStatus(slot: {
  plan: SlotPlan;
  state: SlotState;
  pid: number | undefined;
  readySince: number | undefined;
  ready: readonly ReadyWorker[];
  loops: readonly LoopReport[];
  ledger: Ledger;
  leaseLeftMs: (taskId: string) => number | undefined;
  lostToCrashes: number;
  restarts: number;
  lastError: string | undefined;
  nextStartAt: number | undefined;
}): SlotStatusView {
  const now = performance.now();
  const { plan, ready, loops, ledger, leaseLeftMs, ...rest } = slot;
  const { state, pid, readySince, lostToCrashes, restarts, lastError, nextStartAt } = rest;
  return {
    slot: plan.name,
    state,
    pid,
    readySince,
    workers: plan.workers.map((worker, index) => ({
      key: worker.key,
      taskType: worker.taskType,
      workerId: ready[index]?.workerId,
      concurrency: worker.concurrency,
      pollInterval: ready[index]?.pollInterval ?? worker.pollInterval,
      polls: loops[index]?.polls ?? 0,
      lastPollAt: loops[index]?.lastPollAt ?? 0,
      lastPollError: loops[index]?.lastPollError,
    })),
    tasks: ledger.tasks().map((task) => ({
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      worker: plan.workers[task.worker]?.key ?? plan.name,
      state: task.state,
      ageMs: Math.round(now - task.startedAt),
      leaseLeftMs: leaseLeftMs(task.taskId),
      progress: task.progress,
    })),
    counts: { ...ledger.counts },
    lostToCrashes,
    restarts,
    lastError,
    nextStartAt,
  };
}
