import { programFrames, TuttiError, type ErrorCode } from '../../core/errors.js';
import { takeNativeCalls } from '../../protocol/native-call-record.js';
import { oneLine, printableLines } from '../../core/printable.js';
import { EXIT_CODES } from '../../protocol/exit-codes.js';
import type { MemoryKiller } from '../../os/memory-killer.js';
import type { ErrorReport, WorkerIdentity } from '../../protocol/messages.js';
import type { ProcessEnd } from './process-launcher.js';
import type { LedgerTask } from '../ledger/ledger.js';
import type { ProcessPlan } from './process-plan.js';
import type { KillReason, SupervisedProcess } from './supervised-process.js';
import type { RestartCause } from './watchdog.js';

/** What is known of the end of a worker process. */
export interface DeathFacts {
  readonly pid: number;
  readonly end: ProcessEnd;
  /** The error that the process reported before it ended. */
  readonly error: ErrorReport | undefined;
  /** Why the orchestrator killed it, when it did. */
  readonly killedFor: KillReason | undefined;
  /** The function of a native library that it was in, e.g. `libsum.so get_sum`. */
  readonly nativeCall: string | undefined;
  /** The system killed it because the memory of its container was used up. */
  readonly isByMemoryKiller?: boolean;
  /** Its main file has called `bootstrap()`. */
  readonly hasBegunBuilding?: boolean;
  /** Its heap limit, where it was given one. */
  readonly heapMb?: number | undefined;
}

/** The death of a worker process, as everybody hears of it: custody, restarts, status, events. */
export interface ProcessDeath extends DeathFacts {
  /** What happened, in one sentence. */
  readonly reason: string;
  /** What was in flight in it. */
  readonly tasks: readonly LedgerTask[];
  /** How many of them have no result on disk. */
  readonly cutOff: number;
  readonly incarnation: string;
  readonly workers: readonly WorkerIdentity[];
  /** Whether the server may have given it tasks that it has not told of. */
  readonly mayHaveMore: boolean;
  /** It was told to leave, and did so with everything done. */
  readonly isClean: boolean;
}

/** Puts together what is known of the end of a process of a replica, and empties its ledger. */
export function deathOf(
  { name, limits }: ProcessPlan,
  process: SupervisedProcess,
  end: ProcessEnd,
  memoryKiller: MemoryKiller,
): ProcessDeath {
  const { pid, error, killedFor, marker } = process;
  const death: DeathFacts = {
    pid,
    end,
    error,
    killedFor,
    nativeCall: marker.nativeCallsFile === undefined ? undefined : takeNativeCalls(marker.nativeCallsFile),
    isByMemoryKiller:
      killedFor === undefined && end.signal === 'SIGKILL' && memoryKiller.explains(performance.now()),
    hasBegunBuilding: process.hasBegunBuilding,
    heapMb: limits?.heapMb,
  };
  const tasks = process.ledger.settle();
  const cutOff = tasks.filter((task) => task.state !== 'stored').length;
  return {
    ...death,
    reason: describeDeath(name, death),
    tasks,
    cutOff,
    incarnation: marker.incarnation,
    workers: process.identities,
    mayHaveMore: !process.hasSaidStopped || process.hasDroppedPoll,
    isClean: process.isLeaving && process.hasSaidStopped && end.code === EXIT_CODES.clean && cutOff === 0,
  };
}

export function causeOfDeath(death: DeathFacts): RestartCause {
  if (death.killedFor?.cause !== undefined) return death.killedFor.cause;
  return death.isByMemoryKiller === true || isHeapExhausted(death) ? 'memory' : 'crash';
}

/** One sentence for logs, events and the reason of failed tasks: who died of what, and in which native function. */
export function describeDeath(replica: string, death: DeathFacts): string {
  return `worker process ${replica} (pid ${death.pid}) ${whatHappened(death)}`;
}

/** What happened to a process, to follow its name. */
function whatHappened(death: DeathFacts): string {
  const what = withoutNativeCall(death);
  return death.nativeCall === undefined ? what : `${what} while calling ${oneLine(death.nativeCall)}`;
}

