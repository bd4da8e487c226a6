import 'reflect-metadata';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../../src/core/errors.js';
import { PrototypeProblem } from '../../../src/native/c/c-declarator.js';
import { parseTypes } from '../../../src/native/c/c-types.js';
import { openNativeLibrary } from '../../../src/native/native-activation.js';
import { native, NativeLibrary } from '../../../src/native/native-library.decorator.js';
import { describeType, type NativeType, type NativeSignature } from '../../../src/native/c/native-types.js';
import { parsePrototype, parseTableEntry } from '../../../src/native/c/prototype.js';
import { dataModel } from '../../../src/native/c/scalar-types.js';
import { layoutOf } from '../../../src/native/c/type-layout.js';
import { EchoBackend } from '../../support/echo-backend.js';

const SEED = 20_250_601;
const RUNS = { seed: SEED, numRuns: 300 };
const MODEL = dataModel('linux', 'x64');

const WORDS =
  'void bool char short int long signed unsigned float double size_t int32_t uint64_t char16_t string pointer const volatile restrict static extern inline struct union enum typedef _In_ _Out_ _Inout_ Point Color handle f x y __proto__ constructor toString'.split(
    ' ',
  );
const SIGNS = ['(', ')', '[', ']', '{', '}', '*', ',', ';', '=', '...', '"', '/*', '*/', '//', '\n', '.'];
const NUMBERS = ['0', '1', '-1', '16', '0x1F', '08', '4294967296', '9'.repeat(400), '1.5', '2u'];

const DECLARATIONS = [
  'int32_t get_sum(int32_t a, int32_t b);',
  'extern "C" const char *const *names(const char *prefix, size_t *_Out_ count, ...)',
  'void each(int (*visit)(const char *word, void *data), void *data)',
  'typedef struct Shape { double x, *y; char name[16]; int grid[3][4]; struct Shape *next; } Shape;',
  'typedef enum { RED, GREEN = 5, BLUE = 0x10 } Color;',
  'typedef int (*compare_fn)(const void *, const void *); typedef int compare_t(int, compare_fn);',
  'union Number { int32_t i; float f; const char *text; }; typedef struct handle handle;',
];

const token = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 6, arbitrary: fc.constantFrom(...SIGNS) },
  { weight: 1, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: 'binary' }) },
);
const separator = fc.constantFrom(' ', '', '\t', '\n');
const soup = fc
  .array(fc.tuple(token, separator), { maxLength: 60 })
  .map((parts) => parts.map((part) => part.join('')).join(''));
/** A declaration with some of its words and signs left out, doubled, exchanged or put in. */
const mutated = fc
  .tuple(
    fc.constantFrom(...DECLARATIONS),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('drop', 'double', 'insert', 'replace', 'cut'), token), {
      minLength: 1,
      maxLength: 5,
    }),
  )
  .map(([text, changes]) => {
    const tokens = text.match(/\w+|\s+|\S/g)!;
    for (const [place, change, other] of changes) {
      const at = place % (tokens.length + 1);
      if (change === 'drop') tokens.splice(at, 1);
      if (change === 'double') tokens.splice(at, 0, tokens[at] ?? '');
      if (change === 'insert') tokens.splice(at, 0, other);
      if (change === 'replace') tokens.splice(at, 1, other);
      if (change === 'cut') tokens.splice(at);
    }
    return tokens.join('');
  });
const anything = fc.oneof(soup, mutated, fc.string({ maxLength: 100, unit: 'binary' }));

/** Whatever is parsed can be named and has a size. */
function expectUsable(type: NativeType): void {
  const [name, { size }] = [describeType(type), layoutOf(type)];
  if (typeof name !== 'string' || !Number.isSafeInteger(size)) expect({ name, size }).toBeUndefined();
}

