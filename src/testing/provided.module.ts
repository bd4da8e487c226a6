import { ContainerModule, type ServiceIdentifier } from 'inversify';

/** A list of services. */
export type Services = readonly ServiceIdentifier[];

/** What stands in for a service; a string or symbol says nothing about its type. */
export type StandIn<S> = S extends abstract new (...args: never[]) => infer T ? T : unknown;

/** Pairs of a service and the value that stands in for it. */
export type Provided<S extends Services> = {
  readonly [K in keyof S]: readonly [service: S[K], value: StandIn<S[K]>];
};

/** Binds each value, in place of whatever the modules before have bound to its service. */
export function providedModule(
  provided: readonly (readonly [ServiceIdentifier, unknown])[],
): ContainerModule {
  return new ContainerModule(async ({ bind, isBound, unbindAsync }) => {
    for (const [service, value] of provided) {
      if (isBound(service)) await unbindAsync(service);
      bind(service).toConstantValue(value);
    }
  });
}
