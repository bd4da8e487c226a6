import 'reflect-metadata';
import { injectable, injectFromBase, postConstruct, preDestroy } from 'inversify';
import { ConfigurationError } from '../core/errors.js';
import { defineLibrary, type NativeLibraryOptions } from './library/library-definition.js';
import { closeNativeLibrary, isNativeLibrary, openNativeLibrary } from './native-activation.js';
import { addNativeMember, hasOwnNativeDefinition, setNativeDefinition } from './backend/native-definition.js';
import type { NativeFunctionOptions } from './c/native-types.js';

type LibraryClass = abstract new (...args: never[]) => object;

const OPEN = Symbol.for('tutti:open native library');
const CLOSE = Symbol.for('tutti:close native library');

/**
 * Makes a class the service of a C or C++ shared library. Includes `@injectable('Singleton')`. An Inversify container
 * opens the library when it creates the instance, and closes it when the binding is removed. All functions are available
 * before the class's own `@postConstruct` methods run, and until its `@preDestroy` methods have run.
 *
 * @param name - `sum` for `libsum.so`, `libsum.dylib` or `sum.dll` in `TUTTI_NATIVE_PATH` or in `native/build` of the
 *   project; or a file in a package such as `some-package/lib/sum`, an absolute path, or the file name of a system
 *   library such as `libm.so.6`
 * @throws ConfigurationError `DECORATOR_MODE` if compiled without `experimentalDecorators`, `CONFIG_INVALID` if applied
 *   twice. Problems with options and signatures are reported together when the library is opened.
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
  return <C extends abstract new (...args: never[]) => object>(
    target: C,
    ...standardContext: unknown[]
  ): void => {
    if (standardContext.length > 0)
      throw standardDecoratorError(`@NativeLibrary('${name}') on class ${target.name}`);
    if (hasOwnNativeDefinition(target))
      throw appliedTwice(target, '@NativeLibrary is applied twice; keep one');
    const definition = defineLibrary(target, name, options);
    setNativeDefinition(target, definition);
    makeInjectable(target, definition.isPerTask);
    hookIntoContainer(target);
  };
}

/**
 * Makes a property a function of its class's library.
 *
 * Arguments are checked, never converted: integers by range, `float` and `double` as numbers, `bool` as boolean,
 * `const char *` and `const char16_t *` as string (without NUL characters) or null, pointers as buffers, arrays, objects
 * or pointers from the library, according to their types. 64-bit integers may be bigints. Wrong arguments throw a `TuttiError`
 * `NATIVE_SIGNATURE`, or reject the promise of an asynchronous function.
 *
 * @param prototype - the C prototype, e.g. `int32_t get_sum(int32_t a, int32_t b)`; `_Out_` and `_Inout_` mark
 *   pointers through which the function writes
 */
export function native(prototype: string, options: NativeFunctionOptions = {}) {
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
    addNativeMember(target, { member: String(member), prototype, options, ...problem });
  };
}

/** @param isPerTask - the scope is left to the container: one for each task where a worker has such a scope */
function makeInjectable(target: LibraryClass, isPerTask: boolean): void {
  const hasOwnParameters = Reflect.hasOwnMetadata('design:paramtypes', target);
  try {
    injectable(isPerTask ? undefined : 'Singleton')(target);
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
  const addHook = (
    name: symbol,
    hook: (instance: object) => unknown,
    decorate: () => MethodDecorator,
  ): void => {
    if (name in prototype) return;
    const descriptor: PropertyDescriptor = {
      configurable: true,
      value(this: object) {
        return hook(this);
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
