import { either, findProblems, integer, oneOf, rules, type OptionRule } from '../../core/options.js';
import type { WorkerOptions } from './task-worker.js';

/** {@link WorkerOptions} without the name, with every default filled in; what all code behind the configuration works with. */
export interface ResolvedWorkerOptions {
  readonly pollInterval: number;
  readonly concurrency: number;
  readonly processes: number | 'auto';
  readonly group: string | undefined;
  readonly domain: string | undefined;
  readonly workerId: string | undefined;
  readonly executionTimeout: number | undefined;
  readonly blockedTimeout: number;
  readonly heapLimit: number | undefined;
  readonly residentLimit: number | undefined;
  readonly recycleAfterTasks: number | undefined;
  readonly recycleAfter: number | undefined;
  readonly nice: number | undefined;
  readonly durable: boolean;
  readonly paused: boolean;
  readonly scope: 'process' | 'task';
}

export const WORKER_DEFAULTS: ResolvedWorkerOptions = {
  pollInterval: 100,
  concurrency: 1,
  processes: 1,
  group: undefined,
  domain: undefined,
  workerId: undefined,
  executionTimeout: undefined,
  blockedTimeout: 60_000,
  heapLimit: undefined,
  residentLimit: undefined,
  recycleAfterTasks: undefined,
  recycleAfter: undefined,
  nice: undefined,
  durable: false,
  paused: false,
  scope: 'process',
};

export const WORKER_OPTION_RULES: Readonly<Record<keyof WorkerOptions, OptionRule>> = {
  name: rules.string,
  pollInterval: integer(1, 3_600_000),
  concurrency: integer(1, 10_000),
  processes: either(integer(1, 256), oneOf('auto')),
  group: rules.string,
  domain: { expected: 'a string', test: (value) => typeof value === 'string' },
  workerId: rules.string,
  executionTimeout: integer(1),
  blockedTimeout: integer(1_000),
  heapLimit: integer(16, 1_048_576),
  residentLimit: integer(32, 1_048_576),
  recycleAfterTasks: integer(1),
  recycleAfter: integer(1_000),
  nice: integer(-20, 19),
  durable: rules.boolean,
  paused: rules.boolean,
  scope: oneOf('process', 'task'),
};

/** Every mistake in the options of one worker. `where` names the worker in the messages. */
export function workerOptionProblems(where: string, options: unknown): string[] {
  if (!rules.object.test(options)) return [`${where}: the options must be an object`];
  return findProblems(where, options as Record<string, unknown>, WORKER_OPTION_RULES);
}
