import type { OrchestratorMessage } from './messages.js';
import type { ProcessLimits } from './slot-plan.js';

/** What a worker process is started for; travels in its environment. Holds no credentials. */
export interface ProcessMarker {
  /** Name of the slot, e.g. `greet:GreetWorker#1`. */
  readonly slot: string;
  /** Keys of the workers that run in the process. */
  readonly workers: readonly string[];
  /** Files that export those of them that were discovered; nothing else is imported. */
  readonly files: readonly string[];
  readonly serverUrl: string;
  /** Where it puts results that the server refuses; `undefined`: in memory only. */
  readonly outboxFolder: string | undefined;
  /** Where results with idempotency keys are kept, shared by all processes of the application. */
  readonly resultsFolder: string | undefined;
  /** Where it notes the native calls that it is in; `undefined`: nowhere. */
  readonly nativeCallsFile: string | undefined;
  /** Makes the worker ids of this process start unlike those of any other. */
  readonly incarnation: string;
  /** Milliseconds that the process has for its tasks when the orchestrator is gone. */
  readonly orphanGraceMs: number;
}

/** How a process ended, after all that it wrote has been read. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its standard error. */
  readonly stderrTail: string;
}

/** A process that was started; every callback is set once, right after the launch. */
export interface LaunchedProcess {
  readonly pid: number;
  send(message: OrchestratorMessage): void;
  /** Called with what has come in an envelope of ours, not checked yet. */
  onMessage(listener: (received: object) => void): void;
  /** Called once, when nothing more can be read from its channel; with the reason, as a sentence about "it". */
  onUnreadable(listener: (problem: string) => void): void;
  /** Called once, when the process is gone and its messages and standard error are read. */
  onEnd(listener: (end: ProcessEnd) => void): void;
  /** SIGKILL for the process and everything that it started. */
  kill(): void;
}

/** The port to the operating system's processes. */
export abstract class ProcessLauncher {
  /**
   * @param limits - heap and priority of the process
   * @throws when the process cannot be started at all
   */
  abstract launch(marker: ProcessMarker, limits?: ProcessLimits): LaunchedProcess;
}
