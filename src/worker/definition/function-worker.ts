import type { ServiceIdentifier } from 'inversify';
import { rules, show } from '../../core/options.js';
import type { JsonObject, Task } from '../../conductor/wire/types.js';
import { callerFile } from './declaration-site.js';
import { declareWorker } from './declared-workers.js';
import type { IdempotencyKey } from '../execution/idempotency.js';
import type { TaskContext } from '../execution/task-context.js';
import type { WorkerOptions, WorkerOutput } from './task-worker.js';
import { workerOptionProblems } from './worker-options.js';

const FUNCTION_WORKER = Symbol.for('tutti:function-worker');

/** Options of a function worker: those of any worker, and what is injected. Without `name` it has that of its function. */
export interface FunctionWorkerOptions<
  S extends readonly ServiceIdentifier[] = readonly ServiceIdentifier[],
> extends WorkerOptions {
  /** Services that are passed to the function after task and context, in this order. */
  readonly inject?: S;
  /** See {@link TaskWorker.idempotencyKey}. */
  readonly idempotencyKey?: IdempotencyKey;
}

/**
 * The instances that belong to a list of service identifiers. A string or symbol says nothing about its service:
 * annotate that parameter, with whatever type the service has.
 */
export type Injected<S extends readonly ServiceIdentifier[]> = {
  -readonly [K in keyof S]: S[K] extends string | symbol
    ? never
    : S[K] extends ServiceIdentifier<infer T>
      ? T
      : never;
};

declare const TYPES: unique symbol;

/**
 * A worker made of a function; give it to `bootstrap({ workers })` or export it from a discovered file.
 *
 * @typeParam I - type of the task's `inputData`
 * @typeParam O - type of the output
 */
export interface FunctionWorker<I = never, O = unknown> {
  /** For the compiler only: the types of input and output. */
  readonly [TYPES]?: (input: I) => O;
  readonly taskType: string;
  readonly name: string;
  readonly execute: (task: Task, context: TaskContext, ...services: unknown[]) => unknown;
  readonly inject: readonly ServiceIdentifier[];
  readonly idempotencyKey: IdempotencyKey | undefined;
  readonly options: WorkerOptions;
  /** The file that made it, where it is known. */
  readonly file: string | undefined;
  readonly problems: readonly string[];
}

/**
 * A worker made of a function from task (and context, and injected services) to output.
 *
 * @param taskType - the type of its tasks: the name of the task definition
 * @param execute - may return whatever `TaskWorker.execute` may return
 *
 * @example
 * ```ts
 * functionWorker('greet', (task, context, greeter) => ({ text: greeter.greet(task.inputData.name) }), {
 *   inject: [Greeter],
 *   concurrency: 10,
 * });
 * ```
 */
export function functionWorker<
  I = JsonObject,
  O = unknown,
  const S extends readonly ServiceIdentifier[] = readonly [],
>(
  taskType: string,
  execute: (
    task: Task<I>,
    context: TaskContext,
    ...services: Injected<S>
  ) => WorkerOutput<O> | Promise<WorkerOutput<O>>,
  options: FunctionWorkerOptions<S> = {},
): FunctionWorker<I, O> {
  const areOptions = rules.object.test(options);
  const {
    inject = [],
    idempotencyKey,
    ...workerOptions
  } = areOptions ? options : ({} as FunctionWorkerOptions<S>);
  const { name = typeof execute === 'function' && execute.name !== '' ? execute.name : 'function' } =
    workerOptions;
  const worker = {
    taskType,
    name,
    execute: execute as unknown as FunctionWorker['execute'],
    inject,
    idempotencyKey,
    options: workerOptions,
    file: callerFile(functionWorker),
    problems: findMistakes(taskType, execute, inject, areOptions ? workerOptions : options),
  };
  Object.defineProperty(worker, FUNCTION_WORKER, { value: true });
  declareWorker({ value: worker, name, taskType, file: worker.file });
  return worker;
}

/** Whether a value was made by {@link functionWorker}, of this or another copy of the package. */
export function isFunctionWorker(value: unknown): value is FunctionWorker {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Record<symbol, unknown>)[FUNCTION_WORKER] === true
  );
}

function findMistakes(taskType: unknown, execute: unknown, inject: unknown, options: unknown): string[] {
  const where = `functionWorker(${typeof taskType === 'string' ? `'${taskType}'` : '…'})`;
  const problems = workerOptionProblems(where, options);
  if (typeof taskType !== 'string' || taskType === '') {
    problems.push(`${where}: expected the task type to be a non-empty string, got ${show(taskType)}`);
  }
  if (typeof execute !== 'function') problems.push(`${where}: expected a function, got ${show(execute)}`);
  if (!Array.isArray(inject)) {
    problems.push(`${where}: expected \`inject\` to be an array of service identifiers, got ${show(inject)}`);
  } else {
    const missing = inject.findIndex((service) => service === undefined);
    if (missing >= 0) {
      problems.push(
        `${where}: entry ${missing} of \`inject\` is undefined; a circular import, or an \`import type\` of the class?`,
      );
    }
  }
  return problems;
}
