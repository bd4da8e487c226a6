import type { Logger } from '../../core/logger.js';
import type { Meter } from '../../core/meter.js';
import type { ProcessInspector } from '../../os/process-inspector.js';
import type { RestartOptions } from './restart-policy.js';
import type { LaunchOptions } from './replica-processes.js';

/** How the processes of a replica are started, looked at and started again. */
export interface ReplicaOptions extends LaunchOptions {
  readonly restart: Required<RestartOptions>;
  /** Whether a process is started again that has never been ready. */
  readonly restartsUnready: boolean;
  readonly logger: Logger;
  /** Keeps what is counted and measured. */
  readonly meter: Meter;
  /** `false`: waiting for the next start does not keep the process alive. @defaultValue true */
  readonly keepsProcessAlive?: boolean;
  readonly inspector: ProcessInspector;
}
