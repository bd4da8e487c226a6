/** The scalar types that can cross the boundary to native code, by one name each. */
export type ScalarName = 'void' | 'bool' | 'string' | 'string16' | 'float' | 'double' | IntegerName;
export type IntegerName = `${'' | 'u'}int${8 | 16 | 32 | 64}_t`;

/** The sizes that the C standard leaves to the platform. */
export interface DataModel {
  readonly longBits: 32 | 64;
  readonly pointerBits: 32 | 64;
}

const ARCHITECTURES_OF_32_BITS: readonly string[] = ['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390'];

export function dataModel(platform: string = process.platform, arch: string = process.arch): DataModel {
  const pointerBits = ARCHITECTURES_OF_32_BITS.includes(arch) ? 32 : 64;
  return { pointerBits, longBits: platform === 'win32' ? 32 : pointerBits };
}

const FIXED: Readonly<Record<string, ScalarName>> = {
  void: 'void',
  bool: 'bool',
  _Bool: 'bool',
  float: 'float',
  double: 'double',
  // Names of the ffi-napi and ref-napi type tables.
  string: 'string',
  CString: 'string',
  byte: 'uint8_t',
  char16_t: 'uint16_t',
  uchar: 'uint8_t',
  ushort: 'uint16_t',
  uint: 'uint32_t',
  longlong: 'int64_t',
  ulonglong: 'uint64_t',
};

const OF_POINTER_SIZE: Readonly<Record<string, '' | 'u'>> = {
  size_t: 'u',
  uintptr_t: 'u',
  ssize_t: '',
  intptr_t: '',
  ptrdiff_t: '',
};

export const C_KEYWORDS: ReadonlySet<string> = new Set([
  'signed',
  'unsigned',
  'char',
  'short',
  'int',
  'long',
]);

/** Words that name types and nothing else: what is left of `long double` behind `long` is no name. */
export const TYPE_WORDS: ReadonlySet<string> = new Set([
  ...C_KEYWORDS,
  'void',
  'bool',
  'float',
  'double',
  '_Bool',
  '_Complex',
  '__int8',
  '__int16',
  '__int32',
  '__int64',
  '__int128',
]);

/** Type names that are known, to suggest the nearest of them. */
export const KNOWN_TYPE_NAMES: readonly string[] = [
  ...Object.keys(FIXED),
  ...Object.keys(OF_POINTER_SIZE),
  ...C_KEYWORDS,
  'ulong',
  'pointer',
  ...[8, 16, 32, 64].flatMap((bits) => [`int${bits}_t`, `uint${bits}_t`, `int${bits}`, `uint${bits}`]),
];

/** The scalar type that a C type without pointers and qualifiers stands for, e.g. of `['unsigned', 'long']`. */
export function scalarType(words: readonly string[], model: DataModel = dataModel()): ScalarName | undefined {
  if (words.length > 0 && words.every((word) => C_KEYWORDS.has(word))) return keywordType(words, model);
  const [name] = words;
  if (name === undefined || words.length > 1) return undefined;
  const sized = /^(u?)int(8|16|32|64)(?:_t)?$/.exec(name);
  if (sized !== null) return `${sized[1]}int${sized[2]}_t` as IntegerName;
  if (name === 'ulong') return `uint${model.longBits}_t`;
  if (Object.hasOwn(OF_POINTER_SIZE, name)) return `${OF_POINTER_SIZE[name]!}int${model.pointerBits}_t`;
  return Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
}

function keywordType(words: readonly string[], model: DataModel): IntegerName | undefined {
  const count = (word: string): number => words.filter((other) => other === word).length;
  const sizes = [
    ...Array<string>(count('long')).fill('long'),
    ...words.filter((w) => w === 'char' || w === 'short'),
  ];
  const size = sizes.join(' ');
  const once = ['signed', 'unsigned', 'int'].every((word) => count(word) <= 1);
  if (!once || count('signed') + count('unsigned') > 1 || (size === 'char' && count('int') > 0))
    return undefined;
  const bits = new Map<string, number>([
    ['', 32],
    ['char', 8],
    ['short', 16],
    ['long', model.longBits],
    ['long long', 64],
  ]).get(size);
  return bits === undefined ? undefined : (`${count('unsigned') > 0 ? 'u' : ''}int${bits}_t` as IntegerName);
}
