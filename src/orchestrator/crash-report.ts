import { TaskResultStatus, type TaskResultBody } from '../conductor/task-result.js';
import { markedReason, poisonVerdict } from '../worker/poison.js';
import type { LedgerTask } from './ledger.js';

/** What is known when a process has died with tasks in it. */
export interface Crash {
  /** What happened, in one sentence. */
  readonly reason: string;
  /** Its last words. */
  readonly stderrTail: string;
  /** Whether the death may be the doing of a task; not so when the orchestrator ended the process for a stop. */
  readonly isByTask: boolean;
  /** Whether the result of a task is in the outbox. */
  readonly isStored: (taskId: string) => boolean;
  /** Ids of the process's workers, by index. */
  readonly workerIds: readonly string[];
}

/**
 * What is to be told of the tasks of a process that died, so that the server need not wait for their leases: FAILED
 * for each task whose code was running or whose result was in its memory only, back to the queue for each that was
 * waiting to begin. Nothing for one whose
 * result is in the outbox; nothing for one that was about to be given back, since the server may have it already (the
 * sweep finds it otherwise).
 */
export function crashResults(tasks: readonly LedgerTask[], crash: Crash): TaskResultBody[] {
  const open = tasks.filter((task) => task.state !== 'stored' && !crash.isStored(task.taskId));
  const running = open.filter((task) => task.state === 'running');
  const waiting = open.filter((task) => task.state === 'waiting');
  const kept = open.filter((task) => task.state === 'kept');
  return [
    ...running.map((task) => failure(task, crash, running.length === 1)),
    ...kept.map((task) =>
      failure(task, { ...crash, reason: `${KEPT}: ${crash.reason}`, isByTask: false }, false),
    ),
    ...waiting.map((task) => ({
      ...ids(task, crash),
      status: TaskResultStatus.IN_PROGRESS,
      callbackAfterSeconds: 0,
      outputData: {},
    })),
  ];
}

const KEPT = 'the task had ended, but its result was in memory only when its process was gone';
/** The server keeps 500 characters of it. */
const MAX_REASON_LENGTH = 1_000;

function failure(task: LedgerTask, crash: Crash, wasAlone: boolean): TaskResultBody {
  const { stderrTail, isByTask } = crash;
  const reason = crash.reason.slice(0, MAX_REASON_LENGTH);
  const verdict = isByTask ? poisonVerdict({ deaths: task.deaths }, wasAlone) : undefined;
  return {
    ...ids(task, crash),
    status:
      verdict?.isTerminal === true ? TaskResultStatus.FAILED_WITH_TERMINAL_ERROR : TaskResultStatus.FAILED,
    reasonForIncompletion: verdict === undefined ? reason : markedReason(reason, verdict),
    outputData: {},
    logs: [
      { log: stderrTail === '' ? reason : `${reason}\nlast lines of its standard error:\n${stderrTail}` },
    ],
  };
}

function ids(
  task: LedgerTask,
  { workerIds }: Crash,
): Pick<TaskResultBody, 'taskId' | 'workflowInstanceId' | 'workerId'> {
  const workerId = workerIds[task.worker];
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    ...(workerId === undefined ? {} : { workerId }),
  };
}
