import type { LedgerTask } from '../ledger/ledger-task.js';
import { sumOf, type Tally } from '../ledger/tally.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import { blockedTimeoutOf, type PlannedWorker, type ProcessPlan } from '../processes/process-plan.js';
import type { SupervisedProcess } from '../processes/supervised-process.js';
import type { ReplicaProcesses } from './replica-processes.js';
import type { ReplicaState, RestartCause } from '../../protocol/states.js';
import type {
  ProcessRole,
  ProcessStatusView,
  ReplicaStatusView,
  TaskStatusView,
  WorkerStatusView,
} from '../status/status.js';

/** What a replica remembers of its processes. */
export interface ReplicaRecord {
  readonly restartsBy: Partial<Record<RestartCause, number>>;
  /** In a row. */
  deaths: number;
  lastError: string | undefined;
  /** Epoch milliseconds. */
  nextStartAt: number | undefined;
}

export function newReplicaRecord(): ReplicaRecord {
  return {
    restartsBy: {},
    deaths: 0,
    lastError: undefined,
    nextStartAt: undefined,
  };
}

type LeaseLeft = (taskId: string) => number | undefined;

/** A replica, as far as it is shown. */
export interface ShownReplica {
  readonly plan: ProcessPlan;
  readonly state: ReplicaState;
  readonly record: Readonly<ReplicaRecord>;
  readonly processes: ReplicaProcesses;
  /** What the ledger has counted for each worker of the plan. */
  readonly tallies: readonly Tally[];
}

/** What a replica holds, as the plain data of `status()`. */
export function replicaStatus(replica: ShownReplica, leaseLeftMs: LeaseLeft): ReplicaStatusView {
  const { plan, state, record, processes, tallies } = replica;
  const { current } = processes;
  const { received, leasesLost, counts, lostToCrashes } = sumOf(tallies);
  const now = performance.now();
  return {
    replica: plan.name,
    state,
    pid: current?.pid,
    readySince: current?.readyAt,
    blockedTimeout: blockedTimeoutOf(plan),
    workers: plan.workers.map((worker, index) =>
      workerView(worker, tallies[index]!, current, processes.tuningOf(worker.key)),
    ),
    processes: processes.all().map((process) => processView(process, processes.roleOf(process), now)),
    tasks: processes
      .all()
      .flatMap((process) =>
        process.account.tasks().map((task) => taskView(task, process.plan, now, leaseLeftMs)),
      ),
    received,
    leasesLost,
    counts,
    lostToCrashes,
    restarts: Object.values(record.restartsBy).reduce((sum, count) => sum + count, 0),
    restartsBy: { ...record.restartsBy },
    deathsInARow: record.deaths,
    lastError: record.lastError,
    nextStartAt: record.nextStartAt,
  };
}

function workerView(
  worker: PlannedWorker,
  tally: Tally,
  process: SupervisedProcess | undefined,
  tuning: WorkerTuning,
): WorkerStatusView {
  // A process that was started before the plan was changed has other workers.
  const index = process?.plan.workers.findIndex((one) => one.key === worker.key) ?? -1;
  const ready = process?.workers[index];
  const loop = process?.beat?.loops[index];
  return {
    key: worker.key,
    taskType: worker.taskType,
    workerId: ready?.workerId,
    concurrency: tuning.concurrency ?? worker.concurrency,
    pollInterval: tuning.pollInterval ?? ready?.pollInterval ?? worker.pollInterval,
    isPaused: tuning.isPaused ?? loop?.isPaused ?? worker.startsPaused ?? false,
    polls: loop?.polls ?? 0,
    lastPollAt: loop?.lastPollAt ?? 0,
    lastPollError: loop?.lastPollError,
    failuresInARow: loop?.failuresInARow ?? 0,
    overdueMs: loop?.overdueMs ?? 0,
    ...tally.counts,
    durations: tally.durations,
  };
}

function processView(process: SupervisedProcess, role: ProcessRole, now: number): ProcessStatusView {
  const { pid, readyAt, beat, figures, account } = process;
  return {
    pid,
    role,
    readySince: readyAt,
    tasks: account.size,
    silentMs: Math.round(process.silentMs(now)),
    idleMs: Math.round(process.idleMs),
    isStopped: process.isStopped,
    cpuPercent: figures.cpuPercent,
    residentMb: figures.residentMb,
    loopDelayMs: beat?.loopDelayMs,
    loopUtilisation: beat?.loopUtilisation,
    outbox: beat?.outbox ?? 0,
  };
}

function taskView(task: LedgerTask, plan: ProcessPlan, now: number, leaseLeftMs: LeaseLeft): TaskStatusView {
  const leaseLeft = leaseLeftMs(task.taskId);
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    worker: plan.workers[task.worker]?.key ?? plan.name,
    state: task.state,
    ageMs: Math.round(now - task.startedAt),
    leaseLeftMs: leaseLeft === undefined ? undefined : Math.round(leaseLeft),
    progress: task.progress,
  };
}
