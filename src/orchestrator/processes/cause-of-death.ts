import { programFrames, TuttiError, type ErrorCode } from '../../core/errors.js';
import { oneLine, printableLines } from '../../core/printable.js';
import { EXIT_CODES } from '../../protocol/exit-codes.js';
import type { RestartCause } from '../../protocol/states.js';
import type { ProcessDeath } from '../ledger/process-death.js';

/** What is known of the end of a worker process, before it is said what it died of. */
export interface DeathFacts extends Omit<
  ProcessDeath,
  'cause' | 'what' | 'reason' | 'lastWords' | 'isByTask' | 'isClean'
> {
  /** The system killed it because the memory of its container was used up. */
  readonly isByMemoryKiller: boolean;
  /** Its heap limit, where it was given one. */
  readonly heapMb: number | undefined;
  /** It was asked to leave, and has reported that it is done. */
  readonly hasLeft: boolean;
}

/** What a process died of. */
export function deathOf(facts: DeathFacts): ProcessDeath {
  const { replica, pid, code, tasks, killedFor, hasLeft } = facts;
  const what = whatHappened(facts);
  return {
    ...facts,
    cause: causeOf(facts),
    what,
    reason: `worker process ${replica} (pid ${pid}) ${what}`,
    lastWords: lastWordsOf(facts),
    isByTask: killedFor?.isByTask ?? true,
    isClean: hasLeft && code === EXIT_CODES.clean && tasks.every((task) => task.state === 'stored'),
  };
}

function causeOf({ killedFor, isByMemoryKiller, stderrTail }: DeathFacts): RestartCause {
  if (killedFor?.cause !== undefined) return killedFor.cause;
  return isByMemoryKiller || isHeapExhausted(stderrTail) ? 'memory' : 'crash';
}

function whatHappened(death: DeathFacts): string {
  const what = withoutNativeCall(death);
  return death.nativeCall === undefined ? what : `${what} while calling ${oneLine(death.nativeCall)}`;
}

function withoutNativeCall(death: DeathFacts): string {
  if (death.killedFor !== undefined) return `was killed: ${death.killedFor.text}`;
  if (death.error !== undefined) return `failed: ${printableLines(death.error.message)}`;
  const { code, signal } = death;
  if (isHeapExhausted(death.stderrTail)) {
    const limit = death.heapMb === undefined ? '' : ` (heapLimit ${death.heapMb} MB)`;
    return `died: JavaScript heap out of memory${limit}`;
  }
  if (death.isByMemoryKiller) {
    return "was killed by the system's memory killer (out of memory: the limit of the container is used up)";
  }
  if (signal !== null) return `died of signal ${signal}`;
  const place = death.hasBegunBuilding ? '' : ' before its main file called bootstrap()';
  return `exited with code ${String(code)}${place}`;
}

function isHeapExhausted(stderrTail: string): boolean {
  return /heap out of memory|Reached heap limit/i.test(stderrTail);
}

/** Its last lines on standard error, with the stack of the error that it reported, should that not be among them. */
function lastWordsOf({ error, stderrTail }: DeathFacts): string {
  const stack = printableLines(error?.stack ?? '');
  if (stack === '' || stderrTail.includes(stack.split('\n')[1]?.trim() ?? stack)) return stderrTail;
  return `${stderrTail}\n${stack}`.trimStart();
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
export function deathError(death: ProcessDeath): TuttiError {
  const { pid, cause, reason, code, signal, stderrTail } = death;
  const text = death.error === undefined && stderrTail !== '' ? `${reason}\n${stderrTail}` : reason;
  return new TuttiError(CODES[cause] ?? 'PROCESS_FAILED', text, {
    cause: death.error,
    details: { pid, exitCode: code, signal, stderr: stderrTail, ...startMistakes(death) },
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

function startMistakes(death: ProcessDeath): StartMistakes {
  const { error, killedFor } = death;
  if (error === undefined || killedFor !== undefined) {
    const { what, signal, stderrTail, hasBegunBuilding } = death;
    const isOfMainFile = killedFor === undefined && signal === null && !hasBegunBuilding;
    // All of it is on standard error already.
    const trace = stderrTail.split('\n').slice(-LAST_WORDS).join('\n');
    return { mistakes: [firstLine(what)], trace, isOfMainFile };
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
