import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ffi, ffiOn } from '../../src/native/call/ffi-library.js';
import { FfiNapiBackend } from '../../src/native/backend/ffi-napi-backend.js';
import { openNativeLibrary } from '../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../src/native/native-library.decorator.js';
import { ABI_SOURCE } from '../support/abi-library.js';
import { FFI_NAPI_FROM, hasFfiNapi } from '../support/native-backends.js';
import { buildNativeProject, tuttiErrorOf } from '../support/native-project.js';

const project = buildNativeProject({ 'abi/abi.cpp': ABI_SOURCE });
afterAll(() => project.remove());

/** In place of a suite whose body needs what is not there. */
function skipped(name: string): void {
  // The suite's body cannot even be collected without the packages, which the warning above tells.
  // oxlint-disable-next-line vitest/no-disabled-tests, vitest/valid-title
  describe.skip(name, () => {
    it('needs ffi-napi and a compiler', () => expect(hasFfiNapi && project.isBuilt).toBe(true));
  });
}

(hasFfiNapi && project.isBuilt ? describe : skipped)('declarations written for ffi-napi', () => {
  const { Library, Callback, errno } = ffiOn(new FfiNapiBackend(FFI_NAPI_FROM));
  const ref = createRequire(FFI_NAPI_FROM)('ref-napi') as {
    types: Record<string, unknown>;
    refType(type: unknown): unknown;
    alloc(type: unknown, value?: unknown): Buffer & { deref(): unknown };
  };
  const file = join(project.built, `libabi.${process.platform === 'darwin' ? 'dylib' : 'so'}`);

  it('work with names of types, with types of ref, and with references', () => {
    const abi = Library(file, {
      sum_array: ['int', [ref.refType(ref.types['int']), ref.types['size_t']]],
      duplicate: ['string', ['string']],
      divide: ['void', ['int', ref.types['int'], 'int *', ref.refType('int')]],
    });
    const list = Buffer.alloc(8);
    list.writeInt32LE(20, 0);
    list.writeInt32LE(22, 4);
    expect([abi['sum_array']!(list, 2), abi['duplicate']!('text')]).toEqual([42, 'text']);
    const [quotient, remainder] = [ref.alloc('int'), ref.alloc('int')];
    abi['divide']!(17, 5, quotient, remainder);
    expect([quotient.deref(), remainder.deref()]).toEqual([3, 2]);
  });

  it('work asynchronously, with the callback last', async () => {
    const abi = Library(file, { fail_with: ['int', ['int']], wait_ms: ['void', ['int'], { async: true }] });
    const value = await new Promise((resolve, reject) => {
      abi['fail_with']!.async(5, (error: Error | null, result: unknown) =>
        error ? reject(error) : resolve(result),
      );
    });
    expect(value).toBe(-1);
    await Promise.all(
      Array.from({ length: 300 }, () => new Promise((resolve) => abi['wait_ms']!(0, resolve))),
    );
  });

  it('work with callbacks, variadic functions and errno', () => {
    const abi = Library(file, {
      apply: ['int', ['pointer', 'int']],
      add_all: ['double', ['int'], { varargs: true }],
      fail_with: ['int', ['int']],
    });
    expect(
      abi['apply']!(
        Callback('int', ['int'], (n) => (n as number) * 2),
        4,
      ),
    ).toBe(12);
    const addAll = abi['add_all']!('int', 'double') as (...args: unknown[]) => unknown;
    expect(addAll(2, 1, 2.5)).toBe(3.5);
    abi['fail_with']!(13);
    expect(errno()).toBe(13);
  });

  it('work with new, without a file and without functions, as they did', () => {
    const functions = { atoi: ['int', ['string']] } as const;
    expect(new Library(null, functions)['atoi']!('42')).toBe(42);
    expect(Library(undefined, functions)['atoi']!('43')).toBe(43);
    expect(Library(file)).toEqual({});
  });

  it('wrong asynchronous calls throw at once', () => {
    const { fail_with: failWith } = Library(file, { fail_with: ['int', ['int']] });
    const calls = [() => failWith!.async(() => undefined), () => failWith!.async(1), () => failWith!.async()];
    for (const call of calls) expect(call).toThrow('Expected 2 arguments, got ');
    expect(() => failWith!.async(1, 2)).toThrow(TypeError);
  });

  it('find libraries as ffi-napi does, and in the usual places', () => {
    const libm = Library(process.platform === 'darwin' ? 'libm' : 'libm.so.6', {
      cos: ['double', ['double']],
    });
    expect(libm['cos']!(0)).toBe(1);
    expect(() => Library('libno-such-library', { f: ['int', []] })).toThrow('libno-such-library');
  });
});

describe('without the package', () => {
  it('the error says what to install', () => {
    const missing = ffiOn(new FfiNapiBackend('/nowhere/package.json'));
    const error = tuttiErrorOf(() => missing.Library('libm.so.6', { cos: ['double', ['double']] }));
    expect(error.code).toBe('NATIVE_BACKEND_MISSING');
    expect(error.message).toContain(
      'npm install ffi-napi@npm:@2060.io/ffi-napi@4 ref-napi@npm:@2060.io/ref-napi@3',
    );
    expect(typeof ffi.Library).toBe('function');
  });

  it.skipIf(process.platform !== 'linux')(
    'a class that asks for it is refused, unless the environment asks for another',
    () => {
      @NativeLibrary('libm.so.6', { backend: 'ffi-napi' })
      class Maths {
        @native('double cos(double x)') readonly cos!: (x: number) => number;
      }
      // Here the package is nowhere above the sources.
      expect(tuttiErrorOf(() => openNativeLibrary(new Maths())).code).toBe('NATIVE_BACKEND_MISSING');
      process.env['TUTTI_NATIVE_BACKEND'] = 'koffi';
      try {
        const maths = new Maths();
        openNativeLibrary(maths);
        expect(maths.cos(0)).toBe(1);
        process.env['TUTTI_NATIVE_BACKEND'] = 'kofi';
        expect(tuttiErrorOf(() => openNativeLibrary(new Maths())).message).toBe(
          'Maths: expected TUTTI_NATIVE_BACKEND to be "koffi" or "ffi-napi", got "kofi"',
        );
      } finally {
        delete process.env['TUTTI_NATIVE_BACKEND'];
      }
    },
  );
});
