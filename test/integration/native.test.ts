import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { currentPlace, type LookupPlace } from '../../src/native/library/library-lookup.js';
import { inspectLibrary } from '../../src/native/library/library-file.js';
import { closeNativeLibrary, openNativeLibrary } from '../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../src/native/native-library.decorator.js';
import { hasSystemLibrary } from '../support/has-system-library.js';
import { buildNativeProject, tuttiErrorOf } from '../support/native-project.js';

const TYPES = `
#include <cstddef>
#include <cstdint>
#include <cstring>
#ifdef _WIN32
#define API extern "C" __declspec(dllexport)
#else
#define API extern "C"
#endif
API int8_t same_i8(int8_t x) { return x; }
API uint8_t same_u8(uint8_t x) { return x; }
API int16_t same_i16(int16_t x) { return x; }
API uint16_t same_u16(uint16_t x) { return x; }
API uint32_t same_u32(uint32_t x) { return x; }
API int64_t same_i64(int64_t x) { return x; }
API uint64_t same_u64(uint64_t x) { return x; }
API long same_long(long x) { return x; }
API float same_float(float x) { return x; }
API double same_double(double x) { return x; }
API bool same_bool(bool x) { return x; }
API const char *same_text(const char *x) { return x; }
API size_t length(const char *x) { return x == nullptr ? 0 : std::strlen(x); }
static int calls = 0;
API void count() { ++calls; }
API int counted() { return calls; }
`;

const project = buildNativeProject({ 'types/types.cpp': TYPES });
afterAll(() => project.remove());

describe('every scalar type comes back as it went', () => {
  @NativeLibrary('types', {
    path: project.built,
    functions: {
      same_i8: ['int8', ['int8']],
      same_u8: ['uchar', ['uchar']],
      same_i16: ['short', ['short']],
      same_u16: ['uint16', ['uint16']],
      same_u32: ['uint', ['uint']],
      same_i64: ['int64', ['int64']],
      same_u64: ['ulonglong', ['ulonglong']],
      same_long: ['long', ['long']],
      same_float: ['float', ['float']],
      same_double: ['double', ['double']],
      same_bool: ['bool', ['bool']],
      same_text: ['string', ['string']],
    },
  })
  class Types {
    [symbol: string]: unknown;
  }

  it.skipIf(!project.isBuilt).each([
    ['same_i8', [-128, 127]],
    ['same_u8', [0, 255]],
    ['same_i16', [-32768, 32767]],
    ['same_u16', [65535]],
    ['same_u32', [2 ** 32 - 1]],
    ['same_i64', [-1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 63n - 1n, -(2n ** 63n)]],
    ['same_u64', [0, 2n ** 64n - 1n]],
    ['same_long', [-(2 ** 31), 2 ** 31 - 1]],
    ['same_float', [1.5, -Infinity, NaN]],
    ['same_double', [0.1, Number.MAX_VALUE, NaN]],
    ['same_bool', [true, false]],
    ['same_text', ['', 'grüße, 世界', null]],
  ])('%s', (symbol, values: readonly unknown[]) => {
    const library = new Types();
    openNativeLibrary(library);
    const same = library[symbol] as (value: unknown) => unknown;
    expect(values.map((value) => same(value))).toEqual(values);
    void closeNativeLibrary(library);
  });

  it.skipIf(!project.isBuilt)('functions without parameters or result, and texts in UTF-8', () => {
    @NativeLibrary('types', { path: project.built })
    class Others {
      @native('void count(void)') readonly count!: () => void;
      @native('int counted()') readonly counted!: () => number;
      @native('size_t length(const char *text)') readonly length!: (text: string | null) => number;
    }
    const library = new Others();
    openNativeLibrary(library);
    expect(library.count()).toBeUndefined();
    library.count();
    expect(library.counted()).toBe(2);
    expect([library.length('grüße'), library.length(null)]).toEqual([7, 0]);
    // As an address, a number would end the process.
    expect(() => library.length(5 as unknown as string)).toThrow(
      'expected parameter 1 "text" to be a string',
    );
    void closeNativeLibrary(library);
  });
});

