import { didYouMean, show } from '../../core/options.js';
import type { WorkerOptions } from '../../worker/definition/task-worker.js';
import {
  WORKER_DEFAULTS,
  WORKER_OPTION_RULES,
  type ResolvedWorkerOptions,
} from '../../worker/definition/worker-options.js';
import type { Environment } from '../../core/environment.js';
import type { WorkerDescription } from '../discovery/worker-catalog.js';

/** Where the value of an option comes from: code, a variable (by name), or the default. */
export type Source = 'code' | 'default' | `env ${string}`;

export interface WorkerSettings {
  readonly options: ResolvedWorkerOptions;
  readonly sources: Readonly<Record<keyof WorkerOptions, Source>>;
}

/** Properties in `CONDUCTOR_WORKER_<NAME>_<PROPERTY>`, with the option that each overrides. */
export const WORKER_PROPERTIES = {
  POLL_INTERVAL: 'pollInterval',
  CONCURRENCY: 'concurrency',
  PROCESSES: 'processes',
  GROUP: 'group',
  DOMAIN: 'domain',
  WORKER_ID: 'workerId',
  EXECUTION_TIMEOUT: 'executionTimeout',
  BLOCKED_TIMEOUT: 'blockedTimeout',
  HEAP_LIMIT: 'heapLimit',
  RESIDENT_LIMIT: 'residentLimit',
  RECYCLE_AFTER_TASKS: 'recycleAfterTasks',
  RECYCLE_AFTER: 'recycleAfter',
  NICE: 'nice',
  DURABLE: 'durable',
  PAUSED: 'paused',
} as const satisfies Record<string, keyof WorkerOptions>;

const PREFIX = 'CONDUCTOR_WORKER_';

/** The options of one worker: environment before code before defaults; wrong values are added to `problems`. */
export function workerSettings(
  description: WorkerDescription,
  env: Environment,
  problems: string[],
): WorkerSettings {
  const given = Object.fromEntries(
    Object.entries(description.options).filter(([, value]) => value !== undefined),
  );
  const options: Record<string, unknown> = { ...WORKER_DEFAULTS, ...given };
  const sources = Object.fromEntries(
    Object.keys(WORKER_OPTION_RULES).map((key) => [key, key in given ? 'code' : 'default']),
  ) as Record<keyof WorkerOptions, Source>;
  for (const [property, option] of Object.entries(WORKER_PROPERTIES)) {
    const variable = [variableName(description.taskType, property), `${PREFIX}ALL_${property}`].find(
      (name) => (env[name] ?? '') !== '',
    );
    if (variable === undefined) continue;
    const value = parse(env[variable]!, option);
    const rule = WORKER_OPTION_RULES[option];
    if (rule.test(value)) {
      options[option] = value;
      sources[option] = `env ${variable}`;
    } else {
      problems.push(`environment: expected ${variable} to be ${rule.expected}, got ${show(env[variable])}`);
    }
  }
  // The server knows no empty domain: it means none.
  if (typeof options['domain'] === 'string' && options['domain'].trim() === '') options['domain'] = undefined;
  return { options: options as unknown as ResolvedWorkerOptions, sources };
}

/** `CONDUCTOR_WORKER_<NAME>_<PROPERTY>`: upper case, everything but letters and digits as an underscore. */
export function variableName(taskType: string, property: string): string {
  return `${PREFIX}${taskType.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${property}`;
}

/** The `TUTTI_` variables, none of which is an option of a worker. A test compares them with the code. */
export const TUTTI_VARIABLES = [
  'TUTTI_HEALTH_ALLOWED_HOSTS',
  'TUTTI_HEALTH_HOST',
  'TUTTI_HEALTH_PORT',
  'TUTTI_HEALTH_TOKEN',
  'TUTTI_LONG_TASK_WARNING',
  'TUTTI_NATIVE_BACKEND',
  'TUTTI_NATIVE_PATH',
  'TUTTI_ORPHAN_GRACE',
  'TUTTI_READY_TIMEOUT',
  'TUTTI_SERVER_KEY',
  'TUTTI_STATE_DIR',
  'TUTTI_STOP_GRACE',
] as const;

/** A sentence for each variable that begins like ours and is none, or fits no worker or no property. */
export function unknownVariables(taskTypes: readonly string[], env: Environment): string[] {
  return [...unknownOfWorkers(taskTypes, env), ...unknownOfTutti(env)];
}

function unknownOfTutti(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('TUTTI_') && !(TUTTI_VARIABLES as readonly string[]).includes(name))
    .map((name) => `${name} is set, but there is no such variable${suggestion(name, TUTTI_VARIABLES)}`);
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = didYouMean(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

function unknownOfWorkers(taskTypes: readonly string[], env: Environment): string[] {
  const names = ['ALL', ...taskTypes];
  const known = names.flatMap((name) =>
    Object.keys(WORKER_PROPERTIES).map((property) => variableName(name, property)),
  );
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => `${name} is set, but no worker has it${suggestion(name, known)}`);
}

function parse(text: string, option: keyof WorkerOptions): unknown {
  const isText = option === 'group' || option === 'domain' || option === 'workerId';
  if (isText) return text;
  if (option === 'processes' && text.toLowerCase() === 'auto') return 'auto';
  if (option === 'paused' || option === 'durable')
    return { true: true, '1': true, false: false, '0': false }[text.toLowerCase()] ?? text;
  return text.trim() === '' ? Number.NaN : Number(text);
}
