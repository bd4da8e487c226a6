import type { OrchestratorState, SlotState } from './states.js';
import type { CustodyStatus } from './task-custodian.js';
import type { EndCounts, LedgerTaskState } from './ledger.js';

/** A task in flight. Times in milliseconds. */
export interface TaskStatusView {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  /** Key of the worker that has it. */
  readonly worker: string;
  readonly state: LedgerTaskState;
  readonly ageMs: number;
  /** What is left of its lease, as far as is known; `undefined` when it has none. */
  readonly leaseLeftMs: number | undefined;
  /** What the task last said by `context.progress()`. */
  readonly progress: string | number | undefined;
}

/** One worker in a process. */
export interface WorkerStatusView {
  /** `<task type>:<class or function name>` */
  readonly key: string;
  readonly taskType: string;
  /** The id under which the server knows it; `undefined` until its process is ready. */
  readonly workerId: string | undefined;
  readonly concurrency: number;
  /** In milliseconds. */
  readonly pollInterval: number;
  readonly polls: number;
  /** Epoch milliseconds of the last poll that was answered; 0 = none yet. Reported every few seconds. */
  readonly lastPollAt: number;
  /** Why the last polls failed; `undefined` when the last one succeeded. */
  readonly lastPollError: string | undefined;
}

/** One slot: a worker process over its restarts. */
export interface SlotStatusView {
  /** `<worker key or group>#<number>` */
  readonly slot: string;
  readonly state: SlotState;
  /** `undefined` while no process is alive. */
  readonly pid: number | undefined;
  /** Epoch milliseconds since when the process is ready. */
  readonly readySince: number | undefined;
  readonly workers: readonly WorkerStatusView[];
  readonly tasks: readonly TaskStatusView[];
  /** How tasks have ended in this slot, over all its processes. */
  readonly counts: Readonly<EndCounts>;
  /** Tasks that were reported as failed because their process died. */
  readonly lostToCrashes: number;
  readonly restarts: number;
  readonly lastError: string | undefined;
  /** Epoch milliseconds of the next start; `undefined` when none is planned. */
  readonly nextStartAt: number | undefined;
}

/** What `orchestrator.status()` returns: plain data, safe to serialise. Fields may be added, not changed. */
export interface OrchestratorStatus {
  readonly state: OrchestratorState;
  readonly pid: number;
  readonly serverUrl: string;
  /** Epoch milliseconds; `undefined` before `start()`. */
  readonly startedAt: number | undefined;
  readonly slots: readonly SlotStatusView[];
  /** What is done so that no task is lost; `undefined` before the connection is open. */
  readonly custody: CustodyStatus | undefined;
}
