import { counted, countedInARow } from '../../core/words.js';
import type { OrchestratorStatus, ProcessStatusView, ReplicaStatusView, WorkerStatusView } from './status.js';

/** Whether something holds, and why not. */
export interface HealthCheck {
  readonly isOk: boolean;
  readonly reasons: readonly string[];
}

export interface HealthReport {
  /** Nothing is stuck: starting the program again would change nothing for the better. */
  readonly live: HealthCheck;
  /** All workers run, and the server answers. */
  readonly ready: HealthCheck;
  /** The start is over. */
  readonly started: HealthCheck;
  /** What is worth knowing, and makes nothing unready. */
  readonly notes: readonly string[];
}

/** A process without any sign of progress for so long is stuck, unless its workers have asked for more time. */
const STUCK_AFTER_MS = 15_000;
const DEFAULT_BLOCKED_TIMEOUT_MS = 60_000;
/** A poll loop whose next turn is overdue by so much is stuck. */
const LOOP_STUCK_AFTER_MS = 5_000;
/** One poll that fails may be chance. */
const UNREACHABLE_AFTER_FAILURES = 3;

/** What the state of an application means to whoever watches over it. */
export function healthReport(status: OrchestratorStatus): HealthReport {
  const { state, replicas } = status;
  const stuck = replicas.flatMap(stuckReasons);
  const live = [...(state === 'failed' ? ['the orchestrator has failed'] : []), ...stuck];
  const ready = [
    ...(state === 'running' ? [] : [`the orchestrator is ${state}`]),
    ...replicas.flatMap(unreadyReasons),
    ...replicas.flatMap((replica) => replica.workers.flatMap(unreachableReasons)),
    ...stuck,
  ];
  const isStarted = state !== 'created' && state !== 'starting';
  return {
    live: check(live),
    ready: check(ready),
    started: check(isStarted ? [] : [`the orchestrator is ${state}`]),
    notes: [...replicas.flatMap(notesOn), ...resultsWait('the orchestrator', status.custody?.outbox ?? 0)],
  };
}

function check(reasons: readonly string[]): HealthCheck {
  return { isOk: reasons.length === 0, reasons };
}

function stuckReasons(replica: ReplicaStatusView): string[] {
  const limitMs =
    replica.blockedTimeout > DEFAULT_BLOCKED_TIMEOUT_MS
      ? replica.blockedTimeout
      : Math.min(STUCK_AFTER_MS, replica.blockedTimeout);
  const isStuck = ({ idleMs }: ProcessStatusView): boolean => idleMs >= limitMs;
  return [
    ...replica.processes.filter(isStuck).map(({ pid, idleMs, isStopped }) => {
      const what = isStopped ? 'was stopped by a signal' : 'neither answers nor computes';
      return `${replica.replica} (pid ${pid}) ${what}, for ${Math.round(idleMs / 1_000)} s`;
    }),
    ...replica.workers
      .filter(({ overdueMs }) => overdueMs >= LOOP_STUCK_AFTER_MS)
      .map(
        ({ key, overdueMs }) =>
          `${replica.replica}: ${key} does not poll, ${Math.round(overdueMs / 1_000)} s overdue`,
      ),
  ];
}

function unreadyReasons({ replica, state, deathsInARow, lastError }: ReplicaStatusView): string[] {
  if (state === 'ready') return [];
  const what = state === 'failed' ? 'is given up' : `is ${state}`;
  const deaths = deathsInARow === 0 ? '' : ` after ${countedInARow(deathsInARow, 'death')}`;
  return [`${replica} ${what}${deaths}${lastError === undefined ? '' : `: ${lastError}`}`];
}

function unreachableReasons({ key, failuresInARow, lastPollError }: WorkerStatusView): string[] {
  if (failuresInARow < UNREACHABLE_AFTER_FAILURES) return [];
  return [
    `${key}: the server does not answer (${countedInARow(failuresInARow, 'poll')}): ${lastPollError ?? 'unknown'}`,
  ];
}

function notesOn({
  replica,
  state,
  processes,
  workers,
  deathsInARow,
  lastError,
}: ReplicaStatusView): string[] {
  const breaker = `${replica} runs again after ${countedInARow(deathsInARow, 'death')}: ${lastError ?? 'unknown'}`;
  return [
    ...(state === 'ready' && deathsInARow > 0 ? [breaker] : []),
    ...processes.flatMap(({ pid, outbox }) => resultsWait(`${replica} (pid ${pid})`, outbox)),
    ...workers.flatMap(({ key, isPaused }) => (isPaused ? [`${key} is paused`] : [])),
  ];
}

function resultsWait(where: string, results: number): string[] {
  return results === 0 ? [] : [`${where}: ${counted(results, 'result')} not taken by the server yet`];
}