describe('mistakes', () => {
  class Declared {
    @native('int counted(void)') readonly counted!: () => number;
    @native('int get_difference(int, int)') readonly getDifference!: (a: number, b: number) => number;
    @native('int get_product(int, int)') readonly getProduct!: (a: number, b: number) => number;
  }
  const withPath = (path: string): Declared => {
    class Library extends Declared {}
    NativeLibrary('types', { path })(Library);
    return new Library();
  };

  it.skipIf(!project.isBuilt)('symbols that the library does not have are named, all of them', () => {
    const error = tuttiErrorOf(() => openNativeLibrary(withPath(project.built)));
    expect(error.code).toBe('NATIVE_SYMBOL_MISSING');
    expect(error.details['symbols']).toEqual(['get_difference', 'get_product']);
    expect(error.message).toContain('Library.getDifference: the library "types" exports no "get_difference"');
    expect(error.message).toContain('extern "C"');
    expect(error.message).toContain(`${error.details['file'] as string} was looked into`);
    expect(error.details['file']).toContain(project.built);
  });

  const invalid = (file: string) => {
    const error = tuttiErrorOf(() => openNativeLibrary(withPath(file)));
    expect(error.name).toBe('ConfigurationError');
    expect(error.code).toBe('NATIVE_LIBRARY_INVALID');
    expect(error.message).toContain(`Library: the native library ${file} `);
    // With the words of the loader.
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.message).toContain((error.cause as Error).message);
    return error;
  };
  const PE = Buffer.alloc(0x80);
  PE.write('MZ');
  PE.writeUInt32LE(0x40, 0x3c);
  PE.write('PE\0\0', 0x40);
  PE.writeUInt16LE(0x8664, 0x44);

  it.each<[string, string | Buffer, string, string]>([
    ['a text', 'this is no library\n', 'not-a-library', 'is no ELF, Mach-O or PE file, not a shared library'],
    ['an empty file', '', 'not-a-library', 'is an empty file, not a shared library'],
    [
      'a header and nothing behind it',
      '\u007fELF\u0002\u0001\u0001',
      'not-a-library',
      'is cut off, not a shared library',
    ],
    [
      'a text for the linker',
      '/* GNU ld script */\nGROUP ( /lib/libm.so.6 )\n',
      'not-a-library',
      'is a text for the linker',
    ],
    ...(process.platform === 'win32'
      ? []
      : [
          ['a file of another system', PE, 'wrong-platform', 'is a PE file, for another system'] as [
            string,
            Buffer,
            string,
            string,
          ],
        ]),
  ])('%s in the place of the library', (_, content, reason, text) => {
    const file = join(project.root, 'bogus.so');
    writeFileSync(file, content);
    const error = invalid(file);
    expect(error.details['reason']).toBe(reason);
    expect(error.message).toContain(text);
  });

  it.skipIf(!project.isBuilt || process.platform !== 'linux')('a library for another machine', () => {
    const file = join(project.root, 'foreign.so');
    // The field e_machine of the ELF header: 0xF3 is RISC-V, 0x3E x86-64.
    const bytes = readFileSync(join(project.built, 'libtypes.so'));
    bytes[18] = process.arch === 'riscv64' ? 0x3e : 0xf3;
    writeFileSync(file, bytes);
    const error = invalid(file);
    expect(error.details['reason']).toBe('wrong-architecture');
    expect(error.message).toContain(`and this Node.js runs on ${process.arch}`);
  });

  it.skipIf(!project.isBuilt || process.platform !== 'linux')('a library that needs another one', () => {
    const needed = join(project.root, 'libneeded.so');
    const needing = join(project.root, 'libneeding.so');
    const source = join(project.root, 'needed.cpp');
    const compile = (...args: string[]) => {
      const { status, stderr } = spawnSync(process.env['CXX'] ?? 'c++', ['-shared', '-fPIC', ...args], {
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
    };
    writeFileSync(source, 'extern "C" int needed() { return 1; }');
    compile('-o', needed, source);
    writeFileSync(source, 'extern "C" int needed(); extern "C" int counted() { return needed(); }');
    compile('-o', needing, source, `-L${project.root}`, '-lneeded', '-Wl,-rpath,$ORIGIN/elsewhere');
    expect(inspectLibrary(needing)).toMatchObject({ format: 'ELF', searchFolders: ['$ORIGIN/elsewhere'] });
    const error = invalid(needing);
    expect(error.details['reason']).toBe('missing-dependency');
    expect(error.message).toContain('needs "libneeded.so", which the loader does not find');
    expect(error.message).toContain(`\`ldd ${needing}\``);
  });

  it.skipIf(!project.isBuilt)('of all kinds are in one error', () => {
    @NativeLibrary('types', { path: project.built, handles: { db: 'db_close' } })
    class Mixed {
      @native('int counted(void)') readonly counted!: () => number;
      @native('int nothing(void)') readonly nothing!: () => number;
      @native('int33_t wrong(void)') readonly wrong!: () => number;
      @native('char *same_text(const char *x)') readonly ownerless!: (x: string) => string;
      @native('const char *same_text(const char *x)', { freedBy: 'no_free' }) readonly freed!: (
        x: string,
      ) => string;
      @native('bool same_bool(bool x)', { asnyc: true } as object) readonly option!: (x: boolean) => boolean;
    }
    const error = tuttiErrorOf(() => openNativeLibrary(new Mixed()));
    expect(error.code).toBe('NATIVE_SIGNATURE');
    expect(error.message).toContain('6 mistakes of Mixed:\n- ');
    expect(error.details['problems']).toEqual([
      'Mixed.wrong: "int33_t wrong(void)": the result: unknown type "int33_t", did you mean "int32_t"?',
      expect.stringContaining(
        'Mixed.ownerless: "char *same_text(const char *x)": the result: who frees the text?',
      ),
      'Mixed.option: "bool same_bool(bool x)": options: unknown option `asnyc`, did you mean `async`?',
      'Mixed.nothing: the library "types" exports no "nothing"',
      'Mixed.freed (freedBy): the library "types" exports no "no_free"',
      'Mixed.handles.db: the library "types" exports no "db_close"',
    ]);
  });
});

describe('a library that somebody else has put', () => {
  const build = (answer: number) =>
    buildNativeProject({
      'answer/answer.cpp': `
        #ifdef _WIN32
        #define API extern "C" __declspec(dllexport)
        #else
        #define API extern "C"
        #endif
        API int answer() { return ${answer}; }`,
    });
  const [ours, theirs] = [build(42), build(666)];
  for (const { root } of [ours, theirs]) writeFileSync(join(root, 'package.json'), '{}');
  afterAll(() => [ours, theirs].forEach((other) => other.remove()));

  const open = (place: Partial<LookupPlace>): { answer(): number } => {
    @NativeLibrary('answer')
    class Answer {
      @native('int answer(void)') readonly answer!: () => number;
    }
    const library = new Answer();
    openNativeLibrary(library, { place: { ...currentPlace(), searchPath: undefined, ...place } });
    return library;
  };

  it.skipIf(!ours.isBuilt)('into the folder where the program is started is not loaded', async () => {
    const library = open({ cwd: theirs.root, mainFile: join(ours.root, 'dist', 'main.js') });
    expect(library.answer()).toBe(42);
    await closeNativeLibrary(library);
  });

  it.skipIf(!ours.isBuilt)('there is not loaded where the program has none of its own, either', () => {
    ours.remove();
    const error = tuttiErrorOf(() => open({ cwd: theirs.root, mainFile: join(ours.root, 'main.js') }));
    expect(error.code).toBe('NATIVE_LIBRARY_MISSING');
    expect(error.message).not.toContain(theirs.root);
  });

  it.skipIf(!ours.isBuilt || process.platform === 'win32')(
    'into a folder above the program that everybody may write to is not loaded',
    () => {
      chmodSync(theirs.root, 0o1777);
      for (const main of ['job/main.js', 'main.js']) {
        const error = tuttiErrorOf(() => open({ mainFile: join(theirs.root, main) }));
        expect(error.code).toBe('NATIVE_LIBRARY_MISSING');
        expect(error.message).toContain('everybody may put files into the folder of the main file');
      }
    },
  );
});

describe('libraries of the system', () => {
  it.skipIf(process.platform !== 'linux')('are found by the loader under their file names', () => {
    @NativeLibrary('libm.so.6')
    class Maths {
      @native('double cos(double x)') readonly cos!: (x: number) => number;
    }
    const library = new Maths();
    openNativeLibrary(library);
    expect(library.cos(0)).toBe(1);
    void closeNativeLibrary(library);
  });

  it.skipIf(process.platform !== 'linux')("that are not there are missing, with the loader's words", () => {
    @NativeLibrary('libno-such-thing.so.9')
    class Missing {
      @native('double cos(double x)') readonly cos!: (x: number) => number;
    }
    const error = tuttiErrorOf(() => openNativeLibrary(new Missing()));
    expect(error.code).toBe('NATIVE_LIBRARY_MISSING');
    expect(error.message).toContain('libno-such-thing.so.9, by the loader of the system: ');
    expect(error.message).toContain('No such file');
  });

  it.skipIf(process.platform !== 'linux')(
    'count as not on this machine only where they are not found: anything else is an error of the tests',
    () => {
      @NativeLibrary('libno-such-thing.so.9')
      class Missing {
        @native('double cos(double x)') readonly cos!: (x: number) => number;
      }
      @NativeLibrary('libm.so.6')
      class WrongSymbol {
        @native('double no_such_function(double x)') readonly none!: (x: number) => number;
      }
      @NativeLibrary('libm.so.6')
      class WrongSignature {
        @native('duoble cos(double x)') readonly cos!: (x: number) => number;
      }
      @NativeLibrary('libbroken.so.1')
      class Refused {
        @native('double cos(double x)') readonly cos!: (x: number) => number;
      }
      expect(hasSystemLibrary(Missing)).toBe(false);
      expect(() => hasSystemLibrary(WrongSymbol)).toThrow('exports no "no_such_function"');
      expect(() => hasSystemLibrary(WrongSignature)).toThrow('unknown type "duoble"');
      const file = join(project.root, 'libbroken.so.1');
      writeFileSync(file, 'no library');
      process.env['TUTTI_NATIVE_PATH'] = project.root;
      try {
        expect(() => hasSystemLibrary(Refused)).toThrow('not a shared library');
      } finally {
        delete process.env['TUTTI_NATIVE_PATH'];
      }
    },
  );
});
