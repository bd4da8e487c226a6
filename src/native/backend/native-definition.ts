import type { Int64Mode, NativeDeclaration, NativeFunctionOptions, TypeTable } from '../c/native-types.js';

/** The packages that can call native code. */
export type NativeBackendName = 'koffi' | 'ffi-napi';

/** What `@NativeLibrary` and `@native` have recorded about a class. */
export interface NativeDefinition {
  readonly className: string;
  readonly library: string;
  /** Where to look instead of the usual places. */
  readonly path: string | URL | undefined;
  /** The functions by the names of the members that get them. */
  readonly functions: ReadonlyMap<string, NativeDeclaration>;
  readonly types: TypeTable;
  /** Types of handles, with the functions that close them. */
  readonly handles: ReadonlyMap<string, string>;
  readonly int64: Int64Mode;
  /** One call at a time. */
  readonly serial: boolean;
  /** Instances come and go with tasks. */
  readonly isPerTask: boolean;
  readonly backend: NativeBackendName;
  /** Mistakes that were found while decorating; reported together when the library is opened. */
  readonly optionProblems: readonly string[];
  readonly signatureProblems: readonly string[];
}

/** A member with `@native`, not yet checked. */
export interface NativeMember {
  readonly member: string;
  readonly prototype: unknown;
  readonly options: NativeFunctionOptions;
  /** What is wrong with the place of the decorator. */
  readonly problem?: string;
}

const DEFINITION = Symbol.for('tutti:native-library');
const MEMBERS = Symbol.for('tutti:native-members');

/**
 * Like the metadata of workers, this lives in a property of the class and not in `Reflect` metadata: it is readable
 * whatever copy of reflect-metadata is loaded. Subclasses inherit it, as they inherit the members.
 */
export function setNativeDefinition(target: object, definition: NativeDefinition): void {
  Object.defineProperty(target, DEFINITION, { value: definition, configurable: true });
}

/** The definition of a class or of an instance's class, inherited ones included. */
export function nativeDefinitionOf(value: unknown): NativeDefinition | undefined {
  const target = typeof value === 'object' && value !== null ? value.constructor : value;
  if (typeof target !== 'function') return undefined;
  return (target as unknown as Record<symbol, NativeDefinition | undefined>)[DEFINITION];
}

/** Whether this very class, and not only a base class, has a definition. */
export function hasOwnNativeDefinition(target: object): boolean {
  return Object.hasOwn(target, DEFINITION);
}

/** @param target - the prototype of the class, or the class itself for a static member */
export function addNativeMember(target: object, member: NativeMember): void {
  const own = Object.hasOwn(target, MEMBERS) ? membersOf(target) : [];
  Object.defineProperty(target, MEMBERS, { value: [...own, member], configurable: true });
}

/** The members of a class: those of its base classes first, static ones (which are mistakes) last. */
export function nativeMembers(target: { readonly prototype: object }): NativeMember[] {
  const levels: NativeMember[][] = [Object.hasOwn(target, MEMBERS) ? membersOf(target) : []];
  for (
    let level: object | null = target.prototype;
    level !== null;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    if (Object.hasOwn(level, MEMBERS)) levels.unshift(membersOf(level));
  }
  return levels.flat();
}

function membersOf(target: object): NativeMember[] {
  return (target as Record<symbol, NativeMember[]>)[MEMBERS]!;
}
