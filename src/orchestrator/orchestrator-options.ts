import type { TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ConductorClients } from '../conductor/clients/conductor-clients.js';
import type { TaskClient } from '../conductor/clients/task-client.js';
import type { HealthOptions } from './control/health-server.js';
import type { OrphanGuard } from './processes/orphan-guard.js';
import type { ProcessLauncher } from './processes/process-launcher.js';
import type { RestartOptions } from './replicas/restart-policy.js';
import type { RunDirectory } from './custody/run-directory.js';
import type { ProcessInspector } from '../os/process-inspector.js';
import type { Replacement } from './replicas/reconciliation.js';
import type { ProcessPlan } from './processes/process-plan.js';
import type { OrchestratorState, RestartCause } from '../protocol/states.js';
import type { OrchestratorStatus, ReplicaStatusView } from './status/status.js';

/** The server that the workers poll, and how the orchestrator talks to it. */
export interface ServerConnection {
  readonly url: string;
  readonly client: TaskClient;
  /** Where results are kept that the server refuses; `undefined` when nothing can be written. */
  readonly directory: RunDirectory | undefined;
  /** Takes the credentials out of a text that comes from elsewhere. */
  readonly redact?: (text: string) => string;
  /** The clients for programs, with the credentials of the workers; made at the first call. */
  clients(): Promise<ConductorClients>;
  /** Ends the waits of the clients for programs, and closes them. A program that still waits may end by that. */
  closeClients?(): Promise<void>;
  /** Closes everything else. */
  close(): Promise<void>;
}

export interface OrchestratorOptions {
  readonly replicas: readonly ProcessPlan[];
  readonly launcher: ProcessLauncher;
  readonly guard: OrphanGuard;
  /** Opens the connection; called by `start()`. */
  readonly connect: () => Promise<ServerConnection>;
  readonly logger: Logger;
  readonly restart: Required<RestartOptions>;
  readonly onStartupFailure: 'stop' | 'continue';
  readonly handlesSignals: boolean;
  /**
   * `false`: worker processes and servers alone keep the process alive no longer than somebody waits for the orchestrator.
   * When there is nothing else to do, everything is stopped: for test runners. @defaultValue true
   */
  readonly keepsProcessAlive?: boolean;
  readonly readyTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly orphanGraceMs: number;
  /** Where health is served; absent: nowhere. */
  readonly health?: HealthOptions | undefined;
  /** A task without a limit that runs for so long is warned about, in milliseconds. */
  readonly longTaskWarningMs?: number;
  /** @defaultValue /proc */
  readonly inspector?: ProcessInspector;
  /** Called once when the start is over and at least one process is ready. */
  readonly onStarted?: (status: OrchestratorStatus) => void;
}

/** Events of an `Orchestrator`. The views are as in `status()`. */
export interface OrchestratorEvents {
  state: [state: OrchestratorState];
  /** A worker process is ready. */
  ready: [replica: ReplicaStatusView];
  /** A worker process is gone. `failedTasks` were in flight and are reported as failed. */
  exit: [exit: ProcessExit];
  /** A worker process will be started again. */
  restart: [restart: { replica: string; delayMs: number; deaths: number }];
  /** A fresh process has taken over from one that finishes its tasks and leaves. */
  replaced: [replaced: { replica: string } & Replacement];
  /** A process that was to take over did not get ready; the one before goes on. */
  replaceFailed: [failed: { replica: string; cause: RestartCause; error: TuttiError }];
  /** A task without a time limit runs for a long time; emitted once for each. */
  longTask: [task: { replica: string; taskId: string; worker: string; ageMs: number }];
  /** A worker process is not started any more. */
  givenUp: [givenUp: { replica: string; error: TuttiError }];
}

/** The end of a worker process. */
export interface ProcessExit {
  readonly replica: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  /** One sentence. */
  readonly reason: string;
  readonly failedTasks: number;
}
