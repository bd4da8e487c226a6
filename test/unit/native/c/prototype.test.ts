import { describe, expect, it } from 'vitest';
import { PrototypeProblem } from '../../../../src/native/c/c-declarator.js';
import { parsePrototype, parseTableEntry } from '../../../../src/native/c/prototype.js';
import { parseTypes } from '../../../../src/native/c/c-types.js';
import { describeType, type RecordType } from '../../../../src/native/c/native-types.js';
import { recordLayout } from '../../../../src/native/c/type-layout.js';
import { dataModel } from '../../../../src/native/c/scalar-types.js';

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
    const types = (model: typeof LINUX_64): unknown[] =>
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
    ['int f(..., int a)', 'parameter 1: "..." stands last'],
    ['int f(int a[3)', 'a "]" is missing'],
    ['int f(int a[n])', 'the length "n" of an array is not a number'],
    ['int f(void callback(int))', 'parameter 1: "(" in "void callback (int)" is not understood'],
    ['int f(void (*)(int, ...))', 'a variadic function cannot be called back'],
    ['int f(_Out_ int a)', 'parameter 1: _Out_ and _Inout_ stand before pointers'],
    [
      'int f(struct point p)',
      'parameter 1: the struct "point" in "struct point p" is not declared; declare it in the option',
    ],
    ['struct point f(int a)', 'the result: the struct "point" in "struct point" is not declared'],
    ['int f(enum color c)', 'parameter 1: the enum "color"'],
    [
      'int f(HANDLE h)',
      'parameter 1: unknown type "HANDLE h"; structs, enums and handles are declared in the option',
    ],
    ['int f(long double a)', 'parameter 1: unknown type "long double a"'],
    ['int f(long double)', 'parameter 1: unknown type "long double"'],
    ['int f(unsigned __int128)', 'parameter 1: unknown type "unsigned __int128"'],
    ['int f(size_t int)', 'parameter 1: unknown type "size_t int"'],
    ['int f(int a[2 * 3])', 'the length "2 *3" of an array is not a number'],
    [
      'int f(struct { int x; } p)',
      'declares a struct where it is used; declare it by a name of its own before',
    ],
    ['int f(signed unsigned a)', 'parameter 1: unknown type'],
    ['int f(long long long a)', 'parameter 1: unknown type'],
  ])('refuses %j: %s', (text, message) => {
    expect(() => parsePrototype(text, LINUX_64)).toThrow(PrototypeProblem);
    expect(() => parsePrototype(text, LINUX_64)).toThrow(message);
  });

  it('reads pointers, with what they point to, constness and direction', () => {
    const types = parseTypes('typedef struct db db; typedef struct { double x, y; } Point;').types;
    const parse = (text: string) =>
      parsePrototype(text, LINUX_64, types).parameters.map(({ type, direction }) => {
        return direction === undefined ? describeType(type) : `${direction} ${describeType(type)}`;
      });
    expect(
      parse(
        'int f(int *a, const double *b, void *c, char *d, const char **e, db *f, _Out_ db **g, _Inout_ Point *h, ' +
          'const Point *i, uint8_t j[16], const char16_t *k, char16_t *l, const char *const *m)',
      ),
    ).toEqual([
      'int32_t *',
      'const double *',
      'void *',
      'char *',
      'const char **',
      'db *',
      'out db **',
      'inout Point *',
      'const Point *',
      'uint8_t *',
      'const char16_t *',
      'char16_t *',
      'const char *const *',
    ]);
    expect(parsePrototype('char *f(void)', LINUX_64).result).toEqual({
      kind: 'pointer',
      to: 'int8_t',
      isConst: false,
      text: 'utf8',
    });
  });

  it('reads pointers to functions', () => {
    const { parameters } = parsePrototype(
      'void qsort(void *base, size_t n, size_t size, int (*compare)(const void *a, const void *b))',
      LINUX_64,
    );
    expect(parameters[3]).toMatchObject({
      name: 'compare',
      type: { kind: 'function', result: 'int32_t', parameters: [{ name: 'a' }, { name: 'b' }] },
    });
  });

  it('reads variadic functions', () => {
    const { parameters, isVariadic } = parsePrototype('int printf(const char *format, ...)');
    expect([parameters.length, isVariadic]).toEqual([1, true]);
  });

  it('leaves comments out', () => {
    expect(parsePrototype('int f(int a /* first */, int b) // done').parameters).toHaveLength(2);
    expect(parsePrototype('/* it adds */ extern "C" int f(int a, int b); // done').parameters).toHaveLength(
      2,
    );
  });
});

