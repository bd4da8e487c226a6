import { TaskResultStatus, type TaskResultBody } from '../../conductor/wire/task-result.js';
import {
  KnownKillers,
  markedReason,
  poisonVerdict,
  type PoisonRecord,
} from '../../worker/execution/poison.js';
import type { LedgerTask } from '../ledger/ledger-task.js';
import type { ProcessDeath } from '../ledger/process-death.js';

/** What custody knows beside a death. */
export interface CrashKnowledge {
  /** Whether the result of a task is in the outbox. */
  readonly isStored: (taskId: string) => boolean;
  /** Tasks that are known to kill by earlier deaths. */
  readonly killers: KnownKillers;
}

/**
 * What is reported of the tasks of a process that died, so that the server need not wait for their leases: FAILED for
 * each task whose code was running or whose result was in its memory only. Nothing for one whose result is in the
 * outbox, and nothing for one that had not begun or was about to be given back: the server has its output and the count
 * of its deaths, so that it is given back as the server has it.
 */
export function crashResults(death: ProcessDeath, knowledge: CrashKnowledge): TaskResultBody[] {
  const open = death.tasks.filter((task) => task.state !== 'stored' && !knowledge.isStored(task.taskId));
  const running = open.filter((task) => task.state === 'running');
  const kept = open.filter((task) => task.state === 'kept');
  return [
    ...running.map((task) => reportOfRunning(task, running.length === 1, death, knowledge)),
    ...kept.map((task) => failure(task, death, `${KEPT}: ${death.reason}`)),
  ];
}

/**
 * The task that a death is put down to, if there is one: it was under suspicion from an earlier death, and nothing else
 * was running.
 */
export function knownSuspect(tasks: readonly LedgerTask[]): LedgerTask | undefined {
  const [first, ...others] = tasks.filter((task) => task.state === 'running');
  return first !== undefined && others.length === 0 && first.deaths > 0 ? first : undefined;
}

const KEPT = 'the task had ended, but its result was in memory only when its process was gone';
/** The server keeps 500 characters of it. */
const MAX_REASON_LENGTH = 1_000;

function reportOfRunning(
  task: LedgerTask,
  wasAlone: boolean,
  death: ProcessDeath,
  { killers }: CrashKnowledge,
): TaskResultBody {
  const { isByTask, workers } = death;
  const taskType = workers[task.worker]?.taskType ?? '';
  const before: PoisonRecord = { deaths: task.deaths };
  const verdict = isByTask
    ? poisonVerdict(before, { wasAlone, hasOtherKiller: killers.hasOther(taskType, task) })
    : undefined;
  // A death that is nobody's doing changes nothing about what is known of the task.
  const record = verdict ?? before;
  return {
    ...failure(task, death, death.reason, record.deaths > 0 ? record : undefined),
    ...(verdict?.isTerminal === true ? { status: TaskResultStatus.FAILED_WITH_TERMINAL_ERROR } : {}),
  };
}

function failure(task: LedgerTask, death: ProcessDeath, what: string, record?: PoisonRecord): TaskResultBody {
  const { lastWords, workers } = death;
  const reason = what.slice(0, MAX_REASON_LENGTH);
  const workerId = workers[task.worker]?.workerId;
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    ...(workerId === undefined ? {} : { workerId }),
    status: TaskResultStatus.FAILED,
    reasonForIncompletion: record === undefined ? reason : markedReason(reason, record),
    outputData: {},
    logs: [{ log: lastWords === '' ? reason : `${reason}\nlast lines of its standard error:\n${lastWords}` }],
  };
}
