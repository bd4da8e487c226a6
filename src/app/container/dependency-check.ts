import type { Container, ServiceIdentifier } from 'inversify';
import { didYouMean } from '../../core/options.js';
import {
  emittedParameterTypes,
  injectionPoints,
  isInjectable,
  serviceName,
  type InjectionPoint,
} from './class-metadata.js';
import type { BindingCondition } from './binding-conditions.js';
import { bindingsOf, conditionsOf, type BindingQuery } from './container-bindings.js';

const UNMANAGED = 2;
const PLAIN: BindingQuery = { name: undefined, tags: new Map() };
/** What the compiler writes for types that nobody binds: interfaces, `import type`, primitives, functions. */
const BUILT_IN: readonly unknown[] = [
  Object,
  String,
  Number,
  Boolean,
  BigInt,
  Symbol,
  Function,
  Array,
  Promise,
];

/**
 * Everything that would keep the container from building `roots`, one text for each: class with its constructor,
 * parameter, likely fixes. Empty when nothing is missing. Only what the container constructs is looked into: constants
 * and what a function makes may be of any class.
 *
 * @param neededBy - names what needs the roots themselves, for those that are not bound
 */
export function dependencyProblems(
  container: Container,
  roots: readonly ServiceIdentifier[],
  neededBy: string,
): string[] {
  const problems: string[] = [];
  const boundTo = bindingsOf(container);
  const seen = new Set<unknown>();
  const visit = (service: ServiceIdentifier, query: BindingQuery): void => {
    for (const target of boundTo(service, query)) {
      const next = target.kind === 'class' ? target.type : target.service;
      if (seen.has(next)) continue;
      seen.add(next);
      if (target.kind === 'class') visitClass(target.type as ServiceIdentifier & object);
      else visit(target.service, PLAIN);
    }
  };
  const visitClass = (type: ServiceIdentifier & object): void => {
    const unknown = unknownParameter(type);
    if (unknown !== undefined) problems.push(unknown);
    for (const point of injectionPoints(type)) {
      if (point.kind === UNMANAGED || point.service === undefined) continue;
      if (isBound(container, point)) visit(point.service, point);
      else if (!point.isOptional && point.kind === 1) problems.push(missingBinding(container, type, point));
    }
  };
  for (const root of roots) {
    if (container.isBound(root)) visit(root, PLAIN);
    else problems.push(`${neededBy} needs ${whatIsMissing(container, root, PLAIN)}`);
  }
  return problems;
}

