import { ConfigurationError, describeThrown, TuttiError } from '../core/errors.js';
import { throwProblems } from '../core/options.js';
import type { NativeBackend, NativeHandle } from './backend.js';
import { guard, type GuardedFunction } from './call-guard.js';
import { KoffiBackend } from './koffi-backend.js';
import {
  currentPlace,
  findProjects,
  isFile,
  planLookup,
  type LibraryCandidate,
  type LookupPlace,
} from './library-lookup.js';
import { nativeDefinitionOf, type NativeDefinition } from './native-definition.js';

export interface OpenNativeLibraryOptions {
  /** Calls the native code. @defaultValue koffi */
  readonly backend?: NativeBackend;
  /** From where the library is looked for. @defaultValue this process */
  readonly place?: LookupPlace;
}

interface OpenLibrary {
  readonly handle: NativeHandle;
  readonly functions: readonly GuardedFunction[];
}

const koffi = new KoffiBackend();
const openLibraries = new WeakMap<object, OpenLibrary>();

/** Whether a class, or the class of an instance, has `@NativeLibrary`. */
export function isNativeLibrary(value: unknown): boolean {
  return nativeDefinitionOf(value) !== undefined;
}

/**
 * Opens the library of an instance of a `@NativeLibrary` class and puts its functions on the instance. Containers do
 * that by themselves; call it for an instance made with `new`. Does nothing when it is open already.
 *
 * @throws ConfigurationError with all mistakes of one kind: `CONFIG_INVALID`, `NATIVE_SIGNATURE`,
 *   `NATIVE_LIBRARY_MISSING`, `NATIVE_LIBRARY_INVALID`, `NATIVE_SYMBOL_MISSING`
 */
export function openNativeLibrary(instance: object, options: OpenNativeLibraryOptions = {}): void {
  if (openLibraries.has(instance)) return;
  const definition = requireDefinition(instance);
  const handle = openHandle(definition, options.backend ?? koffi, options.place ?? currentPlace());
  try {
    requireSymbols(definition, handle);
    const functions = [...definition.functions].map(([member, signature]) => {
      const guarded = guard(`${definition.className}.${member}`, signature, handle.func(signature));
      // The instance's own property, since class fields without a value hide whatever the prototype has.
      Object.defineProperty(instance, member, { value: guarded.call, enumerable: true, configurable: true });
      return guarded;
    });
    openLibraries.set(instance, { handle, functions });
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * Gives the library of an instance back to the system. Its functions throw from then on, also where somebody has
 * kept a reference to one. Does nothing when it is not open.
 */
export function closeNativeLibrary(instance: object): void {
  const library = openLibraries.get(instance);
  if (library === undefined) return;
  openLibraries.delete(instance);
  for (const guarded of library.functions) guarded.close();
  library.handle.close();
}

function requireDefinition(instance: object): NativeDefinition {
  const definition = nativeDefinitionOf(instance);
  if (definition === undefined) {
    const message = `Class ${instance.constructor.name} has no native library: decorate it with @NativeLibrary('name')`;
    throw new ConfigurationError('CONFIG_INVALID', message);
  }
  const { optionProblems, signatureProblems } = definition;
  if (optionProblems.length > 0) throwProblems([...optionProblems, ...signatureProblems]);
  if (signatureProblems.length === 0) return definition;
  throw new ConfigurationError('NATIVE_SIGNATURE', asList('wrong native functions', signatureProblems), {
    details: { class: definition.className, problems: signatureProblems },
  });
}

function openHandle(definition: NativeDefinition, backend: NativeBackend, place: LookupPlace): NativeHandle {
  const plan = planLookup(definition, place, findProjects(place));
  const found = plan.find(({ kind, location }) => kind === 'system' || isFile(location));
  if (found === undefined) throw libraryMissing(definition, plan);
  try {
    return backend.open(found.location);
  } catch (cause) {
    if (found.kind === 'system') throw libraryMissing(definition, plan, cause);
    throw new ConfigurationError(
      'NATIVE_LIBRARY_INVALID',
      `${definition.className}: the native library ${found.location} cannot be loaded on ${place.platform}-${place.arch}: ` +
        `${describeThrown(cause)}. Is it a shared library for this platform, and are the libraries that it needs there?`,
      { cause, details: { class: definition.className, file: found.location } },
    );
  }
}

function libraryMissing(
  definition: NativeDefinition,
  plan: readonly LibraryCandidate[],
  cause?: unknown,
): TuttiError {
  const { className, library } = definition;
  const tried = plan.map(({ kind, location }) =>
    kind === 'system' ? `${location}, by the loader of the system: ${describeThrown(cause)}` : location,
  );
  return new ConfigurationError(
    'NATIVE_LIBRARY_MISSING',
    `${className}: the native library "${library}" is in none of the places that were tried:\n- ${tried.join('\n- ')}\n` +
      'Build it with `npm run build:native`, or say where it is with TUTTI_NATIVE_PATH (files and folders) or with ' +
      `@NativeLibrary('${library}', { path: '…' })`,
    { cause, details: { class: className, library, tried } },
  );
}

function requireSymbols({ className, functions, library }: NativeDefinition, handle: NativeHandle): void {
  const missing = [...functions].filter(([, { symbol }]) => !handle.has(symbol));
  if (missing.length === 0) return;
  const problems = missing.map(
    ([member, { symbol }]) => `${className}.${member}: the library "${library}" exports no "${symbol}"`,
  );
  throw new ConfigurationError(
    'NATIVE_SYMBOL_MISSING',
    `${asList('missing native functions', problems)}\nIs it declared extern "C" and exported, and is the library built anew?`,
    { details: { class: className, library, symbols: missing.map(([, { symbol }]) => symbol) } },
  );
}

function asList(what: string, problems: readonly string[]): string {
  return problems.length === 1 ? problems[0]! : `${problems.length} ${what}:\n- ${problems.join('\n- ')}`;
}
