import type { RestartCause } from '../../protocol/states.js';

/** What is to be done about a process: end it at once, or let a fresh one take over while its tasks finish. */
export interface Verdict {
  readonly action: 'kill' | 'replace';
  readonly cause: RestartCause;
  /** In words, as it stands behind "was killed: " and "is replaced: ". */
  readonly text: string;
}

/** What is known of a process that is ready. */
export interface WatchFacts {
  readonly idleMs: number;
  readonly isStopped: boolean;
  readonly isDebugged: boolean;
  readonly blockedTimeoutMs: number;
  /** A task that goes on after its limit in a process that does not answer: the one that is furthest beyond it. */
  readonly longest:
    { readonly taskId: string; readonly limitMs: number; readonly beyondMs: number } | undefined;
  /** The worker whose next poll is most overdue. */
  readonly loop: { readonly worker: string; readonly overdueMs: number } | undefined;
  /** Milliseconds since a task was aborted whose code goes on. */
  readonly lingeringMs: number;
  readonly residentMb: number | undefined;
  readonly ageMs: number;
  readonly tasks: number;
  readonly limits: RecycleLimits;
}

export interface RecycleLimits {
  readonly residentMb?: number | undefined;
  readonly recycleAfterTasks?: number | undefined;
  readonly recycleAfterMs?: number | undefined;
}

/** How long after its limit a task that ignores the abort is ended with its process. */
export const LIMIT_GRACE_MS = 10_000;
/** Beyond this multiple of the resident limit nothing is awaited any more. */
const HARD_RESIDENT = 1.5;

/** @returns what is to be done, the most urgent first; `undefined`: nothing */
export function judge(facts: WatchFacts): Verdict | undefined {
  return facts.isDebugged ? undefined : (mustEnd(facts) ?? mayBeReplaced(facts));
}

function mustEnd({
  longest,
  idleMs,
  isStopped,
  blockedTimeoutMs,
  residentMb,
  limits,
}: WatchFacts): Verdict | undefined {
  if (longest !== undefined && longest.beyondMs > LIMIT_GRACE_MS) {
    const { taskId, limitMs } = longest;
    const text = `task ${taskId} ran longer than ${limitMs} ms and did not end when it was told to`;
    return { action: 'kill', cause: 'execution-timeout', text };
  }
  if (idleMs >= blockedTimeoutMs) {
    return isStopped
      ? { action: 'kill', cause: 'stopped', text: `a signal had stopped it for ${blockedTimeoutMs} ms` }
      : {
          action: 'kill',
          cause: 'blocked',
          text: `it hangs: for ${blockedTimeoutMs} ms it neither answered nor used processor time`,
        };
  }
  if (residentMb !== undefined && residentMb > (limits.residentMb ?? Infinity) * HARD_RESIDENT) {
    const text = `its resident memory of ${Math.round(residentMb)} MB is far above its limit of ${limits.residentMb} MB`;
    return { action: 'kill', cause: 'memory', text };
  }
  return undefined;
}

function mayBeReplaced(facts: WatchFacts): Verdict | undefined {
  const { loop, blockedTimeoutMs, lingeringMs, residentMb, ageMs, tasks, limits } = facts;
  const replace = (cause: RestartCause, text: string): Verdict => ({ action: 'replace', cause, text });
  if (loop !== undefined && loop.overdueMs >= blockedTimeoutMs) {
    return replace(
      'not-polling',
      `${loop.worker} has not polled for ${loop.overdueMs} ms longer than it may take`,
    );
  }
  if (lingeringMs >= LIMIT_GRACE_MS) {
    return replace(
      'execution-timeout',
      `the code of a task goes on ${lingeringMs} ms after it was told to end`,
    );
  }
  if (residentMb !== undefined && residentMb > (limits.residentMb ?? Infinity)) {
    return replace(
      'memory',
      `its resident memory of ${Math.round(residentMb)} MB is above ${limits.residentMb} MB`,
    );
  }
  if (tasks >= (limits.recycleAfterTasks ?? Infinity))
    return replace('tasks', `it has executed ${tasks} tasks`);
  if (ageMs >= (limits.recycleAfterMs ?? Infinity)) {
    return replace('age', `it has run for ${Math.round(ageMs / 1_000)} s`);
  }
  return undefined;
}
