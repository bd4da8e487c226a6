import type { IdempotencyKey } from '../execution/idempotency.js';
import type { Executable } from '../execution/task-runner.js';
import { isFunctionWorker, type FunctionWorker } from './function-worker.js';
import type { TaskWorker, WorkerClass, WorkerOptions } from './task-worker.js';
import { getWorkerMetadata, type WorkerMetadata } from './worker-metadata.js';

/** A worker, in whichever way it was declared. */
export interface WorkerDefinition {
  /** The option `name`, else the name of the class or function. */
  readonly name: string;
  readonly taskType: string;
  readonly options: WorkerOptions;
  /** The file that declares it, where it is known. */
  readonly file: string | undefined;
  /** Mistakes of the declaration. */
  readonly problems: readonly string[];
  /** Its class was compiled with standard (TC39) decorators, which `problems` says. */
  readonly hasStandardDecorator: boolean;
  /** What the container has to provide. */
  readonly dependencies: FunctionWorker['inject'];
  /** @param services - what the container has provided for `dependencies`, in their order */
  instantiate(services: readonly unknown[]): WorkerInstance;
}

/** A worker with its services. */
export interface WorkerInstance {
  readonly executable: Executable;
  readonly idempotencyKey: IdempotencyKey | undefined;
  /** The members of a worker object, some of which override options. A function has none. */
  readonly members: Partial<TaskWorker>;
}

/** The definition of a decorated class or of a function worker; `undefined` for any other value. */
export function workerDefinition(value: unknown): WorkerDefinition | undefined {
  const metadata = getWorkerMetadata(value);
  if (metadata !== undefined) return classDefinition(value as WorkerClass, metadata);
  return isFunctionWorker(value) ? functionDefinition(value) : undefined;
}

function classDefinition(worker: WorkerClass, metadata: WorkerMetadata): WorkerDefinition {
  const { taskType, options, file, problems, hasStandardDecorator = false } = metadata;
  return {
    name: className(worker, options),
    taskType,
    options,
    file,
    problems,
    hasStandardDecorator,
    dependencies: [worker],
    instantiate: ([made]) => {
      const instance = made as TaskWorker;
      return {
        executable: instance,
        members: instance,
        idempotencyKey:
          instance.idempotencyKey === undefined ? undefined : (task) => instance.idempotencyKey!(task),
      };
    },
  };
}

/** Wrong options are reported elsewhere; here they may be anything. */
function className(worker: WorkerClass, options: unknown): string {
  const { name } = (options ?? {}) as { name?: unknown };
  if (typeof name === 'string' && name !== '') return name;
  return worker.name === '' ? '(anonymous class)' : worker.name;
}

function functionDefinition(worker: FunctionWorker): WorkerDefinition {
  const { name, taskType, options, file, problems, inject, idempotencyKey, execute } = worker;
  return {
    name,
    taskType,
    options,
    file,
    problems,
    hasStandardDecorator: false,
    dependencies: inject,
    instantiate: (services) => ({
      executable: { execute: (task, context) => execute(task, context, ...services) },
      members: {},
      idempotencyKey,
    }),
  };
}
