import { basename } from 'node:path';
import { TuttiError, type ErrorCode } from '../core/errors.js';
import { throwProblems } from '../core/options.js';
import { SteadyLogger } from '../core/logger.js';
import { within } from '../core/sleep.js';
import { testRunner } from '../core/test-runner.js';
import {
  createConductorClients,
  createTaskAndMetadataClients,
  type ConductorClients,
} from '../conductor/clients/conductor-clients.js';
import { resolveHttpOptions } from '../conductor/transport/http-options.js';
import type { MetadataClient } from '../conductor/clients/metadata-client.js';
import { redactSecrets, secretsOf } from '../conductor/transport/redaction.js';
import type { TaskClient } from '../conductor/clients/task-client.js';
import { ClusterLauncher } from '../orchestrator/processes/cluster-launcher.js';
import { Orchestrator } from '../orchestrator/orchestrator.js';
import type { ServerConnection } from '../orchestrator/orchestrator-options.js';
import { OrphanGuard } from '../orchestrator/processes/orphan-guard.js';
import type { ProcessPlan } from '../orchestrator/processes/process-plan.js';
import { RunDirectory } from '../orchestrator/custody/run-directory.js';
import { bootTable } from './boot-table.js';
import type { BootstrapOptions } from './config/bootstrap-options.js';
import type { Environment } from '../core/environment.js';
import { discoveryRoot, resolveConfig, type Config } from './config/config.js';
import { discoverWorkers } from './discovery/discovery.js';
import { machineNotes, thisMachine, withHeapLimits, type MachineNote } from './config/machine.js';
import { currentProcess, entryFile } from './role/role.js';
import { planProcesses, type ConfiguredWorker } from './process-plan.js';
import { stateFolders } from './state-folders.js';
import { warnOfUnknownTaskTypes } from './task-type-check.js';
import { duplicates, listedWorkers } from './discovery/worker-catalog.js';
import { unknownVariables, workerSettings } from './config/worker-settings.js';

const PLAIN_HTTP = 'the access key goes to the server in plain text: use https, or a server on this machine';
/** How long the end waits for requests that are under way. */
const CLOSE_WAIT_MS = 3_000;
/** How long the start waits to hear whether the server takes the access key. */
const KEY_CHECK_MS = 5_000;

/** When the server is asked whether it knows the task types: programs register definitions once `bootstrap()` is over. */
const TASK_TYPE_CHECK_MS = 5_000;

let current: Orchestrator | undefined;
let isBeingMade = false;

/** The orchestrator of this program, checked and ready to start. */
export async function createOrchestrator(options: BootstrapOptions, env: Environment): Promise<Orchestrator> {
  if (isBeingMade || (current !== undefined && !['stopped', 'failed'].includes(current.state))) {
    throw new TuttiError(
      'ILLEGAL_STATE',
      'bootstrap() runs already; one at a time in a program. Stop the other first',
    );
  }
  isBeingMade = true;
  surviveClosedStderr();
  try {
    current = await makeOrchestrator(options, env);
    return current;
  } finally {
    isBeingMade = false;
  }
}

/** The reader of standard error, such as a log shipper, may die. That must not end the application. */
function surviveClosedStderr(): void {
  if (!process.stderr.listeners('error').includes(ignoreError)) process.stderr.on('error', ignoreError);
}

function ignoreError(): void {}

async function makeOrchestrator(options: BootstrapOptions, env: Environment): Promise<Orchestrator> {
  const { config: given, problems } = resolveConfig(options, env);
  const config = { ...given, logger: new SteadyLogger(given.logger) };
  const entry = entryFile(config.entry, currentProcess());
  const { workers, replicas, notes } = await plan(options, config, entry, env, problems);
  for (const { level, text } of notes) config.logger.log(level, text);
  const guard = new OrphanGuard(config.logger, basename(entry));
  // A forgotten stop() must not keep a test runner from ending.
  const keepsProcessAlive = testRunner(process.env) === undefined;
  let metadata: MetadataClient | undefined;
  const orchestrator = new Orchestrator({
    ...config,
    replicas,
    launcher: new ClusterLauncher(entry, guard, config.logger, keepsProcessAlive),
    keepsProcessAlive,
    guard,
    connect: async () => {
      const connected = await connect(config, entry, env);
      ({ metadata } = connected);
      return connected;
    },
    onStarted: (status) => {
      config.logger.info(`${basename(entry)} has started; its workers poll ${status.serverUrl}`, {
        table: bootTable(workers, status, process.cwd()),
      });
      setTimeout(() => {
        if (orchestrator.state !== 'running' || metadata === undefined) return;
        void warnOfUnknownTaskTypes(orchestrator.status(), metadata, config.logger);
      }, TASK_TYPE_CHECK_MS).unref();
    },
  });
  return orchestrator;
}

/** What is to run. */
interface ApplicationPlan {
  readonly workers: readonly ConfiguredWorker[];
  readonly replicas: readonly ProcessPlan[];
  /** What somebody should know of it. */
  readonly notes: readonly MachineNote[];
}

