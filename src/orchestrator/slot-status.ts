import { newEndCounts, type EndCounts, type LedgerTask } from './ledger.js';
import type { WorkerTuning } from './messages.js';
import { blockedTimeoutOf, type PlannedWorker, type SlotPlan } from './slot-plan.js';
import type { SlotProcess } from './slot-process.js';
import type { SlotProcesses } from './slot-processes.js';
import type { SlotState } from './states.js';
import type {
  ProcessRole,
  ProcessStatusView,
  SlotStatusView,
  TaskStatusView,
  WorkerStatusView,
} from './status.js';
import type { RestartCause } from './watchdog.js';

/** What a slot counts over all its processes. */
export interface SlotRecord {
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

export function newSlotRecord(): SlotRecord {
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

/** What a slot holds, as the plain data of `status()`. */
export function slotStatus(
  plan: SlotPlan,
  state: SlotState,
  record: SlotRecord,
  processes: SlotProcesses,
  leaseLeftMs: LeaseLeft,
): SlotStatusView {
  const { current, succession, leaving, tunings } = processes;
  const now = performance.now();
  const roles: [SlotProcess | undefined, ProcessRole][] = [
    [current, 'current'],
    [succession.process, 'successor'],
    ...[...leaving].map((process): [SlotProcess, ProcessRole] => [process, 'leaving']),
  ];
  return {
    slot: plan.name,
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
  process: SlotProcess | undefined,
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

function processView(process: SlotProcess, role: ProcessRole, now: number): ProcessStatusView {
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

function taskView(task: LedgerTask, plan: SlotPlan, now: number, leaseLeftMs: LeaseLeft): TaskStatusView {
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
