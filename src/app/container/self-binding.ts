import type { Container, ServiceIdentifier } from 'inversify';
import { getWorkerMetadata } from '../../worker/definition/worker-metadata.js';
import { injectionPoints, isInjectable, type InjectionPoint } from './class-metadata.js';
import { bindingsOf, conditionsOf, type BindingQuery } from './container-bindings.js';
import { unknownParameter } from './dependency-check.js';

const SINGLE = 1;
const PLAIN: BindingQuery = { name: undefined, tags: new Map() };

type Class = new () => object;

/**
 * Binds classes to themselves that nothing is bound to: the worker classes among `roots` and, as far as `autobind` says so,
 * the classes with `@injectable()` that are asked for by their class alone.
 *
 * @returns a problem for each class that cannot be bound
 */
export function bindToThemselves(
  container: Container,
  roots: readonly ServiceIdentifier[],
  autobind: boolean,
): string[] {
  const problems: string[] = [];
  const boundTo = bindingsOf(container);
  const seen = new Set<unknown>();
  const visit = (service: ServiceIdentifier, query: BindingQuery): void => {
    if (isToBind(service) && conditionsOf(container, service).length === 0) bind(service);
    for (const target of boundTo(service, query)) {
      const next = target.kind === 'class' ? target.type : target.service;
      if (seen.has(next)) continue;
      seen.add(next);
      if (target.kind === 'service') visit(target.service, PLAIN);
      else for (const point of injectionPoints(target.type)) visitPoint(point);
    }
  };
  const visitPoint = (point: InjectionPoint): void => {
    const { service, kind, isOptional, name, tags } = point;
    if (service === undefined) return;
    const isByClass = kind === SINGLE && !isOptional && name === undefined && tags.size === 0;
    if (isByClass || container.isBound(service)) visit(service, point);
  };
  const isToBind = (service: ServiceIdentifier): service is Class =>
    typeof service === 'function' &&
    (getWorkerMetadata(service) !== undefined || (autobind && isInjectable(service)));
  const bind = (type: Class): void => {
    // Inversify refuses such a class, with a message that helps less.
    const problem = unknownParameter(type);
    if (problem === undefined) container.bind(type).toSelf();
    else problems.push(problem);
  };
  for (const root of roots) visit(root, PLAIN);
  return problems;
}
