import { describe, expect, it } from 'vitest';
import { parsePrototype, parseTableEntry, PrototypeProblem } from '../../../src/native/prototype.js';
import { dataModel } from '../../../src/native/scalar-types.js';

const LINUX_64 = dataModel('linux', 'x64');
const WINDOWS_64 = dataModel('win32', 'x64');
const LINUX_32 = dataModel('linux', 'arm');

describe('parsePrototype', () => {
  it('reads symbol, result, names and types', () => {
    expect(parsePrototype('int32_t get_sum(const int32_t a, const int32_t b)')).toEqual({
      symbol: 'get_sum',
      result: 'int32_t',
      parameters: [
        { name: 'a', type: 'int32_t' },
        { name: 'b', type: 'int32_t' },
      ],
      text: 'int32_t get_sum(const int32_t a, const int32_t b)',
    });
  });

  it.each([
    ['void f()', 'void', []],
    ['void f(void);', 'void', []],
    ['extern "C" bool f(_Bool)', 'bool', ['bool']],
    ['  double\n  f(\n double x,\n float y)  ', 'double', ['double', 'float']],
    ['const char *f(const char* s, char const * const t)', 'string', ['string', 'string']],
    ['const char* f (const char *)', 'string', ['string']],
    ['char f(signed char, unsigned char c)', 'int8_t', ['int8_t', 'uint8_t']],
    ['short f(short int, unsigned short)', 'int16_t', ['int16_t', 'uint16_t']],
    ['unsigned f(unsigned int n, int m)', 'uint32_t', ['uint32_t', 'int32_t']],
    ['long f(long int, unsigned long l, long unsigned int)', 'int64_t', ['int64_t', 'uint64_t', 'uint64_t']],
    ['long long f(unsigned long long int)', 'int64_t', ['uint64_t']],
    [
      'size_t f(ssize_t, intptr_t p, uintptr_t, ptrdiff_t)',
      'uint64_t',
      ['int64_t', 'int64_t', 'uint64_t', 'int64_t'],
    ],
    [
      'uint8_t f(int8_t, uint16_t, volatile int16_t, uint32_t, uint64_t)',
      'uint8_t',
      ['int8_t', 'uint16_t', 'int16_t', 'uint32_t', 'uint64_t'],
    ],
  ])('%s', (text, result, types) => {
    const signature = parsePrototype(text, LINUX_64);
    expect(signature.symbol).toBe('f');
    expect(signature.result).toBe(result);
    expect(signature.parameters.map(({ type }) => type)).toEqual(types);
  });

  it('takes the sizes of long and size_t from the platform', () => {
    const types = (model: typeof LINUX_64): string[] =>
      parsePrototype('void f(long, unsigned long, size_t, long long)', model).parameters.map(
        ({ type }) => type,
      );
    expect(types(WINDOWS_64)).toEqual(['int32_t', 'uint32_t', 'uint64_t', 'int64_t']);
    expect(types(LINUX_32)).toEqual(['int32_t', 'uint32_t', 'uint32_t', 'int64_t']);
  });

  it.each([
    ['', 'not a C prototype'],
    ['get_sum', 'not a C prototype'],
    ['get_sum(int a)', 'not a C prototype'],
    ['int 2nd(int a)', 'not a C prototype'],
    ['int f(int a', 'not a C prototype'],
    ['int f(int a) { return a; }', 'not a C prototype'],
    ['int32 get_sum x(int a)', 'the result: unknown type "int32 get_sum"'],
    ['int33_t f(int a)', 'the result: unknown type "int33_t", did you mean "int32_t"?'],
    ['int f(int a, itn b)', 'parameter 2: unknown type "itn b", did you mean "int"?'],
    ['int f(a)', 'parameter 1: unknown type "a"'],
    ['int f(int a,)', 'parameter 2: there is no type'],
    ['int f(, int a)', 'parameter 1: there is no type'],
    ['int f(int a, void)', 'parameter 2: void cannot be passed'],
    ['int f(const char *format, ...)', 'parameter 2: variadic functions are not supported'],
    ['int f(int *a)', 'parameter 1: the pointer "int *a" is not supported'],
    ['int f(char *a)', 'parameter 1: the pointer "char *a" is not supported'],
    ['char *f(int a)', 'the result: the pointer "char *" is not supported'],
    ['int f(const char **list)', 'parameter 1: the pointer "const char **list" is not supported'],
    ['int f(void (*callback)(int))', 'pointers to functions are not supported'],
    ['int f(int a[4])', 'parameter 1: "[" in "int a[4]" is not supported'],
    ['struct point f(int a)', 'the result: structs are not supported'],
    ['int f(enum color c)', 'parameter 1: enums are not supported'],
    ['int f(long double a)', 'parameter 1: unknown type "long double a"'],
    ['int f(signed unsigned a)', 'parameter 1: unknown type'],
    ['int f(long long long a)', 'parameter 1: unknown type'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parsePrototype(text, LINUX_64)).toThrow(PrototypeProblem);
    expect(() => parsePrototype(text, LINUX_64)).toThrow(message);
  });

  it('says what is supported', () => {
    expect(() => parsePrototype('int f(int *a)')).toThrow('supported are void, bool, integers');
  });
});

describe('parseTableEntry', () => {
  it('reads an entry of an ffi-napi table', () => {
    expect(parseTableEntry('get_sum', ['int', ['int', 'long']], LINUX_64)).toEqual({
      symbol: 'get_sum',
      result: 'int32_t',
      parameters: [
        { name: undefined, type: 'int32_t' },
        { name: undefined, type: 'int64_t' },
      ],
      text: 'int get_sum(int, long)',
    });
  });

  it('knows the short names of ref-napi', () => {
    const names = [
      'byte',
      'uchar',
      'ushort',
      'uint',
      'ulong',
      'longlong',
      'ulonglong',
      'int8',
      'uint64',
      'string',
      'CString',
    ];
    const types = parseTableEntry('f', ['void', names], LINUX_64).parameters.map(({ type }) => type);
    const wide = ['uint64_t', 'int64_t', 'uint64_t', 'int8_t', 'uint64_t'];
    expect(types).toEqual(['uint8_t', 'uint8_t', 'uint16_t', 'uint32_t', ...wide, 'string', 'string']);
  });

  it.each([
    [undefined, 'expected [result, [parameter, …]]'],
    [['int'], 'expected [result, [parameter, …]]'],
    [['int', 'int'], 'expected [result, [parameter, …]]'],
    [['int', [1]], 'expected [result, [parameter, …]]'],
    [['int', ['int'], { async: true }], 'expected [result, [parameter, …]]'],
    [['int', ['pointer']], 'parameter 1: unknown type "pointer"'],
    [['toString', []], 'the result: unknown type "toString"'],
  ])('refuses %j', (entry, message) => {
    expect(() => parseTableEntry('f', entry)).toThrow(message);
  });
});
