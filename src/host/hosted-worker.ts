import type { TaskInterceptor } from '../worker/execution/task-interceptor.js';
import type { WorkerSource } from '../worker/execution/task-runner.js';

/** A worker, built and ready to execute. */
export interface HostedWorker {
  readonly key: string;
  readonly taskType: string;
  readonly domain: string | undefined;
  readonly concurrency: number;
  /** Milliseconds. */
  readonly pollInterval: number;
  readonly executionTimeout: number | undefined;
  readonly workerIdPrefix: string | undefined;
  /** Writes each result down before it is sent. */
  readonly isDurable: boolean;
  /** Does not poll until it is resumed. */
  readonly startsPaused: boolean;
  /** The worker's own `isPaused()`. */
  readonly pausesItself: () => boolean;
  readonly source: WorkerSource;
  /** Around each execution, the first outermost. */
  readonly interceptors: readonly TaskInterceptor[];
}

/** The workers of this process with everything that they need. */
export interface HostedWorkers {
  readonly workers: readonly HostedWorker[];
  /** Closes the services that were built for them. */
  close(): Promise<void>;
}
