import type { Logger } from '../../core/logger.js';
import { rules, throwProblems } from '../../core/options.js';
import type { HostedWorker } from '../../host/hosted-worker.js';
import { pauseCheck } from '../../worker/polling/pause-check.js';
import type { TaskWorker } from '../../worker/definition/task-worker.js';
import { WORKER_OPTION_RULES } from '../../worker/definition/worker-options.js';
import type { Environment } from '../../core/environment.js';
import type { BuiltWorker, WorkerContainer } from './container.js';
import { idempotentSource } from './idempotent-source.js';
import type { CatalogEntry } from '../discovery/worker-catalog.js';
import { workerSettings } from '../config/worker-settings.js';

/** What a worker is built with. */
export interface WorkerBuild {
  readonly container: WorkerContainer;
  readonly env: Environment;
  /** Where results are kept for idempotency keys; `undefined` when nothing can be written. */
  readonly resultsFolder: string | undefined;
  readonly logger: Logger;
}

/**
 * A worker with its services and its settings, ready to execute. Members of the worker object override the decorator,
 * the environment overrides both.
 *
 * @throws ConfigurationError when options, members or bindings are wrong
 */
export async function buildWorker(
  entry: CatalogEntry,
  { container, env, resultsFolder, logger }: WorkerBuild,
): Promise<HostedWorker> {
  const problems: string[] = [];
  const settings = workerSettings(entry.description, env, problems);
  throwProblems(problems);
  const built = await container.build(entry, settings.options.scope);
  return hosted(entry, settings, built, resultsFolder, logger);
}

function hosted(
  entry: CatalogEntry,
  { options, sources }: ReturnType<typeof workerSettings>,
  built: BuiltWorker,
  resultsFolder: string | undefined,
  logger: Logger,
): HostedWorker {
  const { instance } = built;
  throwProblems(memberProblems(entry.description.name, instance), 'WORKER_INVALID');
  const isFromEnvironment = (option: 'pollInterval' | 'workerId'): boolean =>
    sources[option].startsWith('env ');
  return {
    key: entry.description.key,
    taskType: entry.description.taskDefName,
    domain: options.domain,
    concurrency: options.concurrency,
    pollInterval: isFromEnvironment('pollInterval')
      ? options.pollInterval
      : (instance?.pollInterval ?? options.pollInterval),
    executionTimeout: options.executionTimeout,
    workerIdPrefix: isFromEnvironment('workerId')
      ? options.workerId
      : (instance?.workerId ?? options.workerId),
    isDurable: options.durable,
    startsPaused: options.paused,
    pausesItself: pauseCheck(instance, logger.child({ worker: entry.description.key })),
    source: idempotentSource(entry, built, resultsFolder, logger),
  };
}

function memberProblems(name: string, instance: Partial<TaskWorker> | undefined): string[] {
  const problems: string[] = [];
  for (const member of ['pollInterval', 'workerId'] as const) {
    const value = instance?.[member];
    const rule = WORKER_OPTION_RULES[member];
    if (value !== undefined && !rule.test(value)) {
      problems.push(
        `class ${name}: expected its member \`${member}\` to be ${rule.expected}, got ${String(value)}`,
      );
    }
  }
  if (instance?.isPaused !== undefined && !rules.function.test(instance.isPaused)) {
    problems.push(`class ${name}: expected its member \`isPaused\` to be a method`);
  }
  return problems;
}