/** @returns whether it was parsed; nothing else but a problem may be thrown */
function parses(parse: () => Pick<NativeSignature, 'result' | 'parameters'>): boolean {
  let signature;
  try {
    signature = parse();
  } catch (error) {
    if (error instanceof PrototypeProblem) return false;
    throw error;
  }
  for (const type of [signature.result, ...signature.parameters.map((parameter) => parameter.type)])
    expectUsable(type);
  return true;
}

describe('any text as a declaration', () => {
  const { types } = parseTypes('struct Point { int x, y; }; enum Color { RED }; struct handle;', MODEL);

  it('is a prototype, or a problem', () => {
    const ends = { parsed: 0, refused: 0 };
    fc.assert(
      fc.property(anything, (text) => {
        ends[parses(() => parsePrototype(text, MODEL, types)) ? 'parsed' : 'refused']++;
      }),
      RUNS,
    );
    expect(ends.parsed).toBeGreaterThan(0);
    expect(ends.refused).toBeGreaterThan(0);
  });

  it('is a table of types, with problems for the rest of it', () => {
    const ends = { types: 0, problems: 0 };
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseTypes(text, MODEL);
        for (const [name, type] of parsed.types) {
          expect(name).toMatch(/^[A-Za-z_]\w*$/);
          expectUsable(type);
        }
        ends.types += parsed.types.size;
        ends.problems += parsed.problems.length;
      }),
      RUNS,
    );
    expect(ends.types).toBeGreaterThan(0);
    expect(ends.problems).toBeGreaterThan(0);
  });

  it('is the name of a type in a table, or a problem', () => {
    let refused = 0;
    fc.assert(
      fc.property(anything, anything, (result, parameter) => {
        if (!parses(() => parseTableEntry('f', [result, [parameter]], MODEL, types).signature)) refused++;
      }),
      RUNS,
    );
    expect(refused).toBeGreaterThan(0);
  });

  it('opens a library, or is refused with a code of native code', () => {
    // Has every symbol.
    const backend = new EchoBackend(Object.assign([], { includes: () => true }));
    const place = { ...process, cwd: '/nowhere', mainFile: undefined, searchPath: undefined };
    const codes = new Set<string>();
    fc.assert(
      fc.property(anything, anything, (types_, prototype) => {
        class Library {}
        native(prototype)(Library.prototype, 'f');
        NativeLibrary(process.execPath, { types: types_ })(Library);
        try {
          openNativeLibrary(new Library(), { backend, place });
        } catch (error) {
          if (!TuttiError.is(error)) throw error;
          // An empty text of types is a wrong option.
          if (types_ !== '') codes.add(error.code);
        }
      }),
      RUNS,
    );
    expect([...codes]).toEqual(['NATIVE_SIGNATURE']);
  });
});

