import { pathToFileURL } from 'node:url';
import { throwProblems, rules } from '../core/options.js';
import { SteadyLogger, type Logger } from '../core/logger.js';
import { nativeCallFile } from '../core/native-call-record.js';
import { createTaskClient } from '../conductor/conductor-clients.js';
import { DEFAULT_REQUEST_TIMEOUT_MS, type ConductorConnection } from '../conductor/http-options.js';
import { POLL_MARGIN_MS } from '../conductor/http-task-client.js';
import { recordNativeCalls } from '../native/call-trace.js';
import type { ProcessMarker } from '../orchestrator/process-launcher.js';
import type { HostedWorker, HostedWorkers } from '../orchestrator/hosted-worker.js';
import { WorkerHost } from '../orchestrator/worker-host.js';
import { TaskLogger } from '../worker/task-logger.js';
import { pauseCheck } from '../worker/pause-check.js';
import type { TaskWorker } from '../worker/task-worker.js';
import { WORKER_OPTION_RULES } from '../worker/worker-options.js';
import type { BootstrapOptions } from './bootstrap-options.js';
import { readConfig, type Environment } from './config.js';
import { WorkerContainer, type BuiltWorker } from './container.js';
import { idempotentSource } from './idempotent-source.js';
import { catalogEntry, listedWorkers, pickWorkers, type CatalogEntry } from './worker-catalog.js';
import { workerSettings } from './worker-settings.js';

/** For what a poll does beside the request. */
const POLL_SPARE_MS = 2_000;

/** What `bootstrap()` is in a worker process: runs the workers that the process was started for, and ends it. */
export async function runWorkerProcess(
  marker: ProcessMarker,
  options: BootstrapOptions,
  env: Environment,
): Promise<never> {
  const { config } = readConfig(options, env);
  recordNativeCalls(nativeCallFile(marker.incarnation));
  const logger = new SteadyLogger(config.logger).child({ slot: marker.slot, pid: process.pid });
  const connection = { ...config.connection, serverUrl: marker.serverUrl };
  const host = new WorkerHost({
    marker,
    logger,
    client: createTaskClient(connection, { logger, transport: config.transport }),
    pollLimitMs: pollLimit(connection),
    build: () => buildWorkers(marker, options, env, logger),
  });
  return await host.run();
}

/** A poll is given up soon after the server should have answered; it may have to wait for a token before. */
function pollLimit({ keyId, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS }: ConductorConnection): number {
  const forToken = keyId === undefined ? 0 : requestTimeoutMs;
  return Math.min(POLL_MARGIN_MS, requestTimeoutMs) + forToken + POLL_SPARE_MS;
}

async function buildWorkers(
  marker: ProcessMarker,
  options: BootstrapOptions,
  env: Environment,
  logger: Logger,
): Promise<HostedWorkers> {
  const entries = [...listedWorkers(options.workers ?? []).entries, ...(await importWorkers(marker.files))];
  const container = new WorkerContainer(options.modules ?? [], new TaskLogger(logger));
  const workers: HostedWorker[] = [];
  for (const entry of pickWorkers(entries, marker.workers)) {
    const problems: string[] = [];
    const settings = workerSettings(entry.description, env, problems);
    throwProblems(problems);
    const built = await container.build(entry, settings.options.scope);
    workers.push(hosted(entry, settings, built, marker.resultsFolder, logger));
  }
  return { workers, close: () => container.close() };
}

async function importWorkers(files: readonly string[]): Promise<CatalogEntry[]> {
  const entries: CatalogEntry[] = [];
  for (const file of files) {
    const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    for (const value of new Set(Object.values(exports))) {
      const entry = catalogEntry(value, file);
      if (entry !== undefined) entries.push(entry);
    }
  }
  return entries;
}

/** Members of the worker object override the decorator; the environment overrides both. */
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
