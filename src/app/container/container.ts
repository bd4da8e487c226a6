import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { ConfigurationError, describeThrown, stackOf, TuttiError } from '../../core/errors.js';
import { loggerClasses, type Logger } from '../../core/logger.js';
import { within } from '../../core/sleep.js';
import { WorkerSource, type Executable } from '../../worker/execution/task-runner.js';
import { isFunctionWorker, type FunctionWorker } from '../../worker/definition/function-worker.js';
import type { TaskContext } from '../../worker/execution/task-context.js';
import type { TaskWorker, WorkerClass, WorkerScope } from '../../worker/definition/task-worker.js';
import type { Task } from '../../conductor/wire/types.js';
import { recordBindingConditions } from './binding-conditions.js';
import { serviceName } from './class-metadata.js';
import { boundServices } from './container-bindings.js';
import { dependencyProblems, findCycle, unknownParameter } from './dependency-check.js';
import { TaskGraphs } from './task-graph.js';
import type { CatalogEntry } from '../discovery/worker-catalog.js';

/** A worker that the container has built (or can build for each task). */
export interface BuiltWorker {
  readonly source: WorkerSource;
  /** The object of a class worker, for the members that override its options; of a trial graph for scope `task`. */
  readonly instance: Partial<TaskWorker> | undefined;
}

