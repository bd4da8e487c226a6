import { ConfigurationError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import type { WorkerClass, WorkerOptions } from '../../worker/definition/task-worker.js';
import { workerDefinition, type WorkerDefinition } from '../../worker/definition/worker-definition.js';
import { getWorkerMetadata } from '../../worker/definition/worker-metadata.js';

/** What can be said of a worker without running it; plain data. */
export interface WorkerDescription {
  /** `<task type>:<name>`: the same in every process. */
  readonly key: string;
  readonly taskType: string;
  /** The option `name`, else the name of the class or function. */
  readonly name: string;
  readonly options: WorkerOptions;
  /** Absolute path of the file that declares it, where it is known. */
  readonly file: string | undefined;
  /** Whether its file was found by `discover`, so that only its own processes load it. */
  readonly isDiscovered: boolean;
  readonly problems: readonly string[];
  /** Its class was compiled with standard (TC39) decorators, which `problems` says. */
  readonly hasStandardDecorator?: boolean;
}

/** A worker that was given or exported, with its description. */
export interface CatalogEntry {
  readonly description: WorkerDescription;
  readonly definition: WorkerDefinition;
}

/** The entry of a decorated class or function worker; `undefined` for any other value. */
export function catalogEntry(value: unknown, discoveredIn?: string): CatalogEntry | undefined {
  const definition = workerDefinition(value);
  return definition && { definition, description: describe(definition, discoveredIn) };
}

function describe(
  { name, taskType, options, file, problems, hasStandardDecorator }: WorkerDefinition,
  discoveredIn: string | undefined,
): WorkerDescription {
  return {
    key: `${taskType}:${name}`,
    taskType,
    name,
    options,
    file: discoveredIn ?? file,
    isDiscovered: discoveredIn !== undefined,
    problems,
    ...(hasStandardDecorator ? { hasStandardDecorator } : {}),
  };
}

/**
 * The entries of the `workers` option. Every value that is not a worker is a problem that says what to do.
 *
 * @param where - what the values were given to, for the problems
 */
export function listedWorkers(
  values: readonly unknown[],
  where = (index: number): string => `bootstrap({ workers }): entry ${index}`,
): { entries: CatalogEntry[]; problems: string[] } {
  const entries: CatalogEntry[] = [];
  const problems: string[] = [];
  values.forEach((value, index) => {
    const entry = catalogEntry(value);
    if (entry === undefined) problems.push(notAWorker(value, where(index)));
    else entries.push(entry);
  });
  return { entries, problems };
}

function notAWorker(value: unknown, where: string): string {
  if (value === undefined) return `${where} is undefined; a circular import, or a wrong name in the import?`;
  if (typeof value === 'function') {
    const name = value.name === '' ? '(anonymous)' : value.name;
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    return isClass
      ? `${where}: class ${name} has no @Worker decorator of its own; add @Worker('<task type>')`
      : `${where}: function ${name} must be wrapped: functionWorker('<task type>', ${name})`;
  }
  const type = typeof value === 'object' ? (value?.constructor as unknown) : undefined;
  const got =
    getWorkerMetadata(type) === undefined
      ? show(value)
      : `an instance of ${(type as WorkerClass).name}; give the class itself`;
  return `${where}: expected a class with @Worker or a functionWorker(), got ${got}`;
}

/** @returns a sentence for each worker that is there twice */
export function duplicates(descriptions: readonly WorkerDescription[]): string[] {
  const first = new Map<string, WorkerDescription>();
  const problems: string[] = [];
  for (const description of descriptions) {
    const other = first.get(description.key);
    if (other === undefined) {
      first.set(description.key, description);
      continue;
    }
    problems.push(
      `two workers for task type '${description.taskType}' have the name ${description.name} (${origin(other)}; ` +
        `${origin(description)}). If it is one worker, list it once, and set \`processes\` for more processes. ` +
        "If there are two, give one of them another name: @Worker('…', { name: '…' })",
    );
  }
  return problems;
}

function origin({ isDiscovered, file }: WorkerDescription): string {
  return `${isDiscovered ? 'discovered in' : 'listed, from'} ${file ?? 'an unknown file'}`;
}

/** The entries with these keys. @throws ConfigurationError `WORKER_UNKNOWN` naming what is missing and what is there */
export function pickWorkers(entries: readonly CatalogEntry[], keys: readonly string[]): CatalogEntry[] {
  return keys.map((key) => {
    const entry = entries.find((candidate) => candidate.description.key === key);
    if (entry !== undefined) return entry;
    const known = entries.map((candidate) => candidate.description.key).join(', ');
    throw new ConfigurationError(
      'WORKER_UNKNOWN',
      `this worker process was started for ${key}, but bootstrap() was given ${known === '' ? 'no workers' : known} here. ` +
        'The list of workers must be the same in every process: it must not depend on arguments, time or the process',
      { details: { key } },
    );
  });
}