describe('parseTypes', () => {
  const types = (text: string) => {
    const { types: table, problems } = parseTypes(text, LINUX_64);
    expect(problems).toEqual([]);
    return table;
  };

  it('reads structs, unions, enums, handles and typedefs as they stand in a header', () => {
    const table = types(`
      typedef struct sqlite3 sqlite3;               // a handle
      enum color { RED, GREEN = 5, BLUE, LOW = -1 };
      typedef enum { ON = 0x10 } Switch;
      typedef uint32_t id_t;
      typedef union { int32_t i; float f; } Number;
      struct point { double x, y; };
      typedef struct Shape {
        struct point origin; enum color color; id_t id; Number number;
        char name[16]; int16_t grid[2][3]; const char *label; struct point *next;
        int (*compare)(const void *, const void *);
      } Shape;
      typedef int (*compare_fn)(const void *, const void *);
      typedef void visit_fn(int depth);
    `);
    expect([...table.keys()]).toEqual([
      'sqlite3',
      'color',
      'Switch',
      'id_t',
      'Number',
      'point',
      'Shape',
      'compare_fn',
      'visit_fn',
    ]);
    expect(table.get('sqlite3')).toEqual({ kind: 'opaque', name: 'sqlite3' });
    expect(table.get('id_t')).toBe('uint32_t');
    expect(table.get('color')).toMatchObject({
      storage: 'int32_t',
      values: new Map([
        ['RED', 0],
        ['GREEN', 5],
        ['BLUE', 6],
        ['LOW', -1],
      ]),
    });
    expect(table.get('Switch')).toMatchObject({
      storage: process.platform === 'win32' ? 'int32_t' : 'uint32_t',
    });
    const shape = table.get('Shape') as RecordType;
    expect(shape.fields.map(({ name }) => name)).toEqual([
      'origin',
      'color',
      'id',
      'number',
      'name',
      'grid',
      'label',
      'next',
      'compare',
    ]);
    expect(shape.fields[5]!.type).toMatchObject({
      kind: 'array',
      length: 2,
      of: { kind: 'array', length: 3, of: 'int16_t' },
    });
    expect(recordLayout(shape)).toEqual({
      size: 80,
      alignment: 8,
      offsets: [0, 16, 20, 24, 28, 44, 56, 64, 72],
    });
  });

  it('reads structs with pointers to their own kind, and those that are known by name before', () => {
    const table = types(`
      typedef struct node { int value; struct node *next; } Node;
      typedef struct _Point Point; struct _Point { double x, y; };
    `);
    const { fields } = table.get('Node') as RecordType;
    expect(fields.map(({ type }) => describeType(type))).toEqual(['int32_t', 'Node *']);
    expect(table.get('Point')).toBe(table.get('_Point'));
    expect(recordLayout(table.get('Point') as RecordType).size).toBe(16);
  });

  it('reads integers as C does', () => {
    const table = types(
      'struct text { char a[0x10], b[010], c[4u]; }; enum e { A = 010, B = 0x10u, C = -1 };',
    );
    expect(recordLayout(table.get('text') as RecordType).offsets).toEqual([0, 16, 24]);
    expect(table.get('e')).toMatchObject({
      values: new Map([
        ['A', 8],
        ['B', 16],
        ['C', -1],
      ]),
    });
  });

  it.each([
    ['struct { int a; };', 'the struct has no name'],
    ['struct p { int a[2 * 3]; };', 'the length "2 *3" of an array is not a number'],
    ['struct p { struct { int a; } inner; };', 'declares a struct where it is used'],
    ['struct p { struct p inner; };', 'the size of the member "inner" is not known'],
    ['enum e { A = 0x100000000 };', 'the numbers of the enum do not fit into 32 bits'],
    ['enum e { 5 };', 'expected a name, or a name and an integer'],
    ['struct p { };', 'there are no members'],
    ['struct p { int; };', 'a member has no name'],
    ['struct p { float12 a; };', 'unknown type "float12 a"'],
    ['typedef struct s s; struct p { s inner; };', 'the size of the member "inner" is not known'],
    ['struct p { int a[]; };', 'the array "a" has no length'],
    ['struct p { int a; }; struct p { int b; };', '"p" is declared twice'],
    ['enum e { };', 'there are no names in the enum'],
    ['enum e { A = B };', 'expected a name, or a name and an integer'],
    ['int f(int a);', 'functions are declared with @native'],
    ['typedef int;', 'the typedef has no name'],
  ])('refuses %j: %s', (text, message) => {
    const { problems } = parseTypes(text, LINUX_64);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});

describe('parseTableEntry', () => {
  it('reads an entry of an ffi-napi table', () => {
    expect(parseTableEntry('get_sum', ['int', ['int', 'long']], LINUX_64).signature).toEqual({
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
    const types = parseTableEntry('f', ['void', names], LINUX_64).signature.parameters.map(
      ({ type }) => type,
    );
    const wide = ['uint64_t', 'int64_t', 'uint64_t', 'int8_t', 'uint64_t'];
    expect(types).toEqual(['uint8_t', 'uint8_t', 'uint16_t', 'uint32_t', ...wide, 'string', 'string']);
  });

  it('takes pointers, options, and types of ref-napi', () => {
    const int = { name: 'int', indirection: 1, size: 4 };
    const entry = [
      'pointer',
      ['void *', 'char *', int, { name: 'int', indirection: 2 }, { name: 'void*', indirection: 2 }],
      { async: true },
    ];
    const { signature, options } = parseTableEntry('f', entry, LINUX_64);
    expect(options).toEqual({ async: true });
    expect(describeType(signature.result)).toBe('void *');
    expect(signature.parameters.map(({ type }) => describeType(type))).toEqual([
      'void *',
      'char *',
      'int32_t',
      'int32_t *',
      'void *',
    ]);
    expect(parseTableEntry('f', ['int', ['string'], { varargs: true }]).signature.isVariadic).toBe(true);
  });

  it.each([
    [undefined, 'expected [result, [parameter, …]]'],
    [['int'], 'expected [result, [parameter, …]]'],
    [['int', 'int'], 'expected [result, [parameter, …]]'],
    [['int', [1]], 'expected [result, [parameter, …]]'],
    [['int', ['int'], 'async'], 'expected [result, [parameter, …]]'],
    [['int', ['int'], {}, {}], 'expected [result, [parameter, …]]'],
    [['int', ['poniter']], 'parameter 1: unknown type "poniter"'],
    [['toString', []], 'the result: unknown type "toString"'],
  ])('refuses %j', (entry, message) => {
    expect(() => parseTableEntry('f', entry)).toThrow(message);
  });
});
