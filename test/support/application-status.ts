import { newEndCounts } from '../../src/orchestrator/ledger/tally.js';
import { noDurations } from '../../src/core/meter.js';
import type {
  OrchestratorStatus,
  ProcessStatusView,
  ReplicaStatusView,
  WorkerStatusView,
} from '../../src/orchestrator/status/status.js';

export interface Changes {
  readonly status?: Partial<OrchestratorStatus>;
  readonly replica?: Partial<ReplicaStatusView>;
  readonly process?: Partial<ProcessStatusView>;
  readonly worker?: Partial<WorkerStatusView>;
}

/** An application of one worker that is well, but for this. */
export function application({ status, replica, process, worker }: Changes = {}): OrchestratorStatus {
  const workers: WorkerStatusView[] = [
    {
      key: 'a:A',
      taskType: 'a',
      workerId: 'host-1',
      concurrency: 1,
      pollInterval: 100,
      polls: 10,
      lastPollAt: 1,
      lastPollError: undefined,
      failuresInARow: 0,
      isPaused: false,
      overdueMs: 0,
      received: 0,
      counts: newEndCounts(),
      lostToCrashes: 0,
      leasesLost: 0,
      durations: noDurations(),
      ...worker,
    },
  ];
  const processes: ProcessStatusView[] = [
    {
      pid: 7,
      role: 'current',
      readySince: 1,
      tasks: 0,
      silentMs: 100,
      idleMs: 0,
      isStopped: false,
      cpuPercent: 0,
      residentMb: 60,
      loopDelayMs: 0,
      loopUtilisation: 0,
      outbox: 0,
      ...process,
    },
  ];
  const replicas: ReplicaStatusView[] = [
    {
      replica: 'a:A#1',
      state: 'ready',
      pid: 7,
      readySince: 1,
      blockedTimeout: 60_000,
      workers,
      processes,
      tasks: [],
      leasesLost: 0,
      received: 0,
      counts: newEndCounts(),
      lostToCrashes: 0,
      restarts: 0,
      restartsBy: {},
      deathsInARow: 0,
      lastError: undefined,
      nextStartAt: undefined,
      ...replica,
    },
  ];
  return {
    state: 'running',
    pid: 6,
    serverUrl: 'http://localhost/api',
    healthUrl: undefined,
    loopDelayMs: 0,
    startedAt: 1,
    replicas,
    custody: undefined,
    ...status,
  };
}
