/** A worker class or function as it was declared, whether anybody uses it or not. */
export interface DeclaredWorker {
  /** The class, or the value that `functionWorker()` has returned. */
  readonly value: unknown;
  readonly name: string;
  readonly taskType: string;
  /** The file that declares it, where it is known. */
  readonly file: string | undefined;
}

const DECLARED_WORKERS = Symbol.for('tutti:declared-workers');

type Registry = { [DECLARED_WORKERS]?: DeclaredWorker[] };

/**
 * Records every declaration from now on, and returns the list that grows. Only the process that looks into files for
 * `discover` does so: elsewhere declaring registers nothing. The list is global, since the files may load another copy
 * of the package.
 */
export function recordDeclaredWorkers(): readonly DeclaredWorker[] {
  return ((globalThis as Registry)[DECLARED_WORKERS] ??= []);
}

/** To be called by whatever declares a worker. */
export function declareWorker(worker: DeclaredWorker): void {
  (globalThis as Registry)[DECLARED_WORKERS]?.push(worker);
}
