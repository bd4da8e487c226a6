import type { ErrorReport, WorkerIdentity } from '../../protocol/messages.js';
import type { RestartCause } from '../../protocol/states.js';
import type { LedgerTask } from './ledger-task.js';

/** How a process ended, after everything that it wrote has been read. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its standard error. */
  readonly stderrTail: string;
}

/** Why the orchestrator has killed a process. */
export interface KillReason {
  readonly text: string;
  readonly cause?: RestartCause;
  /** A task may be to blame (it hung); not so when the application stops. */
  readonly isByTask: boolean;
}

/** The death of a worker process: the one value that custody, restarts, `status()`, the log and events are made from. */
export interface ProcessDeath extends ProcessEnd {
  readonly replica: string;
  readonly pid: number;
  readonly incarnation: string;
  readonly workers: readonly WorkerIdentity[];
  /** How long it had been ready, in milliseconds; 0 when it never was. */
  readonly livedMs: number;
  readonly cause: RestartCause;
  /** What happened, to follow the name of the process: `died of signal SIGSEGV`. */
  readonly what: string;
  /** The same in one sentence, with the name. */
  readonly reason: string;
  /** Its last lines on standard error, with the stack of the error that it reported. */
  readonly lastWords: string;
  /** The error that the process reported before it ended. */
  readonly error: ErrorReport | undefined;
  /** Why the orchestrator killed it, when it did. */
  readonly killedFor: KillReason | undefined;
  /** Whether it may be the doing of a task; not so when the orchestrator ended the process for a stop. */
  readonly isByTask: boolean;
  /** The function of a native library that it was in, e.g. `libsum.so get_sum`. */
  readonly nativeCall: string | undefined;
  /** The main file of the process had called `bootstrap()`. */
  readonly hasBegunBuilding: boolean;
  /** What was in flight in it. */
  readonly tasks: readonly LedgerTask[];
  /** Whether the server may have given it tasks that it has not reported. */
  readonly mayHaveMore: boolean;
  /** It was asked to leave, and did so with everything done. */
  readonly isClean: boolean;
}
