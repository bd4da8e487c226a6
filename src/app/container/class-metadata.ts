import 'reflect-metadata';
import type { ServiceIdentifier } from 'inversify';

/** One constructor parameter or property, as Inversify has recorded it. */
export interface InjectionPoint {
  /** Constructor parameter by index, or property by name. */
  readonly place: number | string | symbol;
  /** Inversify's numbers: 0 all bindings, 1 one binding, 2 not injected. */
  readonly kind: number;
  readonly service: ServiceIdentifier | undefined;
  readonly isOptional: boolean;
  readonly name: string | number | symbol | undefined;
  readonly tags: ReadonlyMap<PropertyKey, unknown>;
}

interface RecordedElement {
  readonly kind: number;
  readonly value?: unknown;
  readonly optional?: boolean;
  readonly name?: string | number | symbol;
  readonly tags?: ReadonlyMap<PropertyKey, unknown>;
}

interface RecordedClass {
  readonly constructorArguments?: readonly (RecordedElement | undefined)[];
  readonly properties?: ReadonlyMap<string | symbol, RecordedElement>;
  readonly lifecycle?: { readonly preDestroyMethodNames?: ReadonlySet<string | symbol> };
}

/**
 * Where Inversify 8 keeps what its decorators record (`@inversifyjs/core`, classMetadataReflectKey). There is no public
 * way to read it; without it we would fall back to Inversify's own, less helpful messages.
 */
const CLASS_METADATA_KEY = '@inversifyjs/core/classMetadataReflectKey';

/** Where `@injectable()` leaves its mark (`@inversifyjs/core`, classIsInjectableFlagReflectKey). */
const INJECTABLE_KEY = '@inversifyjs/core/classIsInjectableFlagReflectKey';

/** Whether the class itself has `@injectable()`, or a decorator that implies it. */
export function isInjectable(target: object): boolean {
  return Reflect.getOwnMetadata(INJECTABLE_KEY, target) === true;
}

function recorded(target: object): RecordedClass | undefined {
  return Reflect.getOwnMetadata(CLASS_METADATA_KEY, target) as RecordedClass | undefined;
}

/** What is injected into a class. */
export function injectionPoints(target: object): InjectionPoint[] {
  const metadata = recorded(target);
  const points: InjectionPoint[] = [];
  metadata?.constructorArguments?.forEach((element, index) => {
    if (element !== undefined) points.push(toPoint(index, element));
  });
  metadata?.properties?.forEach((element, name) => points.push(toPoint(name, element)));
  return points;
}

/** The types that the compiler wrote for the constructor; `undefined` when it wrote none. */
export function emittedParameterTypes(target: object): readonly unknown[] | undefined {
  return Reflect.getOwnMetadata('design:paramtypes', target) as readonly unknown[] | undefined;
}

/** Names of the methods with `@preDestroy`. */
export function preDestroyMethods(target: object): (string | symbol)[] {
  return [...(recorded(target)?.lifecycle?.preDestroyMethodNames ?? [])];
}

export function serviceName(service: unknown): string {
  if (typeof service === 'function') return service.name === '' ? '(anonymous class)' : service.name;
  return typeof service === 'string' ? `'${service}'` : String(service);
}

function toPoint(place: number | string | symbol, element: RecordedElement): InjectionPoint {
  return {
    place,
    kind: element.kind,
    service: unwrap(element.value),
    isOptional: element.optional === true,
    name: element.name,
    tags: element.tags ?? new Map(),
  };
}

function unwrap(value: unknown): ServiceIdentifier | undefined {
  const lazy = value as { unwrap?: () => unknown } | null | undefined;
  // A LazyServiceIdentifier: its identifier is known once all modules are loaded.
  const service = typeof lazy === 'object' && typeof lazy?.unwrap === 'function' ? lazy.unwrap() : value;
  return service as ServiceIdentifier | undefined;
}
