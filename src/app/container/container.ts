import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { ConfigurationError, describeThrown, stackOf, TuttiError } from '../../core/errors.js';
import { loggerClasses, type Logger } from '../../core/logger.js';
import { within } from '../../core/sleep.js';
import { show } from '../../core/options.js';
import {
  interceptorClasses,
  isInterceptor,
  type InterceptorClass,
  type TaskInterceptor,
} from '../../worker/execution/task-interceptor.js';
import type { WorkerSource } from '../../worker/execution/task-runner.js';
import type { WorkerScope } from '../../worker/definition/task-worker.js';
import type { WorkerDefinition, WorkerInstance } from '../../worker/definition/worker-definition.js';
import { recordBindingConditions } from './binding-conditions.js';
import { serviceName } from './class-metadata.js';
import { boundServices } from './container-bindings.js';
import { dependencyProblems, findCycle } from './dependency-check.js';
import { bindToThemselves } from './self-binding.js';
import { TaskGraphs } from './task-graph.js';
import type { CatalogEntry } from '../discovery/worker-catalog.js';

/** A worker that the container has built (or can build for each task). */
export interface BuiltWorker {
  readonly source: WorkerSource;
  /** For scope `task` that of a trial. */
  readonly instance: WorkerInstance;
}

/** A class as the container takes it. */
type Constructor = new () => unknown;
/** An interceptor, or the class of one. */
type GivenInterceptor = TaskInterceptor | InterceptorClass;

export interface ContainerOptions {
  readonly modules: readonly ContainerModule[];
  readonly logger: Logger;
  /** Those of `bootstrap({ interceptors })`. @defaultValue none */
  readonly interceptors?: readonly GivenInterceptor[];
  /** Whether `@injectable()` classes without a binding are bound to themselves. @defaultValue true */
  readonly autobind?: boolean;
}

/** The services and workers of one worker process. */
export class WorkerContainer {
  readonly #containers = new Map<WorkerScope, Container>();
  readonly #interceptors = new Map<WorkerScope, Promise<readonly TaskInterceptor[]>>();
  /** Services in the order in which the first object of each was made: what a service needs comes before it. */
  readonly #made = new Set<ServiceIdentifier>();
  readonly #watched = new Map<Container, Set<ServiceIdentifier>>();
  readonly #options: Required<ContainerOptions>;
  /** Closes what was made for interceptors and what the containers do not close themselves. */
  #closeInterceptors = (): Promise<void> => Promise.resolve();

  constructor(options: ContainerOptions) {
    this.#options = { interceptors: [], autobind: true, ...options };
  }

