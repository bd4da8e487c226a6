import { TuttiError, ConfigurationError, describeThrown, type ErrorCode } from '../core/errors.js';
import { show, throwProblems } from '../core/options.js';
import type { NativeBackend } from './backend/backend.js';
import { backendFor } from './backend/backend-selection.js';
import { callbackProblems, freeingSymbols } from './c/declaration-check.js';
import {
  currentPlace,
  findProjects,
  isFile,
  planLookup,
  type LibraryCandidate,
  type LookupPlace,
} from './library/library-lookup.js';
import { diagnoseLoad } from './library/load-diagnosis.js';
import { nativeCall, type NativeCall } from './call/native-call.js';
import { backendCallback, NativeCallback } from './call/native-callback.js';
import { nativeDefinitionOf, type NativeDefinition } from './backend/native-definition.js';
import { OpenLibrary } from './call/open-library.js';
import { acquireHandle, type SharedHandle } from './call/shared-handles.js';

/** @internal */
export interface OpenNativeLibraryOptions {
  /** Calls the native code. @defaultValue what `TUTTI_NATIVE_BACKEND` or the class says, else koffi */
  readonly backend?: NativeBackend;
  /** From where the library is looked for. @defaultValue this process */
  readonly place?: LookupPlace;
}

interface Opened {
  readonly library: OpenLibrary;
  readonly calls: readonly NativeCall[];
}

