import 'reflect-metadata';
import { injectable, injectFromBase, postConstruct, preDestroy } from 'inversify';
import { ConfigurationError } from '../core/errors.js';
import { findProblems, rules, show, type OptionRule } from '../core/options.js';
import { closeNativeLibrary, isNativeLibrary, openNativeLibrary } from './native-activation.js';
import {
  addNativeMember,
  hasOwnNativeDefinition,
  nativeMembers,
  setNativeDefinition,
  type NativeDefinition,
} from './native-definition.js';
import { parsePrototype, parseTableEntry, PrototypeProblem, type NativeSignature } from './prototype.js';

/** A table of functions in the form of `ffi-napi`: symbol → `[result, [parameter, …]]`, types by their names. */
export type NativeFunctionTable = Readonly<
  Record<string, readonly [result: string, parameters: readonly string[]]>
>;

export interface NativeLibraryOptions {
  /** A file, or a folder with the library in it, to look at instead of the usual places; relative to the project. */
  readonly path?: string | URL;
  /** Functions that the instance gets as methods of the same names, beside those declared with `@native`. */
  readonly functions?: NativeFunctionTable;
}

type LibraryClass = abstract new (...args: never[]) => object;

const OPTIONS: Readonly<Record<keyof NativeLibraryOptions, OptionRule>> = {
  path: {
    expected: 'a non-empty string or a file: URL',
    test: (v) => rules.string.test(v) || (v instanceof URL && v.protocol === 'file:'),
  },
  functions: rules.object,
};

const OPEN = Symbol.for('tutti:open native library');
const CLOSE = Symbol.for('tutti:close native library');

/**
 * Makes a class the service of a C or C++ shared library. Implies `@injectable('Singleton')`. Any Inversify container
 * opens the library when it makes the instance, and closes it when the binding is removed; all functions are there
 * before the class's own `@postConstruct` methods run, and until its `@preDestroy` methods have run.
 *
 * @param name - `sum` for `libsum.so`, `libsum.dylib` or `sum.dll`, which is looked for in `TUTTI_NATIVE_PATH` and
 *   in `native/build` of the project; or a package's `some-package/lib/sum`, an absolute path, or the file name
 *   of a library of the system, like `libm.so.6`
 * @throws ConfigurationError `DECORATOR_MODE` when compiled without `experimentalDecorators`, `CONFIG_INVALID`
 *   when applied twice. What is wrong with options and signatures is reported when the library is opened,
 *   all mistakes together.
 *
 * @example
 * ```ts
 * @NativeLibrary('sum')
 * export class SumLibrary {
 *   @native('int32_t get_sum(int32_t a, int32_t b)') readonly getSum!: (a: number, b: number) => number;
 * }
 * ```
 */
export function NativeLibrary(name: string, options: NativeLibraryOptions = {}) {
  return <C extends LibraryClass>(target: C, ...standardContext: unknown[]): void => {
    if (standardContext.length > 0)
      throw standardDecoratorError(`@NativeLibrary('${name}') on class ${target.name}`);
    if (hasOwnNativeDefinition(target))
      throw appliedTwice(target, '@NativeLibrary is applied twice; keep one');
    setNativeDefinition(target, define(target, name, options));
    makeInjectable(target);
    hookIntoContainer(target);
  };
}

/**
 * Makes a property a function of the library of its class.
 *
 * Arguments are checked, never converted: integers by range, `float` and `double` as numbers, `bool` as boolean,
 * `const char *` as string (without NUL characters) or null. 64-bit integers may be bigints, and come back as
 * bigints where a number would not be exact. Wrong arguments throw a `TuttiError` `NATIVE_SIGNATURE`.
 *
 * @param prototype - the C prototype, e.g. `int32_t get_sum(int32_t a, int32_t b)`
 */
export function native(prototype: string) {
  return (target: object, member: string | symbol, descriptor?: PropertyDescriptor): void => {
    if ((target as object | undefined) === undefined) throw standardDecoratorError(`@native('${prototype}')`);
    const isStatic = typeof target === 'function';
    const place = isStatic
      ? 'a static member'
      : descriptor === undefined
        ? undefined
        : 'a method or accessor';
    const problem =
      place === undefined ? {} : { problem: `@native stands on ${place}; it belongs on a property` };
    addNativeMember(target, { member: String(member), prototype, ...problem });
  };
}

