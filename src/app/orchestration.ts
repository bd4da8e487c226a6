import { basename } from 'node:path';
import { ConfigurationError, TuttiError } from '../core/errors.js';
import { throwProblems } from '../core/options.js';
import {
  createConductorClients,
  createTaskClient,
  type ConductorClients,
} from '../conductor/conductor-clients.js';
import { ClusterLauncher } from '../orchestrator/cluster-launcher.js';
import { Orchestrator } from '../orchestrator/orchestrator.js';
import type { ServerConnection } from '../orchestrator/orchestrator-options.js';
import { OrphanGuard } from '../orchestrator/orphan-guard.js';
import { RunDirectory, temporaryRoot } from '../orchestrator/run-directory.js';
import { bootTable } from './boot-table.js';
import type { BootstrapOptions } from './bootstrap-options.js';
import { discoveryRoot, resolveConfig, type Config, type Environment } from './config.js';
import { discoverWorkers } from './discovery.js';
import { currentProcess, entryFile } from './role.js';
import { planSlots, type ConfiguredWorker } from './slot-plan.js';
import { stateFolders, temporaryStateFolder } from './state-folders.js';
import { duplicates, listedWorkers } from './worker-catalog.js';
import { unknownVariables, workerSettings } from './worker-settings.js';

let current: Orchestrator | undefined;

/** The orchestrator of this program, checked and ready to start. */
export async function createOrchestrator(options: BootstrapOptions, env: Environment): Promise<Orchestrator> {
  if (current !== undefined && !['stopped', 'failed'].includes(current.state)) {
    throw new TuttiError(
      'ILLEGAL_STATE',
      'bootstrap() runs already; one at a time in a program. Stop the other first',
    );
  }
  const { config, problems } = resolveConfig(options, env);
  const entry = entryFile(config.entry, currentProcess());
  const workers = await configuredWorkers(options, config, entry, env, problems);
  throwProblems(problems);
  for (const warning of unknownVariables(
    workers.map((worker) => worker.description.taskDefName),
    env,
  )) {
    config.logger.warn(warning);
  }
  const guard = new OrphanGuard(config.logger);
  current = new Orchestrator({
    ...config,
    slots: planSlots(workers),
    launcher: new ClusterLauncher(entry, guard),
    guard,
    connect: () => connect(config, entry, env),
    onStarted: (status) =>
      config.logger.info(
        `${basename(entry)} runs on ${status.serverUrl}\n${bootTable(workers, status, process.cwd())}`,
      ),
  });
  return current;
}

async function configuredWorkers(
  options: BootstrapOptions,
  config: Config,
  entry: string,
  env: Environment,
  problems: string[],
): Promise<ConfiguredWorker[]> {
  const listed = listedWorkers(Array.isArray(options.workers) ? options.workers : []);
  problems.push(...listed.problems);
  const discovered = await discoverWorkers(config.discover, discoveryRoot(entry));
  const descriptions = [...listed.entries.map((one) => one.description), ...discovered];
  problems.push(...descriptions.flatMap((description) => description.problems));
  if (descriptions.length === 0 && problems.length === 0) {
    problems.push('bootstrap(): there are no workers; give `workers` or `discover`');
  }
  const twice = duplicates(descriptions);
  if (twice.length > 0 && problems.length === 0) {
    throw new ConfigurationError('WORKER_DUPLICATE', twice.join('\n'), { details: { problems: twice } });
  }
  problems.push(...twice);
  // Options that are wrong in the code have been told already, with the name of the class.
  return descriptions
    .filter((description) => description.problems.length === 0)
    .map((description) => ({ description, settings: workerSettings(description, env, problems) }));
}

/** Starts the embedded server where there is one, and makes the orchestrator's own client. */
async function connect(config: Config, entry: string, env: Environment): Promise<ServerConnection> {
  const server = await config.server?.start(config.logger);
  const url = server?.url ?? config.connection.serverUrl;
  const { logger, transport } = config;
  const connection = { ...config.connection, serverUrl: url };
  const client = createTaskClient(connection, { logger, transport });
  const folders =
    server === undefined ? stateFolders(entry, url, env) : [temporaryRoot(temporaryStateFolder())];
  let clients: Promise<ConductorClients> | undefined;
  return {
    url,
    client,
    directory: await RunDirectory.open(folders, logger),
    clients: () => (clients ??= createConductorClients(connection, { logger, transport })),
    close: async () => {
      await client.close();
      await (await clients?.catch(() => undefined))?.close();
      await server?.close();
    },
  };
}
