import 'reflect-metadata';
import { injectable } from 'inversify';
import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../../src/core/errors.js';
import type { LookupPlace } from '../../../src/native/library/library-lookup.js';
import {
  closeNativeLibrary,
  isNativeLibrary,
  openNativeLibrary,
} from '../../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../../src/native/native-library.decorator.js';
import { EchoBackend } from '../../support/echo-backend.js';

const PLACE: LookupPlace = {
  platform: process.platform,
  arch: process.arch,
  cwd: '/nowhere',
  mainFile: undefined,
  searchPath: undefined,
};
// The echo backend loads nothing: any file that exists will do.
const ANY_FILE = process.execPath;

function errorOf(action: () => unknown): TuttiError {
  try {
    action();
  } catch (error) {
    if (TuttiError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const open = (instance: object, ...symbols: string[]): EchoBackend => {
  const backend = new EchoBackend(symbols);
  openNativeLibrary(instance, { backend, place: PLACE });
  return backend;
};

@NativeLibrary(ANY_FILE)
class SumLibrary {
  @native('int32_t get_sum(int32_t a, int32_t b)') readonly getSum!: (a: number, b: number) => number;
  readonly untouched = 'as written';
}

@NativeLibrary(ANY_FILE, { functions: { get_sum: ['int', ['int', 'int']], ping: ['void', []] } })
class TableLibrary {
  declare readonly get_sum: (a: number, b: number) => number;
  declare readonly ping: () => void;
}

describe('a decorated class', () => {
  it('has the class field that would hide a function on the prototype', () => {
    expect(Object.hasOwn(new SumLibrary(), 'getSum')).toBe(true);
    expect(new SumLibrary().getSum).toBeUndefined();
  });

  it('gets its functions when it is opened, over the class field', () => {
    const library = new SumLibrary();
    const backend = open(library, 'get_sum');
    expect(library.getSum(1, 2)).toEqual(['get_sum', 1, 2]);
    expect(library.untouched).toBe('as written');
    expect(Object.keys(library).sort()).toEqual(['getSum', 'untouched']);
    expect(backend.opened).toEqual([ANY_FILE]);
  });

  it('takes functions from a table', () => {
    const library = new TableLibrary();
    open(library, 'get_sum', 'ping');
    expect(library.get_sum(1, 2)).toEqual(['get_sum', 1, 2]);
    expect(library.ping()).toEqual(['ping']);
    expect(() => library.get_sum(1, 2.5)).toThrow('TableLibrary.get_sum ("int get_sum(int, int)")');
  });

  it('is opened and closed once, however often it is asked for', () => {
    const library = new SumLibrary();
    const backend = open(library, 'get_sum');
    openNativeLibrary(library, { backend, place: PLACE });
    const { getSum } = library;
    void closeNativeLibrary(library);
    void closeNativeLibrary(library);
    expect(backend.opened).toHaveLength(1);
    expect(backend.closed).toBe(1);
    expect(errorOf(() => getSum(1, 2)).code).toBe('ILLEGAL_STATE');
    expect(errorOf(() => library.getSum(1, 2)).code).toBe('ILLEGAL_STATE');
  });

  it('can be opened again after closing', () => {
    const library = new SumLibrary();
    open(library, 'get_sum');
    void closeNativeLibrary(library);
    open(library, 'get_sum');
    expect(library.getSum(1, 2)).toEqual(['get_sum', 1, 2]);
  });

  it('is recognised, as a class and as an instance', () => {
    class Derived extends SumLibrary {}
    for (const value of [SumLibrary, new SumLibrary(), Derived, new Derived()])
      expect(isNativeLibrary(value)).toBe(true);
    for (const value of [Object, {}, Object.create(null), null, undefined, 'sum', () => 1]) {
      expect(isNativeLibrary(value)).toBe(false);
    }
  });

  it('inherits the functions of a base class', () => {
    class Base {
      @native('int one(int a)') readonly one!: (a: number) => number;
    }
    @NativeLibrary(ANY_FILE)
    class Derived extends Base {
      @native('int two(int a)') readonly two!: (a: number) => number;
    }
    const library = new Derived();
    open(library, 'one', 'two');
    expect([library.one(1), library.two(2)]).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
  });
});

describe('mistakes', () => {
  it('symbols that are missing are reported all together, and nothing stays open', () => {
    @NativeLibrary(ANY_FILE)
    class Wrong {
      @native('int one(int a)') readonly first!: () => number;
      @native('int two(int a)') readonly second!: () => number;
      @native('int there(int a)') readonly third!: () => number;
    }
    const backend = new EchoBackend(['there']);
    const library = new Wrong();
    const error = errorOf(() => openNativeLibrary(library, { backend, place: PLACE }));
    expect(error.code).toBe('NATIVE_SYMBOL_MISSING');
    expect(error.message).toContain('2 missing native functions');
    expect(error.message).toContain(`Wrong.first: the library "${ANY_FILE}" exports no "one"`);
    expect(error.message).toContain(`Wrong.second: the library "${ANY_FILE}" exports no "two"`);
    expect(error.message).not.toContain('third');
    expect(error.details['symbols']).toEqual(['one', 'two']);
    expect(backend.closed).toBe(1);
    expect(library.third).toBeUndefined();
  });

  it('signatures that are wrong are reported all together, with a library that is missing', () => {
    @NativeLibrary('nowhere', { functions: { four: ['int', ['poniter']], good: ['int', []] } })
    class Wrong {
      @native('int33_t one(int a)') readonly one!: () => number;
      @native('two') readonly two!: () => number;
      @native('int good(int a)') readonly good!: () => number;
      @native('int three(void)') three(): number {
        return 3;
      }
      @native('int five(void)') static five: () => number;
    }
    const error = errorOf(() => open(new Wrong()));
    expect(error.code).toBe('NATIVE_SIGNATURE');
    expect(error.details['problems']).toEqual([
      expect.stringContaining(
        'Wrong.one: "int33_t one(int a)": the result: unknown type "int33_t", did you mean "int32_t"?',
      ),
      expect.stringContaining('Wrong.two: "two": this is not a C prototype'),
      'Wrong.three: "int three(void)": @native stands on a method or accessor; it belongs on a property',
      'Wrong.five: "int five(void)": @native stands on a static member; it belongs on a property',
      expect.stringContaining(
        'Wrong.four: an array: parameter 1: unknown type "poniter", did you mean "pointer"?',
      ),
      'Wrong.good: an array: the member is declared twice',
      expect.stringContaining('Wrong: the native library "nowhere" is in none of the places that were tried'),
    ]);
    for (const problem of error.details['problems'] as string[]) expect(error.message).toContain(problem);
  });

  it.each<[string, unknown, unknown, string]>([
    ['no name', '', {}, 'expected the name of the library to be a non-empty string, got "" (string)'],
    [
      'a number for a name',
      7,
      {},
      'expected the name of the library to be a non-empty string, got 7 (number)',
    ],
    ['an unknown option', 'sum', { paht: 'x' }, 'unknown option `paht`, did you mean `path`?'],
    [
      'a wrong path',
      'sum',
      { path: new URL('http://x/y') },
      'expected `path` to be a non-empty string or a file: URL',
    ],
    ['a wrong table', 'sum', { functions: [] }, 'expected `functions` to be an object, got an array'],
    ['wrong options', 'sum', 'lib', 'expected options to be an object, got "lib" (string)'],
    ['no functions', 'sum', {}, "no function is declared; add @native('…') properties"],
  ])('%s', (_, name, options, message) => {
    class Wrong {}
    NativeLibrary(name as string, options as object)(Wrong);
    const error = errorOf(() => open(new Wrong()));
    expect(error.name).toBe('ConfigurationError');
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('on class Wrong: ');
    expect(error.message).toContain(message);
  });

  it('a class without the decorator', () => {
    class Plain {}
    expect(errorOf(() => open(new Plain())).message).toBe(
      "Class Plain has no native library: decorate it with @NativeLibrary('name')",
    );
    expect(() => closeNativeLibrary(new Plain())).not.toThrow();
  });

  it('the decorator twice, or beside @injectable()', () => {
    class Twice {}
    NativeLibrary('sum')(Twice);
    expect(errorOf(() => NativeLibrary('sum')(Twice)).message).toBe(
      'Class Twice: @NativeLibrary is applied twice; keep one',
    );
    class Injectable {}
    injectable()(Injectable);
    expect(errorOf(() => NativeLibrary('sum')(Injectable)).message).toBe(
      'Class Injectable: @NativeLibrary implies @injectable(): remove @injectable() from the class',
    );
  });

  it('a base class whose constructor cannot be injected, unless the class has its own', () => {
    class Base {
      @native('int f(int)') readonly f!: (a: number) => number;
      constructor(readonly dependency: object) {}
    }
    class Derived extends Base {}
    const error = errorOf(() => NativeLibrary(ANY_FILE)(Derived));
    expect(error.code).toBe('DI_UNRESOLVED');
    expect(error.message).toContain('Class Derived takes the constructor of Base');
    expect(error.message).toContain('decorate Base with @injectable()');
    @NativeLibrary(ANY_FILE)
    class OwnConstructor extends Base {
      constructor() {
        super({});
      }
    }
    const library = new OwnConstructor();
    open(library, 'f');
    expect(library.f(1)).toEqual(['f', 1]);
  });

  it('standard decorators', () => {
    class Standard {}
    const decorateClass = NativeLibrary('sum') as (target: unknown, context: unknown) => void;
    const error = errorOf(() => decorateClass(Standard, { kind: 'class', name: 'Standard' }));
    expect(error.code).toBe('DECORATOR_MODE');
    expect(error.message).toContain(
      "@NativeLibrary('sum') on class Standard was compiled as a standard (TC39) decorator",
    );
    const decorateField = native('int f(int)') as (target: unknown, context: unknown) => void;
    expect(errorOf(() => decorateField(undefined, { kind: 'field', name: 'f' })).code).toBe('DECORATOR_MODE');
  });

  it('nothing is found: all places are listed', () => {
    @NativeLibrary('sum')
    class Missing {
      @native('int f(int a)') readonly f!: () => number;
    }
    const error = errorOf(() => open(new Missing()));
    expect(error.code).toBe('NATIVE_LIBRARY_MISSING');
    const tried = error.details['tried'] as string[];
    expect(tried.length).toBeGreaterThan(3);
    for (const place of tried) expect(error.message).toContain(`\n- ${place}`);
    expect(error.message).toContain('npm run build:native');
    expect(error.message).toContain('TUTTI_NATIVE_PATH');
  });
});