describe('a text that is made to take long', () => {
  /** Quadratic, each of these would take from ten seconds to minutes. */
  const LENGTH = 100_000;
  const LIMIT_MS = 2_000;
  const repeat = (text: string): string => text.repeat(Math.ceil(LENGTH / text.length));
  const numbered = (make: (i: number) => string): string => {
    const parts: string[] = [];
    for (let [i, length] = [0, 0]; length < LENGTH; i++) {
      parts.push(make(i));
      length += parts.at(-1)!.length;
    }
    return parts.join('');
  };

  it.each<[string, string]>([
    ['comments without an end', repeat('/* ')],
    ['comments with an end each', repeat('/*/*/')],
    ['words of one type', `${repeat('long ')} f(int x)`],
    ['qualifiers', `${repeat('const ')} int f(int x)`],
    ['pointers', `void f(int ${repeat('*')} x)`],
    ['brackets', `void f(${repeat('(')}`],
    ['pairs of brackets', `void f(${repeat('(')}${repeat(')')})`],
    ['dimensions', `void f(int x${repeat('[1]')})`],
    ['functions that take functions', `void f(${repeat('int (*x)(')}${repeat(')')})`],
    ['parameters', `void f(${repeat('int,')}int)`],
    ['a long name', `void f(${'x'.repeat(LENGTH)} y)`],
    ['a long number', `void f(int x[${'9'.repeat(LENGTH)}])`],
    ['handles', numbered((i) => `struct a${i};`)],
    [
      'structs of structs',
      `struct a0 { int x; };${numbered((i) => `struct a${i + 1} { struct a${i} x; };`)}`,
    ],
    [
      'structs that grow',
      `struct a0 { int x; };${numbered((i) => `struct a${i + 1} { struct a${i} x[9]; };`)}`,
    ],
    ['structs with many members', `struct a {${numbered((i) => `int x${i};`)}};`],
    ['pointers to pointers', `typedef int *a0;${numbered((i) => `typedef a${i} *a${i + 1};`)}`],
    ['names of one type', `typedef int ${repeat('a,')}a;`],
    [
      'long names that are not known',
      numbered((i) => `typedef ${'x'.repeat(1000)}${i} y${'x'.repeat(1000)}${i};`),
    ],
    ['names that are not known, and many that are', numbered((i) => `struct a${i};typedef b${i} c;`)],
    [
      'long names, known and not',
      numbered((i) => `struct ${'x'.repeat(1000)}${i}; typedef ${'x'.repeat(999)}y${i} z;`),
    ],
    ['the same handle', repeat('struct a;')],
    ['names of an enum', `enum a {${numbered((i) => `x${i},`)}};`],
  ])('%s: it does not', (_, text) => {
    const started = performance.now();
    parses(() => parsePrototype(text, MODEL));
    parses(() => parseTableEntry('f', [text, [text]], MODEL).signature);
    for (const type of parseTypes(text, MODEL).types.values()) expectUsable(type);
    expect(performance.now() - started).toBeLessThan(LIMIT_MS);
  });
});

/** A type with the C text that declares something of it. */
interface Written {
  readonly type: NativeType;
  /** @param name - of what is declared, empty for none */
  readonly declare: (name: string) => string;
}

const SCALARS: readonly [text: string, type: NativeType][] = [
  ['bool', 'bool'],
  ['char', 'int8_t'],
  ['unsigned char', 'uint8_t'],
  ['short int', 'int16_t'],
  ['unsigned short', 'uint16_t'],
  ['int', 'int32_t'],
  ['unsigned', 'uint32_t'],
  ['long', 'int64_t'],
  ['unsigned long long int', 'uint64_t'],
  ['size_t', 'uint64_t'],
  ['int8_t', 'int8_t'],
  ['float', 'float'],
  ['double', 'double'],
];

const scalar = fc.constantFrom(...SCALARS).map(([text, type]): Written => {
  return { type, declare: (name) => `${text} ${name}` };
});
const isChar = (written: Written): boolean => /^(?:char|char16_t) $/.test(written.declare(''));

/** `int *x`, `const int *x`; `const char *x` is a text. */
const pointer = (to: fc.Arbitrary<Written>): fc.Arbitrary<Written> =>
  fc.tuple(to, fc.boolean()).map(([target, isConst]): Written => {
    const text = isChar(target) ? ({ text: 'utf8' } as const) : {};
    return {
      type: isConst && isChar(target) ? 'string' : { kind: 'pointer', to: target.type, isConst, ...text },
      declare: (name) => `${isConst ? 'const ' : ''}${target.declare(`*${name}`)}`,
    };
  });
const anyPointer = fc.oneof(
  pointer(scalar),
  fc.boolean().map((isConst): Written => ({
    type: { kind: 'pointer', to: 'void', isConst },
    declare: (name) => `${isConst ? 'const ' : ''}void *${name}`,
  })),
);
const functionPointer = fc
  .tuple(scalar, fc.array(fc.oneof(scalar, anyPointer), { maxLength: 3 }))
  .map(([result, parameters]): Written => ({
    type: {
      kind: 'function',
      name: 'callback',
      result: result.type,
      parameters: parameters.map(({ type }) => ({ name: undefined, type })),
    },
    declare: () =>
      result.declare(
        `(*callback)(${parameters.map((parameter) => parameter.declare('')).join(', ') || 'void'})`,
      ),
  }));