/**
 * Plans what is to run, by the options, the files, the environment and the machine as they are now. It changes nothing, so
 * that it can be repeated: `Supervisor.reconcile` makes the difference between two plans happen.
 *
 * @param problems - what was found wrong before
 * @throws ConfigurationError with that and everything that is wrong with the workers
 */
async function plan(
  options: BootstrapOptions,
  config: Config,
  entry: string,
  env: Environment,
  problems: readonly string[] = [],
): Promise<ApplicationPlan> {
  const workers = await configuredWorkers(options, config, entry, env, [...problems]);
  const taskTypes = workers.map((worker) => worker.description.taskType);
  const machine = thisMachine(env);
  const replicas = withHeapLimits(planProcesses(workers, machine.processors), machine);
  const unknown = unknownVariables(taskTypes, env).map((text): MachineNote => ({ level: 'warn', text }));
  return { workers, replicas, notes: [...unknown, ...machineNotes(replicas, machine)] };
}

/**
 * The workers that were given and found, with their settings.
 *
 * @param problems - what was found wrong before
 * @throws ConfigurationError with that and everything that is wrong with the workers
 */
async function configuredWorkers(
  options: BootstrapOptions,
  config: Config,
  entry: string,
  env: Environment,
  problems: string[],
): Promise<ConfiguredWorker[]> {
  const listed = listedWorkers(Array.isArray(options.workers) ? options.workers : []);
  const discovered = await discoverWorkers(config.discover, discoveryRoot(entry), config.logger);
  const descriptions = [...listed.entries.map((one) => one.description), ...discovered];
  const unusable = [...listed.problems, ...descriptions.flatMap((description) => description.problems)];
  const twice = duplicates(descriptions);
  if (descriptions.length + problems.length + unusable.length === 0) {
    problems.push('bootstrap(): there are no workers; give `workers` or `discover`');
  }
  // Options that are wrong in the code have been told already, with the name of the class.
  const workers = descriptions
    .filter((description) => description.problems.length === 0)
    .map((description) => ({ description, settings: workerSettings(description, env, problems) }));
  const isByCompiler =
    listed.problems.length === 0 &&
    descriptions.every((one) => one.problems.length === 0 || one.hasStandardDecorator === true);
  // One error for everything: it has the code of its mistakes where that is the same for all.
  const kinds: ErrorCode[] = [
    ...(problems.length > 0 ? (['CONFIG_INVALID'] as const) : []),
    ...(unusable.length > 0
      ? [isByCompiler ? ('DECORATOR_MODE' as const) : ('WORKER_INVALID' as const)]
      : []),
    ...(twice.length > 0 ? (['WORKER_DUPLICATE'] as const) : []),
  ];
  throwProblems([...problems, ...unusable, ...twice], kinds.length === 1 ? kinds[0] : 'CONFIG_INVALID');
  return workers;
}

interface Connection extends ServerConnection {
  readonly metadata: MetadataClient;
}

/** Starts the embedded server where there is one, and makes the orchestrator's own client. */
async function connect(config: Config, entry: string, env: Environment): Promise<Connection> {
  const server = await config.server?.start(config.logger);
  const options = resolveHttpOptions(
    { ...config.connection, serverUrl: server?.url ?? config.connection.serverUrl },
    env,
  );
  const url = options.baseUrl;
  if (options.exposesSecrets) config.logger.warn(PLAIN_HTTP, { url });
  const secrets = secretsOf(options);
  const { logger, transport } = config;
  const connection = { ...config.connection, serverUrl: url };
  let client: TaskClient | undefined;
  let metadata: MetadataClient;
  try {
    ({ tasks: client, metadata } = createTaskAndMetadataClients(connection, { logger, transport }));
    await checkKey(client, config);
  } catch (error) {
    await client?.close();
    await server?.close();
    throw error;
  }
  const subject = { entry, serverUrl: url, orphanGraceMs: config.orphanGraceMs };
  const directory =
    server === undefined
      ? await RunDirectory.open(stateFolders(entry, url, env), logger, subject)
      : // Its tasks end with it.
        await RunDirectory.openTemporary(logger, subject);
  let clients: Promise<ConductorClients> | undefined;
  return {
    url,
    client,
    metadata,
    directory,
    redact: (text) => redactSecrets(text, secrets),
    closeClients: async () => {
      const made = await clients?.catch(() => undefined);
      if (made !== undefined) await within(made.close(), CLOSE_WAIT_MS);
    },
    clients: () => (clients ??= createConductorClients(connection, { logger, transport })),
    close: async () => {
      // A request that is not answered, for a token say, must not hold up the end.
      await within(client.close(), CLOSE_WAIT_MS);
      await server?.close();
    },
  };
}

/** A start with a wrong key fails at once. A server that does not answer is no failure: polls back off until it does. */
async function checkKey(client: TaskClient, { onStartupFailure }: Config): Promise<void> {
  if (onStartupFailure === 'continue') return;
  const refusal = client.checkAccess().then(
    () => undefined,
    (error: unknown) => (TuttiError.is(error, 'HTTP_AUTH') ? error : undefined),
  );
  const error = await within(refusal, KEY_CHECK_MS);
  if (error !== undefined) throw error;
}
