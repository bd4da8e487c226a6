import { TuttiError } from '../core/errors.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import type { JsonObject, Task } from '../conductor/wire/types.js';
import { TaskContext } from '../worker/execution/task-context.js';
import { fakeTask, type TaskFields } from './fake-task.js';

/** Options of a {@link FakeTaskContext}, all optional. */
export interface FakeTaskContextOptions<I = JsonObject> {
  /** `task.inputData`. @defaultValue `{}` */
  readonly input?: I;
  /** @defaultValue 'test' */
  readonly taskType?: string;
  /** More fields of the task, such as `correlationId`; `retryCount` and `pollCount` decide `attempt` and `pollCount`. */
  readonly task?: TaskFields;
  /** @defaultValue 'test-worker' */
  readonly workerId?: string;
  /** @defaultValue discards everything */
  readonly logger?: Logger;
}

/** A task context that records how it is used. */
export class FakeTaskContext<I = JsonObject> extends TaskContext {
  declare readonly task: Task<I> & Task;
  readonly #lines: string[] = [];
  readonly #reports: (string | number)[];

  constructor(options: FakeTaskContextOptions<I> = {}) {
    const reports: (string | number)[] = [];
    const { input = {} as I, taskType = 'test', task = {}, workerId = 'test-worker' } = options;
    super({
      task: fakeTask(taskType, input, task) as Task<unknown> as Task,
      workerId,
      logger: options.logger ?? new ConsoleLogger('silent'),
      onProgress: (progress) => reports.push(progress),
    });
    this.#reports = reports;
  }

  /** All lines passed to `log()`. */
  get logged(): readonly string[] {
    return this.#lines;
  }

  /** All values passed to `progress()`. */
  get reportedProgress(): readonly (string | number)[] {
    return this.#reports;
  }

  /** Seconds passed to `callbackAfter()`; `undefined` if it wasn't called. */
  override get callbackAfterSeconds(): number | undefined {
    return super.callbackAfterSeconds;
  }

  override log(line: string): void {
    this.#lines.push(String(line));
    super.log(line);
  }

  /** Aborts `signal`, as a time-out or a stop does. */
  override abort(reason: unknown = new TuttiError('TASK_ABORTED', 'the test has aborted the task')): void {
    super.abort(reason);
  }
}

/**
 * Creates a task context for code that takes one. For code that calls `taskContext()`, run it in
 * `withTaskContext(context, fn)`.
 *
 * @example
 * ```ts
 * const context = fakeTaskContext({ input: { name: 'Ada' } });
 * await withTaskContext(context, () => service.greet());
 * expect(context.logged).toEqual(['greeting Ada']);
 * ```
 */
export function fakeTaskContext<I = JsonObject>(options: FakeTaskContextOptions<I> = {}): FakeTaskContext<I> {
  return new FakeTaskContext(options);
}
