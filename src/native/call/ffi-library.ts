import { basename } from 'node:path';
import { nativeCallQueue } from './async-queue.js';
import { marked, type CallMark } from './call-guard.js';
import { callTrace, traceAsync } from './call-trace.js';
import { FfiNapiBackend } from '../backend/ffi-napi-backend.js';
import type { FfiFunction, FfiType } from '../backend/ffi-napi-types.js';
import { currentPlace, findProjects, isFile, planLookup } from '../library/library-lookup.js';

type Callback = (error: Error | null, value: unknown) => void;

/** A function of {@link ffi}: called as it is, or on the thread pool with a callback as the last argument. */
export type FfiLibraryFunction = ((...args: unknown[]) => unknown) & {
  readonly async: (...args: unknown[]) => void;
};

/** `symbol: [result, [parameter, …], options]`, types by their names or as types of `ref-napi`. */
export type FfiFunctionTable = Readonly<
  Record<
    string,
    readonly [
      result: unknown,
      parameters: readonly unknown[],
      options?: { readonly async?: boolean; readonly varargs?: boolean },
    ]
  >
>;

/** `ffi.Library(…)`, and `new ffi.Library(…)` as many programs write it. */
export interface FfiLibraryFactory {
  (
    file: string | null | undefined,
    functions?: FfiFunctionTable,
    target?: Record<string, unknown>,
  ): Record<string, FfiLibraryFunction>;
  new (
    file: string | null | undefined,
    functions?: FfiFunctionTable,
    target?: Record<string, unknown>,
  ): Record<string, FfiLibraryFunction>;
}

/** The interface of `ffi-napi`, as far as programs use it. */
export interface Ffi {
  /**
   * @param file - as for `@NativeLibrary` where there is such a file, else as for `ffi-napi`; null for the process itself
   * @throws ConfigurationError `NATIVE_BACKEND_MISSING` when `ffi-napi` is not installed
   */
  readonly Library: FfiLibraryFactory;
  /** A function that native code can call, as a pointer. */
  readonly Callback: (
    result: FfiType,
    parameters: readonly FfiType[],
    fn: (...args: unknown[]) => unknown,
  ) => Buffer;
  /** `errno` of the last call. */
  readonly errno: () => number;
  /** Types by their names. */
  readonly types: Record<string, FfiType>;
}

/** @param backend - gives the package */
export function ffiOn(backend: FfiNapiBackend): Ffi {
  function Library(
    ...[file, functions = {}, target = {}]: Parameters<FfiLibraryFactory>
  ): Record<string, unknown> {
    const found = file === null || file === undefined ? null : locate(file);
    const native = backend.packages.ffi.Library(found, functions) as Record<string, FfiFunction>;
    const library = found === null ? 'the process' : basename(found);
    for (const [symbol, [, parameters, options]] of Object.entries(functions)) {
      const trace = callTrace();
      const mark: CallMark = { cells: trace.cells, id: trace.idOf(library, symbol) };
      const original = native[symbol]!;
      target[symbol] =
        options?.varargs === true
          ? (...types: unknown[]) =>
              wrap(
                (original as unknown as (...types: unknown[]) => FfiFunction)(...types),
                parameters.length + types.length,
                mark,
              )
          : options?.async === true
            ? queued(original, parameters.length, mark)
            : wrap(original, parameters.length, mark);
    }
    return target;
  }
  return {
    Library: Library as unknown as FfiLibraryFactory,
    get Callback() {
      return backend.packages.ffi.Callback;
    },
    get errno() {
      return backend.packages.ffi.errno;
    },
    get types() {
      return backend.packages.ffi.types;
    },
  };
}

/**
 * `ffi-napi` as it was: declarations that were written for it go on working when their import is changed to
 * `import { ffi } from 'tutti/native'`, types of `ref-napi` included. Beside what the package does, asynchronous calls are
 * queued, and when a call ends the process its task's failure names the function. Needs the optional packages
 * `ffi-napi` and `ref-napi`.
 */
export const ffi: Ffi = ffiOn(new FfiNapiBackend());

function locate(file: string): string {
  const place = currentPlace();
  const plan = planLookup({ library: file, path: undefined }, place, findProjects(place));
  return plan.find(({ kind, location }) => kind === 'file' && isFile(location))?.location ?? file;
}

function wrap(original: FfiFunction, count: number, mark: CallMark): FfiLibraryFunction {
  return Object.assign((...args: unknown[]) => marked(mark, () => original(...args)), {
    async: queued((...args) => original.async(...args), count, mark),
  });
}

/** The last argument is the callback, behind `count` others. */
function queued(
  original: (...args: unknown[]) => unknown,
  count: number,
  mark: CallMark,
): (...args: unknown[]) => void {
  return (...args) => {
    const callback = args.at(-1) as Callback;
    // Wrong calls throw at once, with the words of the package.
    if (args.length !== count + 1 || typeof callback !== 'function') return void original(...args);
    void nativeCallQueue.run(
      () =>
        new Promise<void>((resolve) => {
          const done = traceAsync(mark);
          original(...args.slice(0, -1), (error: Error | null, value: unknown) => {
            done();
            resolve();
            callback(error, value);
          });
        }),
    );
  };
}