function define(target: LibraryClass, library: unknown, options: unknown): NativeDefinition {
  const where = `@NativeLibrary(${typeof library === 'string' ? `'${library}'` : '…'}) on class ${target.name}`;
  const optionProblems = rules.object.test(options)
    ? findProblems(where, options as Record<string, unknown>, OPTIONS)
    : [`${where}: expected options to be an object, got ${show(options)}`];
  if (!rules.string.test(library)) {
    optionProblems.push(
      `${where}: expected the name of the library to be a non-empty string, got ${show(library)}`,
    );
  }
  const { path, functions: table = {} } = (
    optionProblems.length === 0 ? options : {}
  ) as NativeLibraryOptions;

  const functions = new Map<string, NativeSignature>();
  const signatureProblems: string[] = [];
  const declare = (member: string, text: unknown, parse: () => NativeSignature): void => {
    try {
      if (functions.has(member)) throw new PrototypeProblem('the member is declared twice');
      functions.set(member, parse());
    } catch (error) {
      if (!(error instanceof PrototypeProblem)) throw error;
      const shown = typeof text === 'string' ? `"${text}"` : show(text);
      signatureProblems.push(`${target.name}.${member}: ${shown}: ${error.message}`);
    }
  };
  for (const { member, prototype, problem } of nativeMembers(target)) {
    declare(member, prototype, () => {
      if (problem !== undefined) throw new PrototypeProblem(problem);
      if (typeof prototype !== 'string') throw new PrototypeProblem('expected a C prototype in a string');
      return parsePrototype(prototype);
    });
  }
  for (const [symbol, entry] of Object.entries(table)) {
    declare(symbol, entry, () => parseTableEntry(symbol, entry));
  }
  if (functions.size === 0 && signatureProblems.length === 0 && optionProblems.length === 0) {
    optionProblems.push(
      `${where}: no function is declared; add @native('…') properties or the option \`functions\``,
    );
  }
  const name = String(library);
  return { className: target.name, library: name, path, functions, optionProblems, signatureProblems };
}

function makeInjectable(target: LibraryClass): void {
  const hasOwnParameters = Reflect.hasOwnMetadata('design:paramtypes', target);
  try {
    injectable('Singleton')(target);
  } catch (cause) {
    throw appliedTwice(
      target,
      '@NativeLibrary implies @injectable(): remove @injectable() from the class',
      cause,
    );
  }
  const base = Object.getPrototypeOf(target) as LibraryClass;
  if ((base as unknown) === Function.prototype) return;
  // A subclass without a constructor of its own takes that of its base class, for which TypeScript emits no metadata
  // on the subclass; nor are the hooks of a base class inherited, unless Inversify is told.
  const inheritsConstructor = !hasOwnParameters && target.length === 0;
  if (!inheritsConstructor && !isNativeLibrary(base)) return;
  try {
    injectFromBase({ extendConstructorArguments: inheritsConstructor, extendProperties: true })(target);
  } catch (cause) {
    throw new ConfigurationError(
      'DI_UNRESOLVED',
      `Class ${target.name} takes the constructor of ${base.name}, whose parameters are not known: decorate ` +
        `${base.name} with @injectable(), or give ${target.name} a constructor`,
      { cause, details: { class: target.name, base: base.name } },
    );
  }
}

function hookIntoContainer(target: LibraryClass): void {
  const prototype = target.prototype as object;
  const addHook = (name: symbol, hook: (instance: object) => void, decorate: () => MethodDecorator): void => {
    if (name in prototype) return;
    const descriptor: PropertyDescriptor = {
      configurable: true,
      value(this: object) {
        hook(this);
      },
    };
    Object.defineProperty(prototype, name, descriptor);
    decorate()(prototype, name, descriptor);
  };
  addHook(OPEN, openNativeLibrary, postConstruct);
  addHook(CLOSE, closeNativeLibrary, preDestroy);
  openFirstAndCloseLast(target);
}

/**
 * Inversify runs life cycle methods in the order of their decorators, and class decorators come last, while the
 * class's own `@postConstruct` methods may want to call the library. There is no public way to reorder; should a
 * later version keep its metadata elsewhere, opening stays last and everything else works as before.
 */
function openFirstAndCloseLast(target: LibraryClass): void {
  const metadata = Reflect.getOwnMetadata('@inversifyjs/core/classMetadataReflectKey', target) as
    { lifecycle?: { postConstructMethodNames?: unknown; preDestroyMethodNames?: unknown } } | undefined;
  const reorder = (names: unknown, order: (others: unknown[]) => unknown[]): void => {
    if (!(names instanceof Set)) return;
    const ordered = order([...names].filter((name) => name !== OPEN && name !== CLOSE));
    names.clear();
    for (const name of ordered) names.add(name);
  };
  reorder(metadata?.lifecycle?.postConstructMethodNames, (others) => [OPEN, ...others]);
  reorder(metadata?.lifecycle?.preDestroyMethodNames, (others) => [...others, CLOSE]);
}

function appliedTwice(target: LibraryClass, what: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('CONFIG_INVALID', `Class ${target.name}: ${what}`, {
    cause,
    details: { class: target.name },
  });
}

function standardDecoratorError(where: string): ConfigurationError {
  return new ConfigurationError(
    'DECORATOR_MODE',
    `${where} was compiled as a standard (TC39) decorator, which carries no types for injection. Set ` +
      '"experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and compile with tsc, swc ' +
      'or @oxc-node/core (esbuild and tsx emit no decorator metadata)',
  );
}
