import type { Logger } from '../core/logger.js';
import type { MemoryKiller } from './memory-killer.js';
import type { ProcessInspector } from './process-inspector.js';
import type { RestartOptions } from './restart-policy.js';
import type { LaunchOptions } from './slot-processes.js';

/** How the processes of a slot are started, looked at and started again. */
export interface SlotOptions extends LaunchOptions {
  readonly restart: Required<RestartOptions>;
  /** Whether a process is started again that has never been ready. */
  readonly restartsUnready: boolean;
  readonly logger: Logger;
  /** `false`: waiting for the next start does not keep the process alive. @defaultValue true */
  readonly keepsProcessAlive?: boolean;
  /** @defaultValue /proc */
  readonly inspector?: ProcessInspector;
  /** Tells deaths by the system's memory killer; one for all slots. */
  readonly memoryKiller?: MemoryKiller;
}
