import { AsyncLocalStorage } from 'node:async_hooks';
import type { Container, ServiceIdentifier } from 'inversify';
import type { Logger } from '../../core/logger.js';
import { injectionPoints, preDestroyMethods } from './class-metadata.js';

/** The objects that were built for one task, in the order of their making. */
type Graph = object[];

const building = new AsyncLocalStorage<Graph>();

/**
 * Builds a fresh object graph for each task and closes it afterwards. The container must have the default scope
 * 'Request': whatever is bound without a scope is made anew for each task and shared within its graph; what is bound
 * in singleton scope lives as long as the process.
 *
 * Inversify runs `@preDestroy` for singletons only, so the objects of a graph are kept and closed here, the last made
 * first.
 */
export class TaskGraphs {
  readonly #container: Container;
  readonly #root: ServiceIdentifier;
  readonly #logger: Logger;
  readonly #tracked = new Set<ServiceIdentifier>();

  /** @param root - the service that every graph is built for */
  constructor(container: Container, root: ServiceIdentifier, logger: Logger) {
    this.#container = container;
    this.#root = root;
    this.#logger = logger;
  }

  /**
   * Builds graphs and throws them away: singletons are made and every service is known afterwards.
   *
   * @param needed - the services that the root asks for
   */
  async rehearse(needed: readonly ServiceIdentifier[]): Promise<void> {
    const earlier: Graph[] = [];
    for (;;) {
      const known = this.#tracked.size;
      for (const service of needed) this.#track(service);
      const { graph } = await this.build();
      for (const object of graph) this.#trackDependencies(object.constructor);
      if (this.#tracked.size > known) {
        earlier.push(graph);
        continue;
      }
      // Nothing new: what was made this time is made for each task; everything else was a singleton of before.
      const perTask = new Set(graph.map((object) => object.constructor));
      for (const one of earlier) await this.close(one.filter((object) => perTask.has(object.constructor)));
      return await this.close(graph);
    }
  }

  /** @returns what the root is made of, and all that was made for it */
  async build(): Promise<{ made: unknown; graph: Graph }> {
    const graph: Graph = [];
    try {
      const made: unknown = await building.run(graph, () => this.#container.getAsync(this.#root));
      return { made, graph };
    } catch (error) {
      await this.close(graph);
      throw error;
    }
  }

  async close(graph: Graph): Promise<void> {
    for (const object of [...graph].reverse()) {
      for (const method of preDestroyMethods(object.constructor)) {
        try {
          await (object as Record<string | symbol, () => unknown>)[method]!();
        } catch (error) {
          this.#logger.warn('@preDestroy of a service failed', { class: object.constructor.name, error });
        }
      }
    }
  }

  #trackDependencies(type: object): void {
    for (const point of injectionPoints(type)) if (point.service !== undefined) this.#track(point.service);
  }

  #track(service: ServiceIdentifier): void {
    if (this.#tracked.has(service)) return;
    this.#tracked.add(service);
    if (typeof service === 'function') this.#trackDependencies(service);
    this.#container.onActivation(service, (_context, made) => {
      if (typeof made === 'object' && made !== null) building.getStore()?.push(made);
      return made;
    });
  }
}
