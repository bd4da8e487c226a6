import { ConfigurationError } from '../core/errors.js';
import { keepAliveWithoutPrimary } from '../host/cluster-child.js';
import { EXIT_CODES } from '../protocol/exit-codes.js';
import type { Orchestrator } from '../orchestrator/orchestrator.js';
import { takeProcessMarker } from '../protocol/process-marker.js';
import type { BootstrapOptions } from './config/bootstrap-options.js';
import { watchMainFile } from './role/main-file.js';
import { withoutAwaitExplained } from './missing-await.js';

/**
 * Starts the application: one process for each worker, each with a container of its own.
 *
 * The worker processes run the same main file once more, and there this function **never returns**: what stands
 * before it runs in every process, what stands after it in the orchestrator only.
 *
 * @returns the orchestrator, once every worker process is ready and polling
 * @throws ConfigurationError with all mistakes in options, environment and workers; exit code 78
 * @throws TuttiError `STARTUP_FAILED` with every reason, when a worker process does not get ready. A server that
 *   does not answer is no such failure: polls back off until it does
 *
 * @example
 * ```ts
 * const orchestrator = await bootstrap({
 *   workers: [GreetWorker],
 *   modules: [new ContainerModule(({ bind }) => { bind(Greeter).toSelf(); })],
 * });
 * await orchestrator.join(); // until a signal, or stop()
 * ```
 */
export function bootstrap(options: BootstrapOptions): Promise<Orchestrator> {
  return withoutAwaitExplained(start(options));
}

/** From the import on: nothing of the main file has run then, but what it imports before. */
const endWatch = watchMainFile();

async function start(options: BootstrapOptions): Promise<Orchestrator> {
  const marker = takeProcessMarker();
  // Each role loads its own half only: a worker process pays for every file with time and memory.
  if (marker !== undefined) {
    keepAliveWithoutPrimary();
    const { runWorkerProcess } = evaluated(await import('./worker-process.js'));
    endWatch();
    return await runWorkerProcess(marker, options, process.env);
  }
  endWatch();
  try {
    const { createOrchestrator } = evaluated(await import('./orchestration.js'));
    const orchestrator = await createOrchestrator(options, process.env);
    if (options.autoStart !== false) await orchestrator.start();
    return orchestrator;
  } catch (error) {
    if (error instanceof ConfigurationError && options?.signals !== false) exitWithConfigurationCode(error);
    throw error;
  }
}

/**
 * Rollup's `inlineDynamicImports` puts what is imported later behind the main file, and gives `undefined` for it until
 * that has run: where its top level awaits `bootstrap()`, never.
 */
function evaluated<T extends object>(module: T | undefined): T {
  if (module !== undefined) return module;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    'bootstrap(): the bundler has put all modules into one file (`inlineDynamicImports`), in which those of Tutti are not ' +
      'evaluated before the main file is done, and its top level waits for bootstrap(). Fix: call bootstrap() in an async ' +
      'function, and that function without `await`; or let the bundler make several files',
  );
}

/**
 * An error that leaves a main file ends the program with code 1; a supervisor that reads 78 knows that starting it
 * again changes nothing.
 */
function exitWithConfigurationCode(error: ConfigurationError): void {
  process.once('exit', (code) => {
    if (code === EXIT_CODES.failed) process.exitCode = EXIT_CODES.configuration;
  });
  // PM2 and others listen to rejections, which then no longer end the program: it would end with code 0.
  if (process.listenerCount('unhandledRejection') === 0) return;
  process.on('unhandledRejection', (reason) => {
    if (reason === error) process.exitCode = EXIT_CODES.configuration;
  });
}
