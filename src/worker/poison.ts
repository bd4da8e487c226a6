import type { Task } from '../conductor/types.js';

/**
 * A task whose code was running when its process died carries the count of such deaths in `reasonForIncompletion`,
 * which the server hands on to the next attempt: so it survives processes, hosts and restarts without any store.
 */

/** What is known of earlier deaths of a task. */
export interface PoisonRecord {
  /** Processes that died while this task was running in them. */
  readonly deaths: number;
}

export interface PoisonVerdict {
  readonly deaths: number;
  /** The task must not be tried again. */
  readonly isTerminal: boolean;
}

/** After so many deaths, the last one alone, a task is failed for good. */
export const MAX_DEATHS = 3;

const MARKER = /^\[process died (\d{1,4}) times? with this task\] /;

/** The record that an earlier attempt left in its reason; no deaths where there is none. */
export function poisonRecord(reasonForIncompletion: string | undefined): PoisonRecord {
  const deaths = MARKER.exec(reasonForIncompletion ?? '')?.[1];
  return { deaths: deaths === undefined ? 0 : Number(deaths) };
}

/** A reason with the record in front, where the server's limit of 500 characters does not cut it off. */
export function markedReason(reason: string, { deaths }: PoisonRecord): string {
  return `[process died ${deaths} time${deaths === 1 ? '' : 's'} with this task] ${reason}`;
}

/**
 * The reason to send with an IN_PROGRESS: the server puts it in the place of the one that the attempt came with, and the
 * record must not be lost by that.
 */
export function reasonInProgress(
  attempt: Pick<Task, 'reasonForIncompletion'>,
  reason?: string,
): string | undefined {
  const record = poisonRecord(attempt.reasonForIncompletion);
  if (record.deaths === 0) return reason;
  return reason === undefined ? attempt.reasonForIncompletion : markedReason(reason, record);
}

/**
 * What a death means for one of the tasks that were running. A task that was not alone may be innocent: it is only
 * suspected, and its next attempt runs alone. Only a death alone can be the last.
 */
export function poisonVerdict(
  before: PoisonRecord,
  wasAlone: boolean,
  maxDeaths: number = MAX_DEATHS,
): PoisonVerdict {
  const deaths = before.deaths + 1;
  return { deaths, isTerminal: wasAlone && deaths >= maxDeaths };
}
