import type { WorkerIdentity } from '../../protocol/messages.js';

/**
 * `waiting` for its turn to begin · `running` · `releasing` back to the server · `stored`: ended, result in the outbox ·
 * `kept`: ended, result in the memory of its process only
 */
export type LedgerTaskState = 'waiting' | 'running' | 'releasing' | 'stored' | 'kept';

/** The process that has a task, as far as those need it who look after tasks. */
export interface TaskProcess {
  readonly pid: number;
  /** The ids under which the server knows its workers, by index. */
  readonly identities: readonly WorkerIdentity[];
  /** Has one of its tasks end; the result is dropped. */
  cancel(task: LedgerTask, reason: string): void;
  /** `true` when the lease of one of its tasks may be extended, otherwise why not. */
  leaseGate(task: LedgerTask): true | string;
  /** The lease of one of its tasks has ended before the task. */
  leaseLapsed(task: LedgerTask): void;
}

/** A task that a worker process has, as far as the orchestrator knows. */
export interface LedgerTask {
  readonly process: TaskProcess;
  readonly ref: number;
  readonly taskId: string;
  readonly workflowInstanceId: string;
  /** Index of the worker in its process. */
  readonly worker: number;
  readonly responseTimeoutSeconds: number;
  /** Longest time that it may run, in milliseconds; 0 = no limit. */
  readonly limitMs: number;
  /** Processes that have died with earlier attempts. */
  readonly deaths: number;
  readonly reference: string;
  readonly retryCount: number;
  /** It came with output of an earlier IN_PROGRESS, which a report must not wipe. */
  readonly hasOutput: boolean;
  /** On the clock of `performance.now()`, which nobody can set. */
  readonly startedAt: number;
  /** The same, of the beginning of its code; `undefined` while it waits for its turn. */
  readonly runningSince: number | undefined;
  readonly state: LedgerTaskState;
  readonly progress: string | number | undefined;
}
