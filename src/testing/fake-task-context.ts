import { TuttiError } from '../core/errors.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import type { JsonObject, Task } from '../conductor/wire/types.js';
import { TaskContext } from '../worker/execution/task-context.js';
import { fakeTask, type TaskFields } from './fake-task.js';

/** What a {@link FakeTaskContext} is made of; everything may be left out. */
export interface FakeTaskContextOptions<I = JsonObject> {
  /** `task.inputData`. @defaultValue `{}` */
  readonly input?: I;
  /** @defaultValue 'test' */
  readonly taskType?: string;
  /** Further fields of the task, such as `correlationId`; `retryCount` and `pollCount` decide `attempt` and `pollCount`. */
  readonly task?: TaskFields;
  /** @defaultValue 'test-worker' */
  readonly workerId?: string;
  /** @defaultValue one that writes nothing */
  readonly logger?: Logger;
}

/** A task context that remembers what is done with it. */
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

  /** All lines that were given to `log()`. */
  get logged(): readonly string[] {
    return this.#lines;
  }

  /** All values that were given to `progress()`. */
  get reportedProgress(): readonly (string | number)[] {
    return this.#reports;
  }

  /** Seconds that were given to `callbackAfter()`; `undefined`: it was not called. */
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
 * A task context for code that takes one, or that calls `taskContext()`: run that by `withTaskContext(context, fn)`.
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