function withoutNativeCall(death: DeathFacts): string {
  if (death.killedFor !== undefined) return `was killed: ${death.killedFor.text}`;
  if (death.error !== undefined) return `failed: ${printableLines(death.error.message)}`;
  const { code, signal } = death.end;
  if (isHeapExhausted(death)) {
    const limit = death.heapMb === undefined ? '' : ` (heapLimit ${death.heapMb} MB)`;
    return `died: JavaScript heap out of memory${limit}`;
  }
  if (death.isByMemoryKiller === true) {
    return "was killed by the system's memory killer (out of memory: the limit of the container is used up)";
  }
  if (signal !== null) return `died of signal ${signal}`;
  const place = death.hasBegunBuilding === false ? ' before its main file called bootstrap()' : '';
  return `exited with code ${String(code)}${place}`;
}

function isHeapExhausted({ end }: DeathFacts): boolean {
  return /heap out of memory|Reached heap limit/i.test(end.stderrTail);
}

/** Its last lines on standard error, with the stack of the error that it reported, should that not be among them. */
export function lastWordsOf({ error, end }: Pick<DeathFacts, 'error' | 'end'>): string {
  const stack = printableLines(error?.stack ?? '');
  if (stack === '' || end.stderrTail.includes(stack.split('\n')[1]?.trim() ?? stack)) return end.stderrTail;
  return `${end.stderrTail}\n${stack}`.trimStart();
}

/** Of the causes of a death that have a code of their own. */
const CODES: Partial<Record<RestartCause, ErrorCode>> = {
  'not-ready': 'PROCESS_NOT_READY',
  blocked: 'PROCESS_HUNG',
  stopped: 'PROCESS_HUNG',
  'execution-timeout': 'PROCESS_HUNG',
  memory: 'PROCESS_OUT_OF_MEMORY',
};

/** The error that stands for a death: what the process reported, or its standard error where it could not. */
export function deathError(death: DeathFacts, reason: string): TuttiError {
  const { code, signal, stderrTail } = death.end;
  const text = death.error === undefined && stderrTail !== '' ? `${reason}\n${stderrTail}` : reason;
  return new TuttiError(CODES[causeOfDeath(death)] ?? 'PROCESS_FAILED', text, {
    cause: death.error,
    details: { pid: death.pid, exitCode: code, signal, stderr: stderrTail, ...startMistakes(death) },
  });
}

/** Lines of its standard error that are shown for a process that could not report anything. */
const LAST_WORDS = 5;

/** What kept a process from getting ready, as the error of the start lists it. */
export interface StartMistakes {
  /** One line each, without process ids: processes with the same mistake say the same. */
  readonly mistakes: readonly string[];
  /** Lines of the stack that lie in code of the program; the rest of a message with several lines. */
  readonly trace: string;
  /** The main file itself may have done it, before `bootstrap()`. */
  readonly isOfMainFile: boolean;
}

function startMistakes(death: DeathFacts): StartMistakes {
  const { error, killedFor } = death;
  if (error === undefined || killedFor !== undefined) {
    const { signal, stderrTail } = death.end;
    const isOfMainFile = killedFor === undefined && signal === null && death.hasBegunBuilding === false;
    // All of it is on standard error already.
    const trace = stderrTail.split('\n').slice(-LAST_WORDS).join('\n');
    return { mistakes: [firstLine(whatHappened(death))], trace, isOfMainFile };
  }
  const { problems = [error.message], origin, stack, name, code } = error;
  const kind = code === undefined && origin !== undefined && name !== 'Error' ? `${name}: ` : '';
  const where = origin === 'main file' ? 'the main file failed before bootstrap(): ' : '';
  return {
    mistakes: problems.map((problem) => printableLines(`${where}${kind}${firstLine(problem)}`)),
    trace: [...problems.flatMap((problem) => problem.split('\n').slice(1)), programFrames(stack)]
      .filter((line) => line !== '')
      .map(printableLines)
      .join('\n'),
    isOfMainFile: origin !== undefined,
  };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
