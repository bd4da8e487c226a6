import { TuttiError } from '../core/errors.js';
import type { ErrorReport } from './messages.js';
import type { ProcessEnd } from './process-launcher.js';
import type { KillReason } from './slot-process.js';

/** What is known of the end of a worker process. */
export interface ProcessDeath {
  readonly pid: number;
  readonly end: ProcessEnd;
  /** The error that the process reported before it ended. */
  readonly error: ErrorReport | undefined;
  /** Why the orchestrator killed it, when it did. */
  readonly killedFor: KillReason | undefined;
  /** The function of a native library that it was in, e.g. `libsum.so get_sum`. */
  readonly nativeCall: string | undefined;
}

/** One sentence for logs, events and the reason of failed tasks: who died of what, and in which native function. */
export function describeDeath(slot: string, death: ProcessDeath): string {
  const sentence = whoDiedOfWhat(slot, death);
  return death.nativeCall === undefined ? sentence : `${sentence} while calling ${death.nativeCall}`;
}

function whoDiedOfWhat(slot: string, death: ProcessDeath): string {
  const who = `worker process ${slot} (pid ${death.pid})`;
  if (death.killedFor !== undefined) return `${who} was killed: ${death.killedFor.text}`;
  if (death.error !== undefined) return `${who} failed: ${death.error.message}`;
  const { code, signal, stderrTail } = death.end;
  if (/heap out of memory|Reached heap limit/i.test(stderrTail))
    return `${who} died: JavaScript heap out of memory`;
  if (signal !== null) return `${who} died of signal ${signal}`;
  return `${who} exited with code ${String(code)}`;
}

/** The error that stands for a death: what the process reported, or its standard error where it could not. */
export function deathError(death: ProcessDeath, reason: string): TuttiError {
  const { code, signal, stderrTail } = death.end;
  const text = death.error === undefined && stderrTail !== '' ? `${reason}\n${stderrTail}` : reason;
  return new TuttiError(death.killedFor === undefined ? 'PROCESS_FAILED' : 'PROCESS_NOT_READY', text, {
    cause: death.error,
    details: { pid: death.pid, exitCode: code, signal, stderr: stderrTail },
  });
}
