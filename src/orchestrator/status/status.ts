import type { OrchestratorState, ReplicaState, RestartCause } from '../../protocol/states.js';
import type { CustodyStatus } from '../custody/task-custodian.js';
import type { Durations } from '../../core/meter.js';
import type { LedgerTaskState } from '../ledger/ledger-task.js';
import type { EndCounts } from '../ledger/tally.js';

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
  /** Polls that have failed since the last one that succeeded. */
  readonly failuresInARow: number;
  /** Told to pause, or pausing by itself: nothing is polled. */
  readonly isPaused: boolean;
  /** Milliseconds by which the next turn of its poll loop is overdue, while its event loop answers. */
  readonly overdueMs: number;
  /** Tasks that have come to this worker, over all processes of the replica; so are the next four. */
  readonly received: number;
  /** How tasks have ended. */
  readonly counts: Readonly<EndCounts>;
  /** Tasks that were reported as failed because their process died. */
  readonly lostToCrashes: number;
  /** Leases that ended before their tasks. */
  readonly leasesLost: number;
  /** How long the code of tasks ran, whatever came of it. Reported every few seconds. */
  readonly durations: Durations;
}

/** `current` polls; `successor` is on its way to take over; `leaving` finishes its tasks. */
export type ProcessRole = 'current' | 'successor' | 'leaving';

/** One process of a replica. Figures are `undefined` where they are not known (yet). */
export interface ProcessStatusView {
  readonly pid: number;
  readonly role: ProcessRole;
  /** Epoch milliseconds; `undefined` until it is ready. */
  readonly readySince: number | undefined;
  /** How many tasks are in it. */
  readonly tasks: number;
  /** Milliseconds since its event loop last answered; it does so every 2 seconds. */
  readonly silentMs: number;
  /** Milliseconds without any sign of progress: no answer, no processor time, no program that it waits for. */
  readonly idleMs: number;
  /** A signal has stopped it. */
  readonly isStopped: boolean;
  /** Processor time over the last seconds; 100 is one processor. */
  readonly cpuPercent: number | undefined;
  readonly residentMb: number | undefined;
  /** By how much a timer of its event loop was late. */
  readonly loopDelayMs: number | undefined;
  /** Share of the time in which its event loop was busy, 0 to 1. */
  readonly loopUtilisation: number | undefined;
  /** Results in it that wait for the server. */
  readonly outbox: number;
}

/** One replica: a worker process over its restarts. */
export interface ReplicaStatusView {
  /** `<worker key or group>#<number>` */
  readonly replica: string;
  readonly state: ReplicaState;
  /** `undefined` while no process is alive. */
  readonly pid: number | undefined;
  /** Epoch milliseconds since when the process is ready. */
  readonly readySince: number | undefined;
  /** Milliseconds without any sign of progress after which it is killed. */
  readonly blockedTimeout: number;
  readonly workers: readonly WorkerStatusView[];
  /** All its processes that are alive; more than one while it is replaced. */
  readonly processes: readonly ProcessStatusView[];
  readonly tasks: readonly TaskStatusView[];
  /** Leases that ended before their tasks: the server may have given these to somebody else. */
  readonly leasesLost: number;
  /** Tasks that have come to this replica, over all its processes. */
  readonly received: number;
  /** How tasks have ended in this replica, over all its processes. */
  readonly counts: Readonly<EndCounts>;
  /** Tasks that were reported as failed because their process died. */
  readonly lostToCrashes: number;
  readonly restarts: number;
  /** The same by their causes, replacements included. */
  readonly restartsBy: Readonly<Partial<Record<RestartCause, number>>>;
  /** Deaths since it was last healthy; with `restart.maxDeaths` of them it is given up. */
  readonly deathsInARow: number;
  readonly lastError: string | undefined;
  /** Epoch milliseconds of the next start; `undefined` when none is planned. */
  readonly nextStartAt: number | undefined;
}

/** What `orchestrator.status()` returns: plain data, safe to serialise. Fields may be added, not changed. */
export interface OrchestratorStatus {
  readonly state: OrchestratorState;
  readonly pid: number;
  readonly serverUrl: string;
  /** Address of the health server; `undefined` where there is none. */
  readonly healthUrl: string | undefined;
  /** By how much a timer of the orchestrator's own event loop was late, in milliseconds. */
  readonly loopDelayMs: number;
  /** Epoch milliseconds; `undefined` before `start()`. */
  readonly startedAt: number | undefined;
  readonly replicas: readonly ReplicaStatusView[];
  /** What is done so that no task is lost; `undefined` before the connection is open. */
  readonly custody: CustodyStatus | undefined;
}