/** The classes of a circular dependency, as `A → B → A`; `undefined` when none is seen. */
export function findCycle(container: Container, roots: readonly ServiceIdentifier[]): string | undefined {
  const boundTo = bindingsOf(container);
  const done = new Set<unknown>();
  const path: unknown[] = [];
  const visit = (service: ServiceIdentifier, query: BindingQuery): string | undefined => {
    for (const target of boundTo(service, query)) {
      const next = target.kind === 'class' ? target.type : target.service;
      if (path.includes(next)) return [...path.slice(path.indexOf(next)), next].map(serviceName).join(' → ');
      if (done.has(next)) continue;
      path.push(next);
      const found = target.kind === 'class' ? visitClass(target.type) : visit(target.service, PLAIN);
      if (found !== undefined) return found;
      path.pop();
      done.add(next);
    }
    return undefined;
  };
  const visitClass = (type: object): string | undefined => {
    for (const point of injectionPoints(type)) {
      if (point.kind === UNMANAGED || point.service === undefined) continue;
      const found = visit(point.service, point);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (const root of roots) {
    const found = visit(root, PLAIN);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isBound(container: Container, point: InjectionPoint): boolean {
  const [tag] = point.tags;
  return container.isBound(point.service!, {
    ...(point.name === undefined ? {} : { name: point.name }),
    ...(tag === undefined ? {} : { tag: { key: tag[0], value: tag[1] } }),
  });
}

function missingBinding(
  container: Container,
  target: ServiceIdentifier & object,
  point: InjectionPoint,
): string {
  const { place, service } = point;
  const isEmitted = typeof place === 'number' && emittedParameterTypes(target)?.[place] === service;
  if (isEmitted && BUILT_IN.includes(service)) return unknownType(target, place);
  const where =
    typeof place === 'number'
      ? `parameter ${place} of ${signature(target, place)}`
      : `property ${String(place)} of class ${serviceName(target)}`;
  return `${where} needs ${whatIsMissing(container, service!, point)}`;
}

/** What is needed, why it is not there, and what to do. */
function whatIsMissing(container: Container, service: ServiceIdentifier, wanted: BindingQuery): string {
  const [tag] = wanted.tags;
  const condition: BindingCondition = {
    ...(wanted.name === undefined ? {} : { name: wanted.name }),
    ...(tag === undefined ? {} : { tag }),
  };
  const there = conditionsOf(container, service);
  const name = serviceName(service);
  const words = wordsFor(condition);
  const needed = words === '' ? name : `${name} ${words}`;
  const isSelf = typeof service === 'function' && there.length === 0;
  const binding =
    `bind(${name}).${isSelf ? 'toSelf()' : 'to(…)'}${whenFor(condition)} in a ContainerModule that is given to ` +
    'bootstrap({ modules })';
  if (there.length === 0) {
    const canBindItself = typeof service === 'function' && words === '' && !isInjectable(service);
    const fixes = canBindItself
      ? `Fixes: (1) decorate class ${name} with @injectable(), (2) ${binding}`
      : `Fix: ${binding}`;
    return `${needed}, but nothing is bound to it. ${fixes}`;
  }
  const known = [...new Set(there.map(wordsFor))].filter((one) => one !== '');
  if (known.length === 0) {
    return `${needed}, but its bindings have conditions that are not met here. Fix: ${binding}`;
  }
  const names = there.flatMap((one) => (one.name === undefined ? [] : [String(one.name)]));
  const nearest = condition.name === undefined ? undefined : didYouMean(String(condition.name), names);
  const meant = nearest === undefined ? '.' : `; did you mean '${nearest}'?`;
  const ask = `ask for one of those with ${known[0]!.startsWith('named') ? '@named' : '@tagged'}`;
  return (
    `${words === '' ? `${name} without a name or tag` : needed}, but it is bound only ${known.join(', ')}${meant} ` +
    `Fixes: (1) ${ask}, (2) ${binding}`
  );
}

function whenFor({ name, tag }: BindingCondition): string {
  const named = name === undefined ? '' : `.whenNamed(${quoted(name)})`;
  return tag === undefined ? named : `${named}.whenTagged(${tag.map(quoted).join(', ')})`;
}

function decoratorFor({ name, tag }: BindingCondition): string {
  return name === undefined ? `@tagged(${(tag ?? []).map(quoted).join(', ')})` : `@named(${quoted(name)})`;
}

/** A condition as it stands in a sentence. */
function wordsFor({ name, tag }: BindingCondition): string {
  return [
    ...(name === undefined ? [] : [`named ${quoted(name)}`]),
    ...(tag === undefined ? [] : [`tagged ${quoted(tag[0])} = ${quoted(tag[1])}`]),
  ].join(' and ');
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/**
 * A text when it is not recorded what has to be injected into the constructor of a class; `undefined` when all its
 * parameters are known. Inversify refuses to bind such a class.
 */
export function unknownParameter(target: ServiceIdentifier & object): string | undefined {
  const points = new Map(injectionPoints(target).map((point) => [point.place, point]));
  const constructing = constructorOwner(target);
  for (let index = 0; index < parameterCount(constructing); index++) {
    const point = points.get(index);
    if (point?.service !== undefined || point?.kind === UNMANAGED) continue;
    if (point !== undefined && (point.name !== undefined || point.tags.size > 0)) {
      return withoutInject(target, index, point);
    }
    return constructing === target ? unknownType(target, index) : notInherited(target, constructing, index);
  }
  return undefined;
}

/** `@named` and `@tagged` keep Inversify from taking the service from the type of the parameter. */
function withoutInject(
  target: ServiceIdentifier & object,
  index: number,
  { name, tags }: InjectionPoint,
): string {
  const [tag] = tags;
  const decorator = decoratorFor({
    ...(name === undefined ? {} : { name }),
    ...(tag === undefined ? {} : { tag }),
  });
  const emitted = emittedParameterTypes(target)?.[index];
  const service = emitted === undefined || BUILT_IN.includes(emitted) ? 'Service' : serviceName(emitted);
  return (
    `parameter ${index} of ${signature(target, index)} has ${decorator} but no @inject. ` +
    `Fix: @inject(${service}) ${decorator}`
  );
}

function parameterCount(type: object): number {
  return Math.max(emittedParameterTypes(type)?.length ?? 0, (type as { length: number }).length);
}

/** The class whose constructor runs: a subclass without one takes that of its base. */
function constructorOwner(target: object): object {
  let type = target;
  while (parameterCount(type) === 0 && emittedParameterTypes(type) === undefined) {
    const base = Object.getPrototypeOf(type) as object | null;
    const hasOwn = /\bconstructor\s*\(/.test(Function.prototype.toString.call(type));
    if (hasOwn || typeof base !== 'function' || base === Function.prototype) return target;
    type = base;
  }
  return type;
}

function notInherited(target: ServiceIdentifier & object, base: object, index: number): string {
  const [name, baseName] = [serviceName(target), serviceName(base)];
  const between: string[] = [];
  for (let type: object = target; (type = Object.getPrototypeOf(type) as object) !== base;) {
    between.unshift(serviceName(type));
  }
  const fixes = [
    ...(injectionPoints(base).length > 0 ? [] : [`decorate class ${baseName} with @injectable()`]),
    ...[...between, name].map(
      (one) =>
        `decorate class ${one} with ${one === name ? '@Worker, or with ' : ''}@injectable() and ` +
        '@injectFromBase({ extendConstructorArguments: true })',
    ),
  ];
  const all = fixes.map((fix, place) => `(${place + 1}) ${place === 0 ? '' : 'and '}${fix}`);
  return (
    `parameter ${index} of ${name}(?) cannot be injected: the constructor is that of class ${baseName}, and what ` +
    `is injected there is not known for class ${name}. Fixes: ${all.join(', ')}, ` +
    `(${all.length + 1}) or give class ${name} a constructor of its own`
  );
}

function unknownType(target: ServiceIdentifier & object, index: number): string {
  const emitted = emittedParameterTypes(target);
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
function signature(target: ServiceIdentifier & object, unknown: number): string {
  const points = injectionPoints(target);
  const count = Math.max(parameterCount(target), unknown + 1);
  const parameters = Array.from({ length: count }, (_, index) => {
    if (index === unknown) return '?';
    const point = points.find((candidate) => candidate.place === index);
    return point?.service === undefined ? '…' : serviceName(point.service);
  });
  return `${serviceName(target)}(${parameters.join(', ')})`;
}
