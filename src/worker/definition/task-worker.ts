import type { TaskResult } from '../../conductor/wire/task-result.js';
import type { JsonObject, Task } from '../../conductor/wire/types.js';
import type { InProgress } from '../execution/in-progress.js';
import type { TaskContext } from '../execution/task-context.js';

/**
 * What `execute` may give back:
 * a plain object → COMPLETED with it as output; nothing → COMPLETED, empty; a primitive or an array →
 * COMPLETED with `{ result: value }`; a {@link TaskResult} → as it is; `inProgress(…)` → IN_PROGRESS.
 */
export type WorkerOutput<O> = O | TaskResult | InProgress | null | undefined | void;

/**
 * A worker: executes tasks of one type. Only `execute` is required; the other members override, in the worker
 * process, what the decorator says.
 *
 * Throwing `NonRetryableError` fails the task for good, throwing anything else fails this attempt.
 *
 * @typeParam I - type of the task's `inputData`
 * @typeParam O - type of the output
 */
export interface TaskWorker<I = JsonObject, O = JsonObject> {
  execute(task: Task<I>, context: TaskContext): WorkerOutput<O> | Promise<WorkerOutput<O>>;
  /** Least time in milliseconds between the starts of two polls when the first brought nothing. */
  readonly pollInterval?: number;
  /** Prefix of the worker id; the rest makes it unique to each process start. */
  readonly workerId?: string;
  /**
   * A key for tasks that have the same effect: a task whose key has a completed result is not executed again, it gets
   * that result. Kept for a day, shared by all processes of the application on this machine. `undefined` or `null`: no
   * key. A number counts as its text: 7 and '7' are the same key.
   */
  idempotencyKey?(task: Task<I>): string | number | null | undefined;
  /** While it returns true nothing is polled; asked again after each poll interval. */
  isPaused?(): boolean;
}

/** The least that `@Worker` demands of a class: an `execute` method. */
export type WorkerClass = abstract new (...args: never[]) => {
  execute(task: never, context: never): unknown;
};

/** How a worker runs. The environment overrides all but `name` and `scope`: `CONDUCTOR_WORKER_<TASK TYPE>_<PROPERTY>`. */
export interface WorkerOptions {
  /**
   * Name of the worker in logs and in `status()`; its key is `<task type>:<name>`. Workers of one task type need different
   * names. Set it where a bundler renames classes, so that the key stays the same from build to build.
   * @defaultValue the name of the class or function
   */
  readonly name?: string;
  /**
   * Least time in milliseconds from the start of a poll that brought nothing to the start of the next. Idle polls
   * wait at the server, so a long interval costs no blind gap. @defaultValue 100
   */
  readonly pollInterval?: number;
  /** How many tasks one process executes at the same time. @defaultValue 1 */
  readonly concurrency?: number;
  /** How many processes run this worker; `auto`: one for each processor that the container may use. @defaultValue 1 */
  readonly processes?: number | 'auto';
  /** Workers with the same group name share their processes. @defaultValue none: processes of its own */
  readonly group?: string;
  /** Task domain that is polled. @defaultValue none */
  readonly domain?: string;
  /** Prefix of the worker id that the server sees. @defaultValue the host name */
  readonly workerId?: string;
  /**
   * Longest time in milliseconds that a task may run: then `context.signal` aborts and the task fails.
   * @defaultValue `timeoutSeconds` of the task's definition; without that, none
   */
  readonly executionTimeout?: number;
  /**
   * How long the process may give no sign of progress (its event loop does not answer, it uses no processor time)
   * before it is taken for stuck and killed, in milliseconds. Raise it for a worker that blocks on purpose.
   * @defaultValue 60000
   */
  readonly blockedTimeout?: number;
  /**
   * Heap limit of JavaScript in each of its processes, in MB. @defaultValue a share of the container's memory limit;
   * without a container, what Node.js takes
   */
  readonly heapLimit?: number;
  /**
   * Resident memory of a process, in MB, with which it is replaced by a fresh one: the old one finishes its tasks once
   * the new one is ready. With half as much again it is killed. @defaultValue none
   */
  readonly residentLimit?: number;
  /** A process that has executed so many tasks is replaced by a fresh one. @defaultValue none */
  readonly recycleAfterTasks?: number;
  /** A process that has run for so many milliseconds is replaced by a fresh one. @defaultValue none */
  readonly recycleAfter?: number;
  /** Priority of its processes, from 19 (low) to -20 (high, needs rights). @defaultValue that of the orchestrator */
  readonly nice?: number;
  /** Write each result to disk before it is sent, so that not even the death of the process loses it. @defaultValue false */
  readonly durable?: boolean;
  /** Start without polling. @defaultValue false */
  readonly paused?: boolean;
  /**
   * `process`: one worker object in each process. `task`: a fresh object graph for each task.
   * @defaultValue 'process'
   */
  readonly scope?: WorkerScope;
}

export type WorkerScope = 'process' | 'task';