/** A mistake of a library, with the code that stands for its kind. */
interface Mistake {
  readonly code: ErrorCode;
  readonly text: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

const opened = new WeakMap<object, Opened>();

/** Whether a class, or the class of an instance, has `@NativeLibrary`. */
export function isNativeLibrary(value: unknown): boolean {
  return nativeDefinitionOf(value) !== undefined;
}

/**
 * Opens the library of an instance of a `@NativeLibrary` class, and adds its functions to the instance. Containers do
 * this automatically; call it for an instance created with `new`. Has no effect if the library is already open.
 *
 * @throws ConfigurationError with all problems of the library, listed in `details.problems`: `CONFIG_INVALID`,
 *   `NATIVE_BACKEND_MISSING`, `NATIVE_SIGNATURE`, `NATIVE_LIBRARY_MISSING`, `NATIVE_LIBRARY_INVALID`,
 *   `NATIVE_SYMBOL_MISSING`; the code is that of the first problem
 */
export function openNativeLibrary(instance: object): void;
/** @internal */
export function openNativeLibrary(instance: object, options?: OpenNativeLibraryOptions): void;
export function openNativeLibrary(instance: object, options: OpenNativeLibraryOptions = {}): void {
  if (opened.has(instance)) return;
  const definition = requireDefinition(instance);
  const mistakes: Mistake[] = definition.signatureProblems.map((text) => ({
    code: 'NATIVE_SIGNATURE',
    text,
  }));
  const backend = options.backend ?? backendFor(definition, process.env);
  const found = find(definition, backend, options.place ?? currentPlace());
  if ('code' in found) throw allMistakes(definition, [...mistakes, found]);
  mistakes.push(...missingSymbols(definition, found.shared, found.file));
  const { shared } = found;
  try {
    if (mistakes.length > 0) throw allMistakes(definition, mistakes);
    const library = new OpenLibrary(definition, { backend, shared, file: found.file });
    const calls = bind(definition, library);
    for (const [member, { call }] of calls) {
      // The instance's own property, since class fields without a value hide whatever the prototype has.
      Object.defineProperty(instance, member, { value: call, enumerable: true, configurable: true });
    }
    opened.set(instance, { library, calls: [...calls.values()] });
  } catch (error) {
    shared.release();
    throw error;
  }
}

/**
 * Closes the library of an instance, after its open handles and callbacks. From then on, its functions throw, even if
 * somebody has kept a reference to one. The library's code stays in memory until the process ends, because threads may
 * still be running it. Has no effect if the library is not open.
 *
 * @returns a promise if asynchronous calls are running: it resolves when they have ended; new calls are rejected
 */
export function closeNativeLibrary(instance: object): Promise<void> | void {
  const entry = opened.get(instance);
  if (entry === undefined) return;
  opened.delete(instance);
  const { library, calls } = entry;
  const disarm = (): void => {
    for (const call of calls) call.close();
  };
  return library.close(disarm);
}

/**
 * Creates a callback that native code may keep and call until it is released, or until the library is closed. (A plain
 * function passed as an argument may only be called during that call.) Errors that it throws are uncaught exceptions.
 *
 * @param type - a typedef of the option `types`, or a C type like `int (*)(const char *, int)`
 * @throws TuttiError `ILLEGAL_STATE` if the library is not open, `NATIVE_SIGNATURE` if the type is invalid
 */
export function nativeCallback(
  instance: object,
  type: string,
  callback: (...args: never[]) => unknown,
): NativeCallback {
  const library = opened.get(instance)?.library;
  if (library === undefined) {
    throw new TuttiError(
      'ILLEGAL_STATE',
      `${instance.constructor.name} is not open: it cannot be called back`,
      {
        details: { subject: instance.constructor.name, from: 'closed', to: 'called back' },
      },
    );
  }
  const parsed = library.parseType(type);
  const isFunction = typeof parsed === 'object' && parsed.kind === 'function';
  const problems = isFunction
    ? callbackProblems(parsed)
    : ['it is no pointer to a function like "int (*)(int)"'];
  if (!isFunction || problems.length > 0) {
    throw new TuttiError('NATIVE_SIGNATURE', `${library.className}: "${type}": ${problems.join('; ')}`);
  }
  if (typeof callback !== 'function') {
    const message = `${library.className}: "${type}": expected the callback to be a function, got ${show(callback)}`;
    throw new TuttiError('NATIVE_SIGNATURE', message);
  }
  const onError = (error: unknown): void => {
    queueMicrotask(() => {
      throw error;
    });
  };
  const made = backendCallback(parsed, callback as (...args: unknown[]) => unknown, library.scope(), onError);
  const registered = new NativeCallback(made, parsed, () => library.removeCallback(registered));
  library.addCallback(registered);
  return registered;
}

function requireDefinition(instance: object): NativeDefinition {
  const definition = nativeDefinitionOf(instance);
  if (definition === undefined) {
    const message = `Class ${instance.constructor.name} has no native library: decorate it with @NativeLibrary('name')`;
    throw new ConfigurationError('CONFIG_INVALID', message);
  }
  const { optionProblems, signatureProblems } = definition;
  if (optionProblems.length > 0) throwProblems([...optionProblems, ...signatureProblems]);
  return definition;
}

function find(
  definition: NativeDefinition,
  backend: NativeBackend,
  place: LookupPlace,
): { file: string; shared: SharedHandle } | Mistake {
  const plan = planLookup(definition, place, findProjects(place));
  const candidate = plan.find(({ kind, location }) => kind === 'system' || isFile(location));
  if (candidate === undefined) return libraryMissing(definition, plan);
  const { kind, location } = candidate;
  try {
    return { file: location, shared: acquireHandle(backend, location, definition.isPerTask) };
  } catch (cause) {
    if (TuttiError.is(cause, 'NATIVE_BACKEND_MISSING')) throw cause;
    if (kind === 'system') return libraryMissing(definition, plan, cause);
    const { reason, text } = diagnoseLoad(location, backend, place);
    return {
      code: 'NATIVE_LIBRARY_INVALID',
      text: `${definition.className}: the native library ${location} ${text} (${describeThrown(cause)})`,
      details: { class: definition.className, file: location, reason },
      cause,
    };
  }
}

function libraryMissing(
  definition: NativeDefinition,
  plan: readonly LibraryCandidate[],
  cause?: unknown,
): Mistake {
  const { className, library } = definition;
  const tried = plan.map(({ kind, location }) =>
    kind === 'system' ? `${location}, by the loader of the system: ${describeThrown(cause)}` : location,
  );
  const places =
    tried.length === 0 ? ['none: everybody may put files into the folder of the main file'] : tried;
  return {
    code: 'NATIVE_LIBRARY_MISSING',
    text:
      `${className}: the native library "${library}" is in none of the places that were tried:\n- ${places.join('\n- ')}\n` +
      'Build it with `npm run build:native` (in your own project: `npx tutti native build`), or say where it is with ' +
      `TUTTI_NATIVE_PATH (files and folders) or with @NativeLibrary('${library}', { path: '…' })`,
    details: { class: className, library, tried },
    cause,
  };
}

function missingSymbols(
  { className, functions, library, handles }: NativeDefinition,
  { native }: SharedHandle,
  file: string,
): Mistake[] {
  const wanted = new Map<string, string[]>();
  const want = (symbol: string, user: string): void =>
    void wanted.set(symbol, [...(wanted.get(symbol) ?? []), user]);
  for (const [member, { signature, options }] of functions) {
    want(signature.symbol, member);
    for (const symbol of freeingSymbols(options)) want(symbol, `${member} (freedBy)`);
  }
  for (const [type, symbol] of handles) want(symbol, `handles.${type}`);
  const missing = [...wanted].filter(([symbol]) => !native.has(symbol));
  const symbols = missing.map(([symbol]) => symbol);
  return missing.flatMap(([symbol, users]) =>
    users.map((user): Mistake => ({
      code: 'NATIVE_SYMBOL_MISSING',
      text: `${className}.${user}: the library "${library}" exports no "${symbol}"`,
      details: { class: className, library, file, symbols },
    })),
  );
}

/** What a backend refuses to call is a mistake as well. */
function bind(definition: NativeDefinition, library: OpenLibrary): Map<string, NativeCall> {
  const calls = new Map<string, NativeCall>();
  const mistakes: Mistake[] = [];
  for (const [member, declaration] of definition.functions) {
    const label = `${definition.className}.${member}`;
    try {
      calls.set(member, nativeCall(label, declaration, library));
    } catch (cause) {
      const text = `${label}: "${declaration.signature.text}": ${describeThrown(cause)}`;
      mistakes.push({ code: 'NATIVE_SIGNATURE', text, cause });
    }
  }
  if (mistakes.length > 0) throw allMistakes(definition, mistakes);
  return calls;
}

function allMistakes({ className }: NativeDefinition, mistakes: readonly Mistake[]): ConfigurationError {
  const [first] = mistakes as [Mistake];
  const problems = mistakes.map(({ text }) => text);
  const codes = new Set(mistakes.map(({ code }) => code));
  const what = codes.size > 1 ? 'mistakes' : KINDS[first.code]!;
  const list =
    problems.length === 1
      ? problems[0]!
      : `${problems.length} ${what} of ${className}:\n- ${problems.join('\n- ')}`;
  const hint = codes.has('NATIVE_SYMBOL_MISSING')
    ? `\nIs it declared extern "C" and exported, and is the library built anew? ${String(mistakes.at(-1)!.details?.['file'])} was looked into`
    : '';
  return new ConfigurationError(first.code, `${list}${hint}`, {
    cause: first.cause,
    details: { ...Object.assign({}, ...mistakes.map(({ details }) => details)), class: className, problems },
  });
}

const KINDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  NATIVE_SIGNATURE: 'wrong native functions',
  NATIVE_SYMBOL_MISSING: 'missing native functions',
  NATIVE_LIBRARY_MISSING: 'mistakes',
  NATIVE_LIBRARY_INVALID: 'mistakes',
};
