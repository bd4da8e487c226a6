import { counted, countedInARow } from '../core/words.js';
import type { OrchestratorStatus, ProcessStatusView, SlotStatusView, WorkerStatusView } from './status.js';

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
  const { state, slots } = status;
  const stuck = slots.flatMap(stuckReasons);
  const live = [...(state === 'failed' ? ['the orchestrator has failed'] : []), ...stuck];
  const ready = [
    ...(state === 'running' ? [] : [`the orchestrator is ${state}`]),
    ...slots.flatMap(unreadyReasons),
    ...slots.flatMap((slot) => slot.workers.flatMap(unreachableReasons)),
    ...stuck,
  ];
  const isStarted = state !== 'created' && state !== 'starting';
  return {
    live: check(live),
    ready: check(ready),
    started: check(isStarted ? [] : [`the orchestrator is ${state}`]),
    notes: [...slots.flatMap(notesOn), ...resultsWait('the orchestrator', status.custody?.outbox ?? 0)],
  };
}

function check(reasons: readonly string[]): HealthCheck {
  return { isOk: reasons.length === 0, reasons };
}

function stuckReasons(slot: SlotStatusView): string[] {
  const limitMs =
    slot.blockedTimeout > DEFAULT_BLOCKED_TIMEOUT_MS
      ? slot.blockedTimeout
      : Math.min(STUCK_AFTER_MS, slot.blockedTimeout);
  const isStuck = ({ idleMs }: ProcessStatusView): boolean => idleMs >= limitMs;
  return [
    ...slot.processes.filter(isStuck).map(({ pid, idleMs, isStopped }) => {
      const what = isStopped ? 'was stopped by a signal' : 'neither answers nor computes';
      return `${slot.slot} (pid ${pid}) ${what}, for ${Math.round(idleMs / 1_000)} s`;
    }),
    ...slot.workers
      .filter(({ overdueMs }) => overdueMs >= LOOP_STUCK_AFTER_MS)
      .map(
        ({ key, overdueMs }) =>
          `${slot.slot}: ${key} does not poll, ${Math.round(overdueMs / 1_000)} s overdue`,
      ),
  ];
}

function unreadyReasons({ slot, state, deathsInARow, lastError }: SlotStatusView): string[] {
  if (state === 'ready') return [];
  const what = state === 'failed' ? 'is given up' : `is ${state}`;
  const deaths = deathsInARow === 0 ? '' : ` after ${countedInARow(deathsInARow, 'death')}`;
  return [`${slot} ${what}${deaths}${lastError === undefined ? '' : `: ${lastError}`}`];
}

function unreachableReasons({ key, failuresInARow, lastPollError }: WorkerStatusView): string[] {
  if (failuresInARow < UNREACHABLE_AFTER_FAILURES) return [];
  return [
    `${key}: the server does not answer (${countedInARow(failuresInARow, 'poll')}): ${lastPollError ?? 'unknown'}`,
  ];
}

function notesOn({ slot, state, processes, workers, deathsInARow, lastError }: SlotStatusView): string[] {
  const breaker = `${slot} runs again after ${countedInARow(deathsInARow, 'death')}: ${lastError ?? 'unknown'}`;
  return [
    ...(state === 'ready' && deathsInARow > 0 ? [breaker] : []),
    ...processes.flatMap(({ pid, outbox }) => resultsWait(`${slot} (pid ${pid})`, outbox)),
    ...workers.flatMap(({ key, isPaused }) => (isPaused ? [`${key} is paused`] : [])),
  ];
}

function resultsWait(where: string, results: number): string[] {
  return results === 0 ? [] : [`${where}: ${counted(results, 'result')} not taken by the server yet`];
}
