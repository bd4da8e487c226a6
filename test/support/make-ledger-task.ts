import type { LedgerTask, TaskProcess } from '../../src/orchestrator/ledger/ledger-task.js';

/** A process as custody sees it: nothing keeps its leases from being extended. */
export function makeTaskProcess(fields: Partial<TaskProcess> = {}): TaskProcess {
  return {
    pid: 1,
    identities: [],
    cancel: () => undefined,
    leaseGate: () => true,
    leaseLapsed: () => undefined,
    ...fields,
  };
}

/** A task as the orchestrator's ledger has it while it runs. */
export function makeLedgerTask(taskId: string, fields: Partial<LedgerTask> = {}): LedgerTask {
  return {
    process: makeTaskProcess(),
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
