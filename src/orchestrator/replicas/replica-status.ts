import { newEndCounts, type EndCounts, type LedgerTask } from '../ledger/ledger.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import { blockedTimeoutOf, type PlannedWorker, type ProcessPlan } from '../processes/process-plan.js';
import type { SupervisedProcess } from '../processes/supervised-process.js';
import type { ReplicaProcesses } from './replica-processes.js';
import type { ReplicaState } from '../../protocol/states.js';
import type {
  ProcessRole,
  ProcessStatusView,
  ReplicaStatusView,
  TaskStatusView,
  WorkerStatusView,
} from '../status/status.js';
import type { RestartCause } from '../processes/watchdog.js';

/** What a replica counts over all its processes. */
export interface ReplicaRecord {
  readonly counts: EndCounts;
  received: number;
  leasesLost: number;
  lostToCrashes: number;
  readonly restartsBy: Partial<Record<RestartCause, number>>;
  /** In a row. */
  deaths: number;
  lastError: string | undefined;
  /** Epoch milliseconds. */
  nextStartAt: number | undefined;
}

export function newReplicaRecord(): ReplicaRecord {
  return {
    counts: newEndCounts(),
    received: 0,
    leasesLost: 0,
    lostToCrashes: 0,
    restartsBy: {},
    deaths: 0,
    lastError: undefined,
    nextStartAt: undefined,
  };
}

type LeaseLeft = (taskId: string) => number | undefined;

/** What a replica holds, as the plain data of `status()`. */
export function replicaStatus(
  plan: ProcessPlan,
  state: ReplicaState,
  record: ReplicaRecord,
  processes: ReplicaProcesses,
  leaseLeftMs: LeaseLeft,
): ReplicaStatusView {
  const { current, succession, leaving, tunings } = processes;
  const now = performance.now();
  const roles: [SupervisedProcess | undefined, ProcessRole][] = [
    [current, 'current'],
    [succession.process, 'successor'],
    ...[...leaving].map((process): [SupervisedProcess, ProcessRole] => [process, 'leaving']),
  ];
  return {
    replica: plan.name,
    state,
    pid: current?.pid,
    readySince: current?.readyAt,
    blockedTimeout: blockedTimeoutOf(plan),
    workers: plan.workers.map((worker, index) => workerView(worker, index, current, tunings[index] ?? {})),
    processes: roles.flatMap(([process, role]) =>
      process === undefined ? [] : processView(process, role, now),
    ),
    tasks: processes
      .all()
      .flatMap((process) => process.ledger.tasks().map((task) => taskView(task, plan, now, leaseLeftMs))),
    received: record.received,
    leasesLost: record.leasesLost,
    counts: { ...record.counts },
    lostToCrashes: record.lostToCrashes,
    restarts: Object.values(record.restartsBy).reduce((sum, count) => sum + count, 0),
    restartsBy: { ...record.restartsBy },
    deathsInARow: record.deaths,
    lastError: record.lastError,
    nextStartAt: record.nextStartAt,
  };
}

function workerView(
  worker: PlannedWorker,
  index: number,
  process: SupervisedProcess | undefined,
  tuning: WorkerTuning,
): WorkerStatusView {
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
  };
}

function processView(process: SupervisedProcess, role: ProcessRole, now: number): ProcessStatusView {
  const { pid, readyAt, beat, figures, ledger } = process;
  return {
    pid,
    role,
    readySince: readyAt,
    tasks: ledger.size,
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
