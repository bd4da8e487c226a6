import type { TaskResult } from '../conductor/wire/task-result.js';
import type { JsonObject } from '../conductor/wire/types.js';
import type { FunctionWorker } from '../worker/definition/function-worker.js';
import type { InProgress } from '../worker/execution/in-progress.js';
import type { WorkerClass } from '../worker/definition/task-worker.js';

/** A class with `@Worker`, or a function worker. */
export type AnyWorker = WorkerClass | FunctionWorker;

/** The type of the `execute` method of a worker class. */
export type ExecuteOf<W> = W extends abstract new (...args: never[]) => { execute: infer E } ? E : never;

/** The type of the input that a worker takes: `I` of its `Task<I>`. */
export type InputOf<W> =
  W extends FunctionWorker<infer I>
    ? I
    : ExecuteOf<W> extends (task: infer T, ...rest: never[]) => unknown
      ? T extends { inputData: infer I }
        ? I
        : JsonObject
      : JsonObject;

/** The type of the output that the server gets from a worker when it completes the task. */
export type OutputOf<W> =
  W extends FunctionWorker<never, infer O>
    ? ReportedOutput<O>
    : ExecuteOf<W> extends (...args: never[]) => infer R
      ? ReportedOutput<Awaited<R>>
      : JsonObject;

/** The output that the server gets where `execute` returns `R`. */
export type ReportedOutput<R> =
  Exclude<R, TaskResult | InProgress | null | undefined | void> extends infer O
    ? [O] extends [never]
      ? JsonObject
      : O extends string | number | boolean | bigint | readonly unknown[]
        ? { result: O }
        : O extends object
          ? O
          : JsonObject
    : never;