const passed = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 2, arbitrary: anyPointer },
  functionPointer,
);

/** As people and generators write it: other spaces, comments. */
const written = (text: string, noise: readonly string[]): string => {
  let i = 0;
  return text.replaceAll(' ', () => noise[i++ % noise.length]!);
};
const noise = fc.array(fc.constantFrom(' ', '  ', '\n', '\t', ' /* a, b; */ ', ' // {\n'), {
  minLength: 1,
  maxLength: 5,
});

describe('a well-formed declaration', () => {
  it('of a function is parsed into its types and names', () => {
    const parameter = fc.tuple(passed, fc.boolean());
    fc.assert(
      fc.property(
        fc.oneof(scalar, anyPointer),
        fc.array(parameter, { maxLength: 6 }),
        fc.boolean(),
        noise,
        (result, parameters, isVariadic, spaces) => {
          const names = parameters.map(([{ type }, isNamed], i) => {
            if (typeof type === 'object' && type.kind === 'function') return 'callback';
            return isNamed ? `p${i}` : undefined;
          });
          const list = parameters.map(([{ declare }], i) => declare(names[i] ?? ''));
          if (isVariadic && list.length > 0) list.push('...');
          const text = written(`${result.declare('')} f(${list.join(', ') || 'void'});`, spaces);
          expect(parsePrototype(text, MODEL)).toEqual({
            symbol: 'f',
            result: result.type,
            parameters: parameters.map(([{ type }], i) => ({ name: names[i], type })),
            ...(isVariadic && parameters.length > 0 ? { isVariadic: true } : {}),
            text: text.trim().replaceAll(/\s+/g, ' '),
          });
        },
      ),
      RUNS,
    );
  });

  it('of a struct, a union or an enum is parsed into its members', () => {
    const member = fc.tuple(
      fc.oneof(scalar, anyPointer),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 2 }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('struct', 'union'),
        fc.array(member, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        fc.array(fc.option(fc.integer({ min: -1000, max: 1000 }), { nil: undefined }), {
          minLength: 1,
          maxLength: 5,
        }),
        noise,
        (kind, members, hasTag, values, spaces) => {
          const declared = members.map(([{ declare }, lengths], i) =>
            declare(`m${i}${lengths.map((length) => `[${length}]`).join('')}`),
          );
          const names = values.map((value, i) => (value === undefined ? `N${i}` : `N${i} = ${value}`));
          const text = written(
            `typedef ${kind} ${hasTag ? 'Tag ' : ''}{ ${declared.join('; ')}; } Record; enum Names { ${names.join(', ')} };`,
            spaces,
          );
          const { types, problems } = parseTypes(text, MODEL);
          expect(problems).toEqual([]);
          expect([...types.keys()]).toEqual([...(hasTag ? ['Tag'] : []), 'Record', 'Names']);
          expect(types.get('Record')).toEqual({
            kind,
            name: 'Record',
            fields: members.map((one, i) => ({ name: `m${i}`, type: arrayOf(...one) })),
          });
          let next = 0;
          const numbers = values.map((value, i) => {
            const number = value ?? next;
            next = number + 1;
            return [`N${i}`, number];
          });
          expect(types.get('Names')).toMatchObject({
            kind: 'enum',
            values: new Map(numbers as [string, number][]),
          });
        },
      ),
      RUNS,
    );
  });
});

/** The first length is the outermost. An array of `char` is a text, at its innermost. */
function arrayOf(element: Written, lengths: readonly number[]): NativeType {
  return [...lengths].reverse().reduce<NativeType>(
    (of, length, i) => ({
      kind: 'array',
      of,
      length,
      ...(i === 0 && isChar(element) ? { text: 'utf8' as const } : {}),
    }),
    element.type,
  );
}