  /**
   * Builds a worker with all its services.
   *
   * @throws ConfigurationError `DI_UNRESOLVED` when a binding or its metadata is missing; TuttiError `PROCESS_FAILED`
   *   when a constructor or `@postConstruct` throws
   */
  async build({ description, definition }: CatalogEntry, scope: WorkerScope): Promise<BuiltWorker> {
    const { name, key } = description;
    const what = { subject: `worker ${name}`, neededBy: `functionWorker ${name}`, details: { worker: key } };
    return await this.#resolved(what, scope, definition.dependencies, async (container) => {
      const root = Symbol(`services of ${key}`);
      // As one service, so that they belong to one graph.
      container
        .bind<unknown[]>(root)
        .toResolvedValue((...services: unknown[]) => services, [...definition.dependencies]);
      this.#watch(container);
      return await (scope === 'task'
        ? this.#buildPerTask(container, definition, root)
        : buildShared(container, definition, root));
    });
  }

  /**
   * What goes around each execution of the workers of this scope, the first outermost: what was given, then what modules
   * bind. Made once.
   *
   * @throws as {@link build}
   */
  async interceptors(scope: WorkerScope): Promise<readonly TaskInterceptor[]> {
    let made = this.#interceptors.get(scope);
    if (made === undefined) this.#interceptors.set(scope, (made = this.#buildInterceptors(scope)));
    return await made;
  }

  async #buildInterceptors(scope: WorkerScope): Promise<readonly TaskInterceptor[]> {
    const { interceptors, logger } = this.#options;
    const container = await this.#container(scope);
    const classes = interceptors.filter((one) => typeof one === 'function') as unknown as Constructor[];
    // A module may come from a package with a copy of this one.
    const bound = interceptorClasses().filter((token) => container.isBound(token));
    const needed: ServiceIdentifier[] = [...classes, ...bound];
    if (needed.length === 0) return interceptors as readonly TaskInterceptor[];
    for (const one of classes) if (!container.isBound(one)) container.bind(one).toSelf();
    const what = { subject: 'the interceptors', neededBy: 'bootstrap({ interceptors })', details: {} };
    return await this.#resolved(what, scope, needed, async () => {
      const root = Symbol('interceptors');
      container
        .bind<unknown[]>(root)
        .toResolvedValue(
          (...services: unknown[]) => services,
          [...classes, ...bound.map((token) => ({ isMultiple: true as const, serviceIdentifier: token }))],
        );
      this.#watch(container);
      const services = await (scope === 'task'
        ? this.#keepOne(new TaskGraphs(container, root, logger), needed)
        : container.getAsync<unknown[]>(root));
      const ofModules = services.slice(classes.length).flat();
      const made = new Map<unknown, unknown>(classes.map((one, index) => [one, services[index]]));
      return [...interceptors.map((one) => made.get(one) ?? one), ...ofModules].map(checkedInterceptor);
    });
  }

  /** For as long as the process lives; the container itself closes only what is bound in singleton scope. */
  async #keepOne(graphs: TaskGraphs, needed: readonly ServiceIdentifier[]): Promise<unknown[]> {
    await graphs.rehearse(needed);
    const { made, graph } = await graphs.build();
    this.#closeInterceptors = () => graphs.close(graph);
    return made as unknown[];
  }

  /** Checks that everything is bound before anything is built, and says what is wrong if that fails. */
  async #resolved<T>(
    { subject, neededBy, details }: { subject: string; neededBy: string; details: object },
    scope: WorkerScope,
    needed: readonly ServiceIdentifier[],
    build: (container: Container) => Promise<T>,
  ): Promise<T> {
    let cycle = (): string | undefined => undefined;
    try {
      const container = await this.#container(scope);
      const unbindable = bindToThemselves(container, needed, this.#options.autobind);
      if (unbindable.length > 0) throw unresolved(subject, unbindable, details);
      cycle = () => findCycle(container, needed);
      const problems = dependencyProblems(container, needed, neededBy);
      if (problems.length > 0) throw unresolved(subject, problems, details);
      return await build(container);
    } catch (error) {
      throw buildError(subject, details, error, cycle);
    }
  }

  /**
   * Closes all singletons, by `@preDestroy` and the deactivations of their bindings: one after the other, the last made
   * first, so that a service can use what it needs until it is closed itself.
   *
   * @throws TuttiError that names the services that could not be closed, once all others are
   */
  async close(): Promise<void> {
    await this.#closeInterceptors();
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
    await container.loadAsync(...this.#options.modules);
    // A service may come from a package with a copy of this one, and ask for the class of that copy.
    const classes = loggerClasses();
    const own = classes.find((token) => container.isBound(token));
    for (const token of classes.filter((one) => !container.isBound(one))) {
      if (own === undefined) container.bind(token).toConstantValue(this.#options.logger);
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
    definition: WorkerDefinition,
    root: ServiceIdentifier,
  ): Promise<BuiltWorker> {
    const graphs = new TaskGraphs(container, root, this.#options.logger);
    await graphs.rehearse(definition.dependencies);
    const build = async () => {
      const { made, graph } = await graphs.build();
      return { instance: definition.instantiate(made as unknown[]), graph };
    };
    const trial = await build();
    await graphs.close(trial.graph);
    const source: WorkerSource = {
      shared: undefined,
      acquire: async () => {
        const { instance, graph } = await build();
        return { worker: instance.executable, release: () => graphs.close(graph) };
      },
    };
    return { source, instance: trial.instance };
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

async function buildShared(
  container: Container,
  definition: WorkerDefinition,
  root: ServiceIdentifier<unknown[]>,
): Promise<BuiltWorker> {
  const instance = definition.instantiate(await container.getAsync(root));
  const shared = instance.executable;
  const source: WorkerSource = {
    shared,
    acquire: () => Promise.resolve({ worker: shared, release: () => Promise.resolve() }),
  };
  return { source, instance };
}

/** Modules may bind anything. */
function checkedInterceptor(made: unknown): TaskInterceptor {
  if (isInterceptor(made)) return made;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `a module binds ${show(made)} to TaskInterceptor: it has no execute(task, context, next) method`,
  );
}

function unresolved(
  subject: string,
  problems: readonly string[],
  details: object,
  cause?: unknown,
): ConfigurationError {
  const list = problems.length === 1 ? ` ${problems[0]}` : `\n  - ${problems.join('\n  - ')}`;
  return new ConfigurationError('DI_UNRESOLVED', `${subject} cannot be built:${list}`, {
    cause,
    details: { ...details, problems },
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

function buildError(
  subject: string,
  details: object,
  error: unknown,
  cycle: () => string | undefined,
): TuttiError {
  const inner = withoutWrapping(error);
  if (inner instanceof TuttiError) return inner;
  if (isInversifyError(inner)) return unresolved(subject, [inversifyProblem(inner, cycle)], details, inner);
  const place = placeOf(inner);
  const where = place === undefined ? '' : ` in ${place}`;
  return new TuttiError('PROCESS_FAILED', `building ${subject} failed${where}: ${describeThrown(inner)}`, {
    cause: inner,
    details: { ...details },
  });
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
