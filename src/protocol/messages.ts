import type { Durations } from '../core/meter.js';
import type { TaskEnd } from '../worker/execution/task-reporter.js';

/**
 * What goes over the IPC channel between the orchestrator and its worker processes, as JSON. Small on purpose:
 * payloads of tasks never cross the orchestrator.
 */

/** How a message travels: programs use the channels of their processes for messages of their own as well. */
export interface Envelope<M> {
  readonly tutti: M;
}

/** What is in an envelope of ours, not checked yet; `undefined` when the message is somebody else's. */
export function openEnvelope(received: unknown): object | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  const { tutti } = received as Partial<Envelope<unknown>>;
  return typeof tutti === 'object' && tutti !== null ? tutti : undefined;
}

/** What a task reports as its progress is cut off there. */
export const MAX_PROGRESS_LENGTH = 500;

/** One task that has arrived in a worker process; numbers instead of names keep the message short. */
export type StartedEntry = readonly [
  /** Number of the task in this process. */
  ref: number,
  taskId: string,
  workflowInstanceId: string,
  /** Index of the worker in the process. */
  worker: number,
  responseTimeoutSeconds: number,
  /** Longest time that it may run, in milliseconds; 0 = no limit. */
  limitMs: number,
  /** Processes that have died with earlier attempts. */
  deaths: number,
  /** Whether its code begins as soon as this message is written; otherwise a mark `begun` follows. */
  begins: boolean,
  reference: string,
  retryCount: number,
  /** Whether it came with output of an earlier IN_PROGRESS. */
  hasOutput: boolean,
];

/**
 * `begun`: its code begins now · `releasing`: the server gets it back and may hand it out anew before the end is told ·
 * `stored`: its code has ended, the outbox has the result · `kept`: its code has ended, its result is in memory only
 */
export type TaskMark = 'begun' | 'releasing' | 'stored' | 'kept';

export type FinishedEntry = readonly [ref: number, end: TaskEnd];

/** An error on its way to the orchestrator. */
export interface ErrorReport {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code: string | undefined;
  /** The mistakes behind a ConfigurationError, a sentence each. */
  readonly problems?: readonly string[];
  /**
   * `main file`: it ended the main file before `bootstrap()` · `uncaught`: nobody caught it, while the workers were built.
   * Absent: building the workers has failed with it.
   */
  readonly origin?: 'main file' | 'uncaught';
}

/** A worker as a server knows it. */
export interface WorkerIdentity {
  readonly taskType: string;
  readonly workerId: string;
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
  /** Milliseconds by which its next turn is overdue, counted while the event loop answered. */
  readonly overdueMs: number;
  readonly isPaused: boolean;
  /** How long the code of its tasks ran, since the last report. */
  readonly durations: readonly DurationsEntry[];
}

/** How long tasks ran that ended alike. */
export type DurationsEntry = readonly [end: TaskEnd, durations: Durations];

/** What a process tells of itself every few seconds. */
export interface Beat {
  readonly loops: readonly LoopReport[];
  /** A debugger may hold the process. */
  readonly isDebugged: boolean;
  /** By how much this beat is late, in milliseconds. */
  readonly loopDelayMs: number;
  /** Share of the time since the last beat in which the event loop was busy, 0 to 1. */
  readonly loopUtilisation: number;
  /** Results that wait for the server in this process. */
  readonly outbox: number;
  /** Milliseconds since a task was told to end whose result is told and whose code goes on; 0: there is none. */
  readonly lingeringMs: number;
  /** Resident memory, where the orchestrator cannot see it itself. */
  readonly residentBytes?: number | undefined;
}

/** What is changed in a running worker. What is absent stays. */
export interface WorkerTuning {
  readonly isPaused?: boolean | undefined;
  readonly concurrency?: number | undefined;
  /** Milliseconds. */
  readonly pollInterval?: number | undefined;
}

export type WorkerMessage =
  /** `bootstrap()` was called; the workers are built now. */
  | { readonly type: 'building' }
  /** Everything is built and checked; nothing is polled before `run`. */
  | { readonly type: 'ready'; readonly workers: readonly ReadyWorker[]; readonly isDebugged: boolean }
  /** The process cannot go on; its exit code tells whether it is worth another start. */
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | {
      readonly type: 'tasks';
      readonly started: readonly StartedEntry[];
      readonly marks: readonly (readonly [ref: number, mark: TaskMark])[];
      readonly finished: readonly FinishedEntry[];
      /** For each copy of a task that runs already, and was not run, the index of its worker. */
      readonly duplicates: readonly number[];
    }
  /** Asks whether a task that was delivered before may be run; answered by `claimed`. */
  | ({ readonly type: 'claim'; readonly claim: number } & ClaimedTask)
  /** A poll or update broke off: the server may have given this process a task that it does not know of. */
  | { readonly type: 'uncertain' }
  | {
      readonly type: 'progress';
      readonly progress: readonly (readonly [ref: number, progress: string | number])[];
    }
  /** The event loop answers. */
  | ({ readonly type: 'beat' } & Beat)
  /**
   * The last message: every task has ended, the services are closed. Without it an exit code 0 is not clean.
   * `hasDroppedPoll`: a poll was dropped, whose answer may have been on its way.
   */
  | { readonly type: 'stopped'; readonly hasDroppedPoll: boolean };

/** What tells whether a task runs already. */
export interface ClaimedTask {
  readonly taskId: string;
  readonly workflowInstanceId: string;
  readonly reference: string;
  readonly retryCount: number;
}

export type OrchestratorMessage =
  | { readonly type: 'run' }
  /** No new polls; finish what runs. */
  | { readonly type: 'stop' }
  /** Changes a worker, by its index in the process. */
  | ({ readonly type: 'tune'; readonly worker: number } & WorkerTuning)
  /** The grace period is nearly over: tell the tasks to end. */
  | { readonly type: 'abort'; readonly reason: string }
  | { readonly type: 'claimed'; readonly claim: number; readonly mayRun: boolean }
  /** The task is over on the server: end it and drop its result. */
  | { readonly type: 'cancel'; readonly ref: number; readonly reason: string };
