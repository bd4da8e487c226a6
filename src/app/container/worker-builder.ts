import type { Logger } from '../../core/logger.js';
import { rules, throwProblems } from '../../core/options.js';
import type { HostedWorker } from '../../host/hosted-worker.js';
import { IdempotencyInterceptor, ResultCache } from '../../worker/execution/idempotency.js';
import type { TaskInterceptor } from '../../worker/execution/task-interceptor.js';
import { pauseCheck } from '../../worker/polling/pause-check.js';
import type { TaskWorker } from '../../worker/definition/task-worker.js';
import { WORKER_OPTION_RULES } from '../../worker/definition/worker-options.js';
import type { Environment } from '../../core/environment.js';
import type { BuiltWorker, WorkerContainer } from './container.js';
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
  const { scope } = settings.options;
  const built = await container.build(entry, scope);
  const interceptors = [
    ...(await container.interceptors(scope)),
    // Innermost: what the others do is done for tasks with a kept result as well.
    ...idempotency(entry, built, resultsFolder, logger),
  ];
  return hosted(entry, settings, built, interceptors, logger);
}

function hosted(
  entry: CatalogEntry,
  { options, sources }: ReturnType<typeof workerSettings>,
  built: BuiltWorker,
  interceptors: readonly TaskInterceptor[],
  logger: Logger,
): HostedWorker {
  const { members } = built.instance;
  throwProblems(memberProblems(entry.description.name, members), 'WORKER_INVALID');
  const isFromEnvironment = (option: 'pollInterval' | 'workerId'): boolean =>
    sources[option].startsWith('env ');
  return {
    key: entry.description.key,
    taskType: entry.description.taskType,
    domain: options.domain,
    concurrency: options.concurrency,
    pollInterval: isFromEnvironment('pollInterval')
      ? options.pollInterval
      : (members.pollInterval ?? options.pollInterval),
    executionTimeout: options.executionTimeout,
    workerIdPrefix: isFromEnvironment('workerId') ? options.workerId : (members.workerId ?? options.workerId),
    isDurable: options.durable,
    startsPaused: options.paused,
    pausesItself: pauseCheck(members, logger.child({ worker: entry.description.key })),
    source: built.source,
    interceptors,
  };
}

/**
 * @param folder - where results are kept; `undefined` when nothing can be written: then every task is executed
 * @returns nothing for a worker that gives its tasks no keys
 */
function idempotency(
  { description }: CatalogEntry,
  { instance: { idempotencyKey } }: BuiltWorker,
  folder: string | undefined,
  logger: Logger,
): TaskInterceptor[] {
  if (idempotencyKey === undefined) return [];
  if (folder === undefined) {
    logger.warn('results cannot be kept for idempotency keys: no folder can be written');
    return [];
  }
  return [new IdempotencyInterceptor(description.key, idempotencyKey, new ResultCache(folder, logger))];
}

function memberProblems(name: string, members: Partial<TaskWorker>): string[] {
  const problems: string[] = [];
  for (const member of ['pollInterval', 'workerId'] as const) {
    const value = members[member];
    const rule = WORKER_OPTION_RULES[member];
    if (value !== undefined && !rule.test(value)) {
      problems.push(
        `class ${name}: expected its member \`${member}\` to be ${rule.expected}, got ${String(value)}`,
      );
    }
  }
  if (members.isPaused !== undefined && !rules.function.test(members.isPaused)) {
    problems.push(`class ${name}: expected its member \`isPaused\` to be a method`);
  }
  return problems;
}
