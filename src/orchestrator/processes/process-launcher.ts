import type { OrchestratorMessage } from '../../protocol/messages.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import type { ProcessEnd } from '../ledger/process-death.js';
import type { ProcessLimits } from './process-plan.js';

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
