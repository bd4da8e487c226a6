import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { ConfigurationError, describeThrown, TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Logger as LoggerPort } from '../core/logger.js';
import { WorkerSource, type Executable } from '../worker/task-runner.js';
import { isFunctionWorker, type FunctionWorker } from '../worker/function-worker.js';
import type { TaskContext } from '../worker/task-context.js';
import type { TaskWorker, WorkerClass, WorkerScope } from '../worker/task-worker.js';
import type { Task } from '../conductor/types.js';
import { dependencyProblems } from './dependency-check.js';
import { TaskGraphs } from './task-graph.js';
import type { CatalogEntry } from './worker-catalog.js';

/** A worker that the container has built (or can build for each task). */
export interface BuiltWorker {
  readonly source: WorkerSource;
  /** The object of a class worker, for the members that override its options; of a trial graph for scope `task`. */
  readonly instance: Partial<TaskWorker> | undefined;
}

/** The services and workers of one worker process. */
export class WorkerContainer {
  readonly #containers = new Map<WorkerScope, Container>();
  readonly #modules: readonly ContainerModule[];
  readonly #logger: Logger;

  constructor(modules: readonly ContainerModule[], logger: Logger) {
    this.#modules = modules;
    this.#logger = logger;
  }

  /**
   * Builds a worker with all its services.
   *
   * @throws ConfigurationError `DI_UNRESOLVED` when a binding or its metadata is missing; TuttiError `PROCESS_FAILED`
   *   when a constructor or `@postConstruct` throws
   */
  async build(entry: CatalogEntry, scope: WorkerScope): Promise<BuiltWorker> {
    const container = await this.#container(scope);
    const roots = bindRoots(container, entry);
    const { name, key } = entry.description;
    const problems = dependencyProblems(container, roots, `functionWorker ${name}`);
    if (problems.length > 0) throw unresolved(name, problems);
    try {
      return await (scope === 'task'
        ? this.#buildPerTask(container, entry, roots)
        : buildShared(container, entry, roots));
    } catch (error) {
      throw buildError(name, key, error);
    }
  }

  /** Closes all singletons: `@preDestroy` and the deactivations of their bindings. */
  async close(): Promise<void> {
    for (const container of this.#containers.values()) await container.unbindAllAsync();
  }

  /** Both scopes see the same modules; only what is bound without a scope differs. */
  async #container(scope: WorkerScope): Promise<Container> {
    const existing = this.#containers.get(scope);
    if (existing !== undefined) return existing;
    const container = new Container({ defaultScope: scope === 'task' ? 'Request' : 'Singleton' });
    this.#containers.set(scope, container);
    await container.loadAsync(...this.#modules);
    if (!container.isBound(LoggerPort)) container.bind(LoggerPort).toConstantValue(this.#logger);
    return container;
  }

  async #buildPerTask(
    container: Container,
    entry: CatalogEntry,
    roots: readonly ServiceIdentifier[],
  ): Promise<BuiltWorker> {
    const graphs = new TaskGraphs(container, this.#logger);
    await graphs.rehearse(roots);
    const trial = await graphs.build(roots);
    await graphs.close(trial.graph);
    const source: WorkerSource = {
      shared: undefined,
      acquire: async () => {
        const { services, graph } = await graphs.build(roots);
        return { worker: executable(entry.worker, services), release: () => graphs.close(graph) };
      },
    };
    return { source, instance: instanceOf(entry, trial.services) };
  }
}

/** The services that are asked of the container: the class itself, or what is injected into the function. */
function bindRoots(container: Container, entry: CatalogEntry): readonly ServiceIdentifier[] {
  const { worker } = entry;
  if (isFunctionWorker(worker)) return worker.inject;
  const identifier = worker as unknown as ServiceIdentifier & (new () => object);
  if (!container.isBound(identifier)) container.bind(identifier).toSelf();
  return [identifier];
}

async function buildShared(
  container: Container,
  entry: CatalogEntry,
  roots: readonly ServiceIdentifier[],
): Promise<BuiltWorker> {
  const services = await Promise.all(roots.map((root) => container.getAsync(root)));
  const shared = executable(entry.worker, services);
  const source: WorkerSource = {
    shared,
    acquire: () => Promise.resolve({ worker: shared, release: () => Promise.resolve() }),
  };
  return { source, instance: instanceOf(entry, services) };
}

function executable(worker: WorkerClass | FunctionWorker, services: readonly unknown[]): Executable {
  if (!isFunctionWorker(worker)) return services[0] as Executable;
  const { execute } = worker;
  return { execute: (task: Task, context: TaskContext) => execute(task, context, ...services) };
}

function instanceOf(entry: CatalogEntry, services: readonly unknown[]): Partial<TaskWorker> | undefined {
  return isFunctionWorker(entry.worker) ? undefined : (services[0] as Partial<TaskWorker>);
}

function unresolved(name: string, problems: readonly string[], cause?: unknown): ConfigurationError {
  const list = problems.length === 1 ? ` ${problems[0]}` : `\n  - ${problems.join('\n  - ')}`;
  return new ConfigurationError('DI_UNRESOLVED', `worker ${name} cannot be built:${list}`, {
    cause,
    details: { worker: name, problems },
  });
}

const INVERSIFY_ERROR = Symbol.for('@inversifyjs/core/InversifyCoreError');

function isInversifyError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && INVERSIFY_ERROR in error;
}

/** Inversify wraps what constructors and `@postConstruct` methods throw; what they threw is what matters. */
function withoutWrapping(error: unknown): unknown {
  let inner = error;
  while (isInversifyError(inner) && inner.cause !== undefined) inner = inner.cause;
  return inner;
}

function buildError(name: string, key: string, error: unknown): TuttiError {
  const inner = withoutWrapping(error);
  if (inner instanceof TuttiError) return inner;
  if (isInversifyError(inner)) return unresolved(name, [inner.message], inner);
  return new TuttiError('PROCESS_FAILED', `building worker ${name} failed: ${describeThrown(inner)}`, {
    cause: inner,
    details: { worker: key },
  });
}
