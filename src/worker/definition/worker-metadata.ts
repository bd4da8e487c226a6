import type { WorkerOptions } from './task-worker.js';

/** What `@Worker` writes on a class. */
export interface WorkerMetadata {
  readonly taskType: string;
  readonly options: WorkerOptions;
  /** The file with the decorated class, where it is known. */
  readonly file: string | undefined;
  /** Mistakes found while decorating; reported together at start. */
  readonly problems: readonly string[];
  /** The class was compiled with standard (TC39) decorators, which `problems` says. */
  readonly hasStandardDecorator?: boolean;
}

const WORKER_METADATA = Symbol.for('tutti:worker');

/**
 * The metadata lives in a property of the class itself, not in `Reflect` metadata: it must be readable whatever
 * copy of reflect-metadata is loaded, and must not be inherited by subclasses.
 */
export function setWorkerMetadata(target: object, metadata: WorkerMetadata): void {
  Object.defineProperty(target, WORKER_METADATA, { value: metadata, configurable: true });
}

/** What `@Worker` wrote on this very class, `undefined` for any other value and for undecorated subclasses. */
export function getWorkerMetadata(target: unknown): WorkerMetadata | undefined {
  if (typeof target !== 'function' || !Object.hasOwn(target, WORKER_METADATA)) return undefined;
  return (target as unknown as Record<symbol, WorkerMetadata>)[WORKER_METADATA];
}
