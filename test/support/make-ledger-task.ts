import type { LedgerTask } from '../../src/orchestrator/ledger/ledger.js';

/** A task as the orchestrator's ledger has it while it runs. */
export function makeLedgerTask(taskId: string, fields: Partial<LedgerTask> = {}): LedgerTask {
  return {
    ref: 1,
    taskId,
    workflowInstanceId: 'w',
    worker: 0,
    responseTimeoutSeconds: 10,
    limitMs: 0,
    deaths: 0,
    reference: 'r',
    retryCount: 0,
    hasOutput: false,
    startedAt: 0,
    runningSince: 0,
    state: 'running',
    progress: undefined,
    ...fields,
  };
}
