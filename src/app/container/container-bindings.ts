import type { Container, ServiceIdentifier } from 'inversify';
import { conditionOf, type BindingCondition } from './binding-conditions.js';

/** What tells bindings of one service apart. */
export interface BindingQuery {
  readonly name: string | number | symbol | undefined;
  readonly tags: ReadonlyMap<PropertyKey, unknown>;
}

/** What the container does for a service, as far as other services are needed for it. */
export type BoundTo =
  | { readonly kind: 'class'; readonly type: object }
  | { readonly kind: 'service'; readonly service: ServiceIdentifier };

/** The part of Inversify's bindings that is looked at. */
interface RecordedBinding {
  readonly type: string;
  readonly implementationType?: object;
  readonly targetServiceIdentifier?: ServiceIdentifier;
  readonly isSatisfiedBy: (constraints: object) => boolean;
}

interface PluginContext {
  readonly bindingService?: {
    get?(service: ServiceIdentifier): Iterable<RecordedBinding> | undefined;
    getNonParentBoundServices?(): Iterable<ServiceIdentifier>;
  };
}

/** The mark that Inversify demands of a plugin; its base class is in a package that need not be installed. */
const IS_PLUGIN = Symbol.for('@inversifyjs/plugin/isPlugin');

/**
 * The classes that the container will construct for a service, and the services that stand in for it. Nothing for
 * constants and for what a function makes. Inversify lets only plugins see its bindings; where a later version does
 * not, nothing is found, and its own messages have to do.
 */
export function bindingsOf(
  container: Container,
): (service: ServiceIdentifier, query: BindingQuery) => BoundTo[] {
  const context = pluginContextOf(container);
  return (service, query) => {
    const bindings = [...(context?.bindingService?.get?.(service) ?? [])];
    return bindings.filter((binding) => isMeant(binding, service, query)).flatMap(toBoundTo);
  };
}

/** The conditions of all bindings of a service, one each; an empty one where there is none, or it is not known. */
export function conditionsOf(container: Container, service: ServiceIdentifier): BindingCondition[] {
  const bindings = pluginContextOf(container)?.bindingService?.get?.(service) ?? [];
  return [...bindings].map((binding) => conditionOf(binding.isSatisfiedBy) ?? {});
}

/** All services that have a binding; `undefined` where Inversify does not show them. */
export function boundServices(container: Container): ServiceIdentifier[] | undefined {
  const services = pluginContextOf(container)?.bindingService?.getNonParentBoundServices?.();
  return services === undefined ? undefined : [...services];
}

function pluginContextOf(container: Container): PluginContext | undefined {
  let context: PluginContext | undefined;
  container.register(
    class {
      readonly [IS_PLUGIN] = true;
      constructor(_container: Container, given: PluginContext) {
        context = given;
      }
      load(): void {}
    },
  );
  return context;
}

/** Conditions on the parents of a service are not known here; what depends on them is left to Inversify. */
function isMeant(
  binding: RecordedBinding,
  serviceIdentifier: ServiceIdentifier,
  query: BindingQuery,
): boolean {
  try {
    return binding.isSatisfiedBy({ ...query, serviceIdentifier, getAncestor: () => undefined });
  } catch {
    return false;
  }
}

function toBoundTo({ type, implementationType, targetServiceIdentifier }: RecordedBinding): BoundTo[] {
  if (type === 'Instance' && implementationType !== undefined) {
    return [{ kind: 'class', type: implementationType }];
  }
  return type === 'ServiceRedirection' && targetServiceIdentifier !== undefined
    ? [{ kind: 'service', service: targetServiceIdentifier }]
    : [];
}
