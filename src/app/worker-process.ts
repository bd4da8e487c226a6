import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SteadyLogger, type Logger } from '../core/logger.js';
import { mainFile } from '../os/main-file.js';
import { createTaskClient } from '../conductor/clients/conductor-clients.js';
import { DEFAULT_REQUEST_TIMEOUT_MS, type ConductorConnection } from '../conductor/transport/http-options.js';
import { POLL_MARGIN_MS } from '../conductor/clients/http-task-client.js';
import { recordNativeCalls } from '../protocol/native-call-record.js';
import type { ProcessMarker } from '../protocol/process-marker.js';
import type { HostedWorker, HostedWorkers } from '../host/hosted-worker.js';
import { WorkerHost } from '../host/worker-host.js';
import { TaskLogger } from '../worker/execution/task-logger.js';
import type { BootstrapOptions } from './config/bootstrap-options.js';
import type { Environment } from '../core/environment.js';
import { readConfig } from './config/config.js';
import { WorkerContainer } from './container/container.js';
import { catalogEntry, listedWorkers, pickWorkers, type CatalogEntry } from './discovery/worker-catalog.js';
import { buildWorker } from './container/worker-builder.js';

/** For what a poll does beside the request. */
const POLL_SPARE_MS = 2_000;

/** What `bootstrap()` is in a worker process: runs the workers that the process was started for, and ends it. */
export async function runWorkerProcess(
  marker: ProcessMarker,
  options: BootstrapOptions,
  env: Environment,
): Promise<never> {
  const { config } = readConfig(options, env);
  process.title = processTitle(marker.replica, mainFile());
  if (marker.nativeCallsFile !== undefined) recordNativeCalls(marker.nativeCallsFile);
  const logger = new SteadyLogger(config.logger).child({ replica: marker.replica, pid: process.pid });
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

/** What `ps` and `top` show. Names come from programs, and this is read by other tools: nothing but plain characters. */
export function processTitle(replica: string, main: string | undefined): string {
  const title = `tutti: ${replica} of ${main === undefined ? 'a program' : basename(main)}`;
  return title.replace(/[^\w .:#@/-]/g, '_');
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
  const container = new WorkerContainer({
    modules: options.modules ?? [],
    logger: new TaskLogger(logger),
    interceptors: options.interceptors ?? [],
    autobind: options.autobind ?? true,
  });
  const workers: HostedWorker[] = [];
  for (const entry of pickWorkers(entries, marker.workers)) {
    workers.push(await buildWorker(entry, { container, env, resultsFolder: marker.resultsFolder, logger }));
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
