import { shared } from '../../core/shared.js';
import type { Task } from '../../conductor/wire/types.js';
import type { TaskContext } from './task-context.js';

/**
 * Goes on with the next interceptor, behind the last with the worker itself.
 *
 * @param task - what they get in place of the task, `{ ...task, inputData }` for example. @defaultValue the task itself
 * @returns what the worker returned; rejects with what it threw
 */
export type ExecuteNext = (task?: Task) => Promise<unknown>;

/**
 * Code around each execution of a task, in the worker process. Give interceptors to `bootstrap({ interceptors })`, or bind
 * them to this class in a module. The first one is the outermost.
 *
 * What `execute` returns or throws counts as the worker's own: a plain object, a `TaskResult`, `inProgress(…)`, a
 * `NonRetryableError` … An interceptor that does not call `next` answers in place of the worker. It runs within the
 * time limit of the task; `taskContext()` works in it and in everything that it calls.
 *
 * @example
 * ```ts
 * class Timing extends TaskInterceptor {
 *   async execute(task: Task, context: TaskContext, next: ExecuteNext) {
 *     const start = performance.now();
 *     try {
 *       return await next();
 *     } finally {
 *       context.logger.info('executed', { ms: performance.now() - start });
 *     }
 *   }
 * }
 * await bootstrap({ workers: [GreetWorker], interceptors: [new Timing()] });
 * ```
 */
export abstract class TaskInterceptor {
  abstract execute(task: Task, context: TaskContext, next: ExecuteNext): unknown;
}

/** A class whose objects are interceptors; its constructor may ask for services. */
export type InterceptorClass = new (...args: never[]) => TaskInterceptor;

const CLASSES = shared('interceptor-classes', () => new Set<typeof TaskInterceptor>());
CLASSES.add(TaskInterceptor);

/** The class {@link TaskInterceptor} of each copy of this package in the process: all of them are names for one service. */
export function interceptorClasses(): readonly (typeof TaskInterceptor)[] {
  return [...CLASSES];
}

/** Executes a task. */
export type TaskHandler = (task: Task, context: TaskContext) => unknown;

/** `handler` with the interceptors around it, the first outermost. Nothing is added where there are none. */
export function intercepted(interceptors: readonly TaskInterceptor[], handler: TaskHandler): TaskHandler {
  return interceptors.reduceRight<TaskHandler>(
    (inner, interceptor) => (task, context) =>
      interceptor.execute(task, context, (given = task) => {
        const execution = (async () => await inner(given, context))();
        // An interceptor that does not wait for it must not end the process when it fails.
        execution.catch(() => undefined);
        return execution;
      }),
    handler,
  );
}

/** Whether a value can be called as an interceptor: it may be of another copy of the package, or a plain object. */
export function isInterceptor(value: unknown): value is TaskInterceptor {
  return typeof (value as { execute?: unknown } | null | undefined)?.execute === 'function';
}
