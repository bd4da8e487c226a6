import type { Container, ServiceIdentifier } from 'inversify';
import {
  emittedParameterTypes,
  injectionPoints,
  serviceName,
  type InjectionPoint,
} from './class-metadata.js';

const UNMANAGED = 2;

/**
 * Everything that would keep the container from building `roots`, one text for each: class with its constructor,
 * parameter, likely fixes. Empty when nothing is missing.
 *
 * @param neededBy - names what needs the roots themselves, for those that are not bound
 */
export function dependencyProblems(
  container: Container,
  roots: readonly ServiceIdentifier[],
  neededBy: string,
): string[] {
  const problems: string[] = [];
  const seen = new Set<ServiceIdentifier>();
  const visit = (service: ServiceIdentifier): void => {
    if (seen.has(service)) return;
    seen.add(service);
    if (typeof service !== 'function') return;
    const unknown = unknownParameters(service);
    if (unknown !== undefined) problems.push(unknown);
    for (const point of injectionPoints(service)) {
      if (point.kind === UNMANAGED || point.service === undefined) continue;
      if (isBound(container, point)) visit(point.service);
      else if (!point.isOptional && point.kind === 1) problems.push(missingBinding(service, point));
    }
  };
  for (const root of roots) {
    if (container.isBound(root)) visit(root);
    else
      problems.push(
        `${neededBy} needs ${serviceName(root)}, but nothing is bound to it. ${bindingFix(root)}`,
      );
  }
  return problems;
}

function isBound(container: Container, point: InjectionPoint): boolean {
  const [tag] = point.tags;
  return container.isBound(point.service!, {
    ...(point.name === undefined ? {} : { name: point.name }),
    ...(tag === undefined ? {} : { tag: { key: tag[0], value: tag[1] } }),
  });
}

function missingBinding(target: ServiceIdentifier, point: InjectionPoint): string {
  const where =
    typeof point.place === 'number'
      ? `parameter ${point.place} of ${signature(target, point.place)}`
      : `property ${String(point.place)} of class ${serviceName(target)}`;
  const named = point.name === undefined ? '' : ` with the name ${String(point.name)}`;
  return `${where} needs ${serviceName(point.service)}${named}, but nothing is bound to it. ${bindingFix(point.service!)}`;
}

function bindingFix(service: ServiceIdentifier): string {
  const name = serviceName(service);
  const binding = typeof service === 'function' ? `bind(${name}).toSelf()` : `bind(${name}).to(…)`;
  return `Fix: ${binding} in a ContainerModule that is given to bootstrap({ modules })`;
}

/** A text when the compiler left out what has to be injected; `undefined` when all parameters are known. */
function unknownParameters(target: ServiceIdentifier): string | undefined {
  const type = target as unknown as { length: number } & object;
  const points = injectionPoints(type);
  const known = new Set(points.map((point) => point.place));
  const emitted = emittedParameterTypes(type);
  const count = Math.max(emitted?.length ?? 0, type.length);
  for (let index = 0; index < count; index++) {
    if (known.has(index) && points.find((point) => point.place === index)?.service !== undefined) continue;
    if (known.has(index) && points.find((point) => point.place === index)?.kind === UNMANAGED) continue;
    return explain(target, index, emitted);
  }
  return undefined;
}

function explain(target: ServiceIdentifier, index: number, emitted: readonly unknown[] | undefined): string {
  const name = serviceName(target);
  const where = `parameter ${index} of ${signature(target, index)}`;
  if (emitted === undefined) {
    return (
      `${where} cannot be injected: no types were recorded for the constructor. Fixes: ` +
      `(1) decorate class ${name} with @injectable() (or @Worker), ` +
      '(2) set "experimentalDecorators" and "emitDecoratorMetadata" in tsconfig.json and compile with tsc, swc or ' +
      '@oxc-node/core: esbuild, tsx and vite 7 emit no decorator metadata, ' +
      '(3) or name the service: @inject(Service)'
    );
  }
  if (index >= emitted.length || emitted[index] === undefined) {
    return `${where} cannot be injected: its type is not there yet when the class is declared. Fixes: (1) break the circular import, (2) @inject(new LazyServiceIdentifier(() => Service))`;
  }
  return (
    `${where} cannot be injected: its type is ${serviceName(emitted[index])} at run time. Fixes: ` +
    '(1) import the class with `import { … }`, not `import type { … }`, ' +
    '(2) an interface or a primitive has no run-time type: name the service with @inject(Token)'
  );
}

/** The constructor as Nest prints it: known services by name, the one in question as a question mark. */
function signature(target: ServiceIdentifier, unknown: number): string {
  const type = target as unknown as { length: number } & object;
  const points = injectionPoints(type);
  const count = Math.max(emittedParameterTypes(type)?.length ?? 0, type.length, unknown + 1);
  const parameters = Array.from({ length: count }, (_, index) => {
    if (index === unknown) return '?';
    const point = points.find((candidate) => candidate.place === index);
    return point?.service === undefined ? '…' : serviceName(point.service);
  });
  return `${serviceName(target)}(${parameters.join(', ')})`;
}
