import { AsyncLocalStorage } from 'node:async_hooks';
import { TuttiError } from '../../core/errors.js';
import type { LogFields, Logger } from '../../core/logger.js';
import { shared } from '../../core/shared.js';
import type { TaskExecLog, Task } from '../../conductor/wire/types.js';
import { attemptOf, taskFields } from './task-fields.js';

/** The server keeps this many log entries of one update (conductor: `taskExecLogSizeLimit`). */
const LOG_ENTRIES_PER_UPDATE = 10;
/** Lines kept of one execution, so that a talkative loop cannot fill the memory. */
const MAX_LOG_LINES = 10_000;

/**
 * The context of a running task: the second argument of `execute`, and the result of {@link taskContext} anywhere in the
 * calls below.
 */
export class TaskContext {
  readonly task: Task;
  /** The id of this process on the server. */
  readonly workerId: string;
  /** @internal What log lines of the task carry. */
  readonly logFields: LogFields;
  readonly #baseLogger: Logger;
  readonly #onProgress: (progress: string | number) => void;
  #controller: AbortController | undefined;
  #aborted: { reason: unknown } | undefined;
  #logger: Logger | undefined;
  #lines: { log: string; createdTime: number }[] = [];
  #droppedLines = 0;
  #callbackAfterSeconds: number | undefined;

  constructor(fields: {
    task: Task;
    workerId: string;
    /** Key of the worker. */
    worker?: string | undefined;
    logger: Logger;
    onProgress: (progress: string | number) => void;
  }) {
    this.task = fields.task;
    this.workerId = fields.workerId;
    this.logFields = {
      ...(fields.worker === undefined ? {} : { worker: fields.worker }),
      ...taskFields(fields.task),
    };
    this.#baseLogger = fields.logger;
    this.#onProgress = fields.onProgress;
  }

  /**
   * Aborts when the task should end: at its execution time-out, near the end of a stop, or when its workflow has ended. The
   * reason is a `TuttiError` with code `TASK_ABORTED`.
   */
  get signal(): AbortSignal {
    // Created on demand: most tasks never use it, and it is the most expensive part of a context.
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /** Number of this attempt; 1 for the first. */
  get attempt(): number {
    return attemptOf(this.task);
  }

  /** How often this attempt was handed out, including this time: greater than 1 after an `inProgress` result. */
  get pollCount(): number {
    return this.task.pollCount ?? 1;
  }

  /** The application's logger, which adds worker, task type, task id, workflow id and attempt to each line. */
  get logger(): Logger {
    this.#logger ??= this.#baseLogger.child(this.logFields);
    return this.#logger;
  }

  /** Adds a line to the task's log on the server; sent with the result. */
  log(line: string): void {
    if (this.#lines.length >= MAX_LOG_LINES) this.#droppedLines++;
    else this.#lines.push({ log: String(line), createdTime: Date.now() });
  }

  /**
   * Shows the progress of the task in `status()`: a share from 0 to 1, or a few words. Call it as often as you like: the
   * latest value is sent a few times a second, and text is truncated to 500 characters.
   */
  progress(progress: string | number): void {
    this.#onProgress(progress);
  }

  /**
   * Reports whatever `execute` returns as IN_PROGRESS instead of COMPLETED, so that the task is handed out again after
   * this many seconds. A `TaskResult` with the status FAILED stays FAILED.
   */
  callbackAfter(seconds: number): void {
    this.#callbackAfterSeconds = seconds;
  }

  /** @internal */
  get callbackAfterSeconds(): number | undefined {
    return this.#callbackAfterSeconds;
  }

  /** @internal */
  abort(reason: unknown): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
  }

  /** @internal All lines in at most so many entries as the server keeps; neighbours are joined. */
  takeLogs(more: readonly TaskExecLog[] = []): TaskExecLog[] {
    const lines: TaskExecLog[] = this.#lines;
    this.#lines = [];
    // A server sorts by time: a line without one would come first.
    if (this.#droppedLines > 0)
      lines.push({ log: `… ${this.#droppedLines} more lines were dropped`, createdTime: Date.now() });
    for (const line of more) lines.push({ ...line, createdTime: line.createdTime ?? Date.now() });
    return joinEntries(lines, LOG_ENTRIES_PER_UPDATE);
  }
}

/** The same lines in at most `limit` entries. */
export function joinEntries(lines: readonly TaskExecLog[], limit: number): TaskExecLog[] {
  if (lines.length <= limit) return [...lines];
  const perEntry = Math.ceil(lines.length / limit);
  const entries: TaskExecLog[] = [];
  for (let start = 0; start < lines.length; start += perEntry) {
    const group = lines.slice(start, start + perEntry);
    entries.push({ ...group[0], log: group.map((line) => line.log).join('\n') });
  }
  return entries;
}

const storage = shared('task-context', () => new AsyncLocalStorage<TaskContext>());

/** Runs `fn` so that {@link taskContext} finds `context` in it and in everything that it starts. */
export function withTaskContext<T>(context: TaskContext, fn: () => T): T {
  return storage.run(context, fn);
}

/** The context of the task that the caller is executing; `undefined` outside a task. */
export function currentTaskContext(): TaskContext | undefined {
  return storage.getStore();
}

/**
 * Returns the context of the task that the caller is executing, at any depth below `execute`. All copies of this package
 * in a process share it.
 *
 * @throws TuttiError `ILLEGAL_STATE` if the caller isn't running as part of a task
 */
export function taskContext(): TaskContext {
  const context = currentTaskContext();
  if (context !== undefined) return context;
  throw new TuttiError(
    'ILLEGAL_STATE',
    'taskContext() was called while no task was being executed. Call it inside `execute`, or in code that `execute` ' +
      'calls; constructors, @postConstruct methods and event listeners registered at start run outside of tasks',
  );
}