/** The services and workers of one worker process. */
export class WorkerContainer {
  readonly #containers = new Map<WorkerScope, Container>();
  /** Services in the order in which the first object of each was made: what a service needs comes before it. */
  readonly #made = new Set<ServiceIdentifier>();
  readonly #watched = new Map<Container, Set<ServiceIdentifier>>();
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
    const { name, key } = entry.description;
    let cycle = (): string | undefined => undefined;
    try {
      const container = await this.#container(scope);
      const needed = neededServices(container, entry);
      cycle = () => findCycle(container, needed);
      const problems = dependencyProblems(container, needed, `functionWorker ${name}`);
      if (problems.length > 0) throw unresolved(name, problems);
      const root = bindRoot(container, entry);
      this.#watch(container);
      return await (scope === 'task'
        ? this.#buildPerTask(container, entry, root, needed)
        : buildShared(container, entry, root));
    } catch (error) {
      throw buildError(name, key, error, cycle);
    }
  }

  /**
   * Closes all singletons, by `@preDestroy` and the deactivations of their bindings: one after the other, the last made
   * first, so that a service can use what it needs until it is closed itself.
   *
   * @throws TuttiError that names the services that could not be closed, once all others are
   */
  async close(): Promise<void> {
    const order = [...this.#made].reverse();
    const failures = await Promise.all(
      [...this.#containers.values()].map((container) => closeServices(container, order)),
    );
    const reasons = failures.flat();
    if (reasons.length > 0) throw new TuttiError('PROCESS_FAILED', reasons.join('; '));
  }

  /** Both scopes see the same modules; only what is bound without a scope differs. */
  async #container(scope: WorkerScope): Promise<Container> {
    const existing = this.#containers.get(scope);
    if (existing !== undefined) return existing;
    const container = new Container({ defaultScope: scope === 'task' ? 'Request' : 'Singleton' });
    this.#containers.set(scope, container);
    recordBindingConditions();
    await container.loadAsync(...this.#modules);
    // A service may come from a package with a copy of this one, and ask for the class of that copy.
    const classes = loggerClasses();
    const own = classes.find((token) => container.isBound(token));
    for (const token of classes.filter((one) => !container.isBound(one))) {
      if (own === undefined) container.bind(token).toConstantValue(this.#logger);
      else container.bind(token).toService(own);
    }
    return container;
  }

  /** Notes when the first object of each service is made. */
  #watch(container: Container): void {
    const watched = this.#watched.get(container) ?? new Set();
    this.#watched.set(container, watched);
    for (const service of boundServices(container) ?? []) {
      if (watched.has(service)) continue;
      watched.add(service);
      container.onActivation(service, (_context, made) => {
        this.#made.add(service);
        return made;
      });
    }
  }

  async #buildPerTask(
    container: Container,
    entry: CatalogEntry,
    root: ServiceIdentifier,
    needed: readonly ServiceIdentifier[],
  ): Promise<BuiltWorker> {
    const graphs = new TaskGraphs(container, root, this.#logger);
    await graphs.rehearse(needed);
    const trial = await graphs.build();
    await graphs.close(trial.graph);
    const source: WorkerSource = {
      shared: undefined,
      acquire: async () => {
        const { made, graph } = await graphs.build();
        return { worker: executable(entry.worker, made), release: () => graphs.close(graph) };
      },
    };
    return { source, instance: instanceOf(entry, trial.made) };
  }
}

/** So long the others wait for a service that is being closed: one that hangs must not keep all others open. */
const CLOSE_TURN_MS = 2_000;

/**
 * Each service by itself: Inversify's own way for all of them stops at, or does not wait behind, the first that fails.
 *
 * @param order - those that were made, in the order in which they are closed
 */
async function closeServices(container: Container, order: readonly ServiceIdentifier[]): Promise<string[]> {
  const bound = boundServices(container);
  if (bound === undefined) {
    await container.unbindAllAsync();
    return [];
  }
  const failures: string[] = [];
  const close = async (service: ServiceIdentifier): Promise<void> => {
    try {
      await container.unbindAsync(service);
    } catch (error) {
      failures.push(`closing ${serviceName(service)} failed: ${describeThrown(error)}`);
    }
  };
  const isBound = new Set(bound);
  const closing: Promise<void>[] = [];
  for (const service of new Set([...order.filter((one) => isBound.has(one)), ...bound])) {
    const closed = close(service);
    closing.push(closed);
    await within(closed, CLOSE_TURN_MS);
  }
  await Promise.all(closing);
  return failures;
}

/** What is asked of the container: the class itself, or what is injected into the function. */
function neededServices(container: Container, entry: CatalogEntry): readonly ServiceIdentifier[] {
  const { worker } = entry;
  if (isFunctionWorker(worker)) return worker.inject;
  const identifier = worker as unknown as ServiceIdentifier & (new () => object);
  const problem = unknownParameter(identifier);
  if (problem !== undefined) throw unresolved(entry.description.name, [problem]);
  if (!container.isBound(identifier)) container.bind(identifier).toSelf();
  return [identifier];
}

/** The class itself, or for a function the list of its services: as one service, so that they belong to one graph. */
function bindRoot(container: Container, { worker, description }: CatalogEntry): ServiceIdentifier {
  if (!isFunctionWorker(worker)) return worker;
  const root = Symbol(`services of ${description.key}`);
  container.bind<unknown[]>(root).toResolvedValue((...services: unknown[]) => services, [...worker.inject]);
  return root;
}

async function buildShared(
  container: Container,
  entry: CatalogEntry,
  root: ServiceIdentifier,
): Promise<BuiltWorker> {
  const made: unknown = await container.getAsync(root);
  const shared = executable(entry.worker, made);
  const source: WorkerSource = {
    shared,
    acquire: () => Promise.resolve({ worker: shared, release: () => Promise.resolve() }),
  };
  return { source, instance: instanceOf(entry, made) };
}

/** @param made - the worker object, or the services of a function */
function executable(worker: WorkerClass | FunctionWorker, made: unknown): Executable {
  if (!isFunctionWorker(worker)) return made as Executable;
  const { execute } = worker;
  const services = made as readonly unknown[];
  return { execute: (task: Task, context: TaskContext) => execute(task, context, ...services) };
}

function instanceOf(entry: CatalogEntry, made: unknown): Partial<TaskWorker> | undefined {
  return isFunctionWorker(entry.worker) ? undefined : (made as Partial<TaskWorker>);
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
  // Thrown may have been `undefined`.
  while (isInversifyError(inner) && Object.hasOwn(inner, 'cause')) inner = inner.cause;
  return inner;
}

function buildError(name: string, key: string, error: unknown, cycle: () => string | undefined): TuttiError {
  const inner = withoutWrapping(error);
  if (inner instanceof TuttiError) return inner;
  if (isInversifyError(inner)) return unresolved(name, [inversifyProblem(inner, cycle)], inner);
  const place = placeOf(inner);
  const where = place === undefined ? '' : ` in ${place}`;
  return new TuttiError(
    'PROCESS_FAILED',
    `building worker ${name} failed${where}: ${describeThrown(inner)}`,
    {
      cause: inner,
      details: { worker: key },
    },
  );
}

/** What the container was building when something was thrown: the innermost call below Inversify's own. */
function placeOf(thrown: unknown): string | undefined {
  const frames = stackOf(thrown)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  const inversify = frames.findIndex((line) => line.includes('@inversifyjs'));
  const [, constructed, method] =
    /^\s+at (?:async )?(?:new ([\w$]+)|([\w$]+\.[\w$]+)) \(/.exec(frames[inversify - 1] ?? '') ?? [];
  if (constructed !== undefined) return `the constructor of ${constructed}`;
  // Functions of modules belong to no class of the program.
  return method === undefined || /^(?:ContainerModule|Object|Module|Function|Promise)\./.test(method)
    ? undefined
    : `${method}()`;
}

/** Where we know the reason or a fix, what follows Inversify's first line helps less. */
function inversifyProblem({ message }: Error, cycle: () => string | undefined): string {
  const path = message.includes('circular') ? cycle() : undefined;
  if (path !== undefined) {
    return (
      `these services need each other: ${path}. Fixes: (1) move what both need into a third class, ` +
      '(2) inject a factory that is asked when the service is needed'
    );
  }
  if (!message.includes('missing metadata')) return message;
  const [, name] = /type "([^"]+)"/.exec(message) ?? [];
  const [first = ''] = message.split('\n');
  const what =
    name === undefined
      ? first
      : `no types were recorded for the constructor of ${name}, which a module binds`;
  return (
    `${what}. Fixes: (1) decorate the class with @injectable(), (2) compile with ` +
    '"experimentalDecorators" and "emitDecoratorMetadata" by tsc, swc or @oxc-node/core: esbuild, tsx and vite 7 emit no ' +
    'decorator metadata'
  );
}
