import type { TaskEnd } from '../worker/task-reporter.js';

/**
 * What goes over the IPC channel between the orchestrator and its worker processes, as JSON. Small on purpose:
 * payloads of tasks never cross the orchestrator.
 */

/** One task that has arrived in a worker process; numbers instead of names keep the message short. */
export type StartedEntry = readonly [
  /** Number of the task in this process. */
  ref: number,
  taskId: string,
  workflowInstanceId: string,
  /** Index of the worker in the process. */
  worker: number,
  responseTimeoutSeconds: number,
];

export type FinishedEntry = readonly [ref: number, end: TaskEnd];

/** An error on its way to the orchestrator. */
export interface ErrorReport {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code: string | undefined;
}

/** What a process knows of one of its workers once it is built. */
export interface ReadyWorker {
  readonly key: string;
  readonly taskType: string;
  readonly workerId: string;
  readonly pollInterval: number;
}

/** What a poll loop has seen, sent now and then. */
export interface LoopReport {
  readonly polls: number;
  readonly lastPollAt: number;
  readonly lastPollError: string | undefined;
  readonly failuresInARow: number;
}

export type WorkerMessage =
  /** Everything is built and checked; nothing is polled before `run`. */
  | { readonly type: 'ready'; readonly workers: readonly ReadyWorker[] }
  /** The process cannot go on; its exit code tells whether it is worth another start. */
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | {
      readonly type: 'tasks';
      readonly started: readonly StartedEntry[];
      readonly finished: readonly FinishedEntry[];
    }
  | { readonly type: 'progress'; readonly ref: number; readonly progress: string | number }
  | { readonly type: 'beat'; readonly loops: readonly LoopReport[] }
  /** The last message: every task has ended, the services are closed. Without it an exit code 0 is not clean. */
  | { readonly type: 'stopped' };

export type OrchestratorMessage =
  | { readonly type: 'run' }
  /** No new polls; finish what runs. */
  | { readonly type: 'stop' }
  /** The grace period is nearly over: tell the tasks to end. */
  | { readonly type: 'abort'; readonly reason: string };
