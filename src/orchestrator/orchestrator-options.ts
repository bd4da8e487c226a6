import type { TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ConductorClients } from '../conductor/conductor-clients.js';
import type { TaskClient } from '../conductor/task-client.js';
import type { OrphanGuard } from './orphan-guard.js';
import type { ProcessLauncher } from './process-launcher.js';
import type { RestartOptions } from './restart-policy.js';
import type { RunDirectory } from './run-directory.js';
import type { SlotPlan } from './slot.js';
import type { OrchestratorState } from './states.js';
import type { OrchestratorStatus, SlotStatusView } from './status.js';

/** The server that the workers poll, and how the orchestrator talks to it. */
export interface ServerConnection {
  readonly url: string;
  readonly client: TaskClient;
  /** Where results are kept that the server refuses; `undefined` when nothing can be written. */
  readonly directory: RunDirectory | undefined;
  /** Takes the credentials out of a text that comes from elsewhere. */
  readonly redact?: (text: string) => string;
  /** The clients for programs, with the credentials of the workers; made at the first call, closed with the rest. */
  clients(): Promise<ConductorClients>;
  close(): Promise<void>;
}

export interface OrchestratorOptions {
  readonly slots: readonly SlotPlan[];
  readonly launcher: ProcessLauncher;
  readonly guard: OrphanGuard;
  /** Opens the connection; called by `start()`. */
  readonly connect: () => Promise<ServerConnection>;
  readonly logger: Logger;
  readonly restart: Required<RestartOptions>;
  readonly onStartupFailure: 'stop' | 'continue';
  readonly handlesSignals: boolean;
  readonly readyTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly orphanGraceMs: number;
  /** Called once when the start is over and at least one process is ready. */
  readonly onStarted?: (status: OrchestratorStatus) => void;
}

/** Events of an `Orchestrator`. The views are as in `status()`. */
export interface OrchestratorEvents {
  state: [state: OrchestratorState];
  /** A worker process is ready. */
  ready: [slot: SlotStatusView];
  /** A worker process is gone. `failedTasks` were in flight and are reported as failed. */
  exit: [exit: ProcessExit];
  /** A worker process will be started again. */
  restart: [restart: { slot: string; delayMs: number; deaths: number }];
  /** A worker process is not started any more. */
  givenUp: [givenUp: { slot: string; error: TuttiError }];
}

/** The end of a worker process. */
export interface ProcessExit {
  readonly slot: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  /** One sentence. */
  readonly reason: string;
  readonly failedTasks: number;
}
