import type { Task } from '../../conductor/wire/types.js';

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

/** What is known of a death, apart from the tasks that were running. */
export interface DeathCircumstances {
  /** No other task was running in the process. */
  readonly wasAlone: boolean;
  /** Another task of the same type is known to kill, see {@link KnownKillers}. */
  readonly hasOtherKiller: boolean;
}

/** After so many deaths, the last one alone, a task is failed for good. */
export const MAX_DEATHS = 3;
/** The same, once another task of its type is known to kill: then chance explains the deaths no longer. */
export const MAX_DEATHS_BESIDE_KILLER = 2;

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
 *
 * With k tasks that kill, at most 3 + 2(k − 1) processes die. Each of them is the cause of one death as long as it is
 * unknown, and of one more when it runs alone; a third is allowed while no other task is known to kill, and that is the
 * case for one task only.
 */
export function poisonVerdict(before: PoisonRecord, circumstances: DeathCircumstances): PoisonVerdict {
  const { wasAlone, hasOtherKiller } = circumstances;
  const deaths = before.deaths + 1;
  const maxDeaths = hasOtherKiller ? MAX_DEATHS_BESIDE_KILLER : MAX_DEATHS;
  return { deaths, isTerminal: wasAlone && deaths >= maxDeaths };
}

/** A task over all its attempts. */
type TaskOverAttempts = Pick<Task, 'workflowInstanceId'> & { readonly reference: string };

/**
 * Tasks that were under suspicion already when their process died with nothing else in it: with two deaths, the last one
 * alone, a task is known to kill, although it may have one more try.
 */
export class KnownKillers {
  /** Two of each task type are enough to know of every task whether there is another. */
  readonly #byType = new Map<string, Set<string>>();

  add(taskType: string, task: TaskOverAttempts): void {
    const known = this.#byType.get(taskType) ?? new Set();
    this.#byType.set(taskType, known);
    if (known.size < 2) known.add(nameOf(task));
  }

  /** Whether another task of this type is known to kill. */
  hasOther(taskType: string, task: TaskOverAttempts): boolean {
    const known = this.#byType.get(taskType);
    return known !== undefined && known.size > (known.has(nameOf(task)) ? 1 : 0);
  }
}

function nameOf({ workflowInstanceId, reference }: TaskOverAttempts): string {
  return `${workflowInstanceId} ${reference}`;
}
