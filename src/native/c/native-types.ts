import type { IntegerName, ScalarName } from './scalar-types.js';

/** A C type, by what it means at the boundary. Plain types are their names, everything else is an object. */
export type NativeType = ScalarName | CompositeType;
export type CompositeType = PointerType | RecordType | EnumType | ArrayType | FunctionType | OpaqueType;

export interface PointerType {
  readonly kind: 'pointer';
  readonly to: NativeType;
  readonly isConst: boolean;
  /** It points to characters: `char` or `char16_t`. */
  readonly text?: TextEncodingName;
}

export interface RecordType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly fields: readonly RecordField[];
}

export interface RecordField {
  readonly name: string;
  readonly type: NativeType;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly values: ReadonlyMap<string, number>;
  readonly storage: IntegerName;
}

/** A fixed number of elements, inside of a record. */
export interface ArrayType {
  readonly kind: 'array';
  readonly of: NativeType;
  readonly length: number;
  readonly text?: TextEncodingName;
}

/** A pointer to a function. */
export interface FunctionType {
  readonly kind: 'function';
  readonly name: string;
  readonly result: NativeType;
  readonly parameters: readonly NativeParameter[];
}

/** A struct whose members only the library knows, or that are declared further down. */
export interface OpaqueType {
  readonly kind: 'opaque';
  readonly name: string;
  /** The struct, once it is declared: what was declared before it has this type. */
  completedBy?: RecordType;
}

export type TextEncodingName = 'utf8' | 'utf16';

export interface NativeParameter {
  /** As in the prototype; absent where it has none. */
  readonly name: string | undefined;
  readonly type: NativeType;
  /** Where the function writes through the pointer: `_Out_` and `_Inout_` in the prototype. */
  readonly direction?: 'out' | 'inout';
}

/** A native function as it is declared: its symbol, and the types that cross the boundary. */
export interface NativeSignature {
  readonly symbol: string;
  readonly result: NativeType;
  readonly parameters: readonly NativeParameter[];
  /** `...` stands behind the parameters. */
  readonly isVariadic?: true;
  /** The declaration as it was written, for error messages. */
  readonly text: string;
}

/** How 64-bit integers come back: numbers where they are exact and bigints beyond, always bigints, always numbers. */
export type Int64Mode = 'auto' | 'bigint' | 'number';

/** What a prototype cannot say. */
export interface NativeFunctionOptions {
  /** Runs on the thread pool; the member returns a promise. */
  readonly async?: boolean;
  /**
   * Who frees a text or struct that the function gives away: the symbol of a function, `free` for the C library's.
   * For the result, or by the names of `_Out_` parameters (`result` is the result).
   */
  readonly freedBy?: string | Readonly<Record<string, string>>;
  /** How 64-bit integers come back. @defaultValue what the library says, else `auto` */
  readonly int64?: Int64Mode;
  /** The function returns `{ value, errno }`. */
  readonly errno?: boolean;
}

/** One member of a library. */
export interface NativeDeclaration {
  readonly signature: NativeSignature;
  readonly options: NativeFunctionOptions;
}

export type TypeTable = ReadonlyMap<string, NativeType>;

/** The struct that an opaque type was completed by, any other type itself. */
export function completed(type: NativeType): NativeType {
  return typeof type === 'object' && type.kind === 'opaque' ? (type.completedBy ?? type) : type;
}

/** A type in words, for error messages. */
export function describeType(type: NativeType): string {
  if (type === 'string') return 'const char *';
  if (type === 'string16') return 'const char16_t *';
  if (typeof type === 'string') return type;
  if (type.kind === 'pointer') {
    const to = type.text === undefined ? describeType(type.to) : type.text === 'utf8' ? 'char' : 'char16_t';
    if (to.endsWith('*')) return `${to}${type.isConst ? 'const ' : ''}*`;
    return `${type.isConst ? 'const ' : ''}${to} *`;
  }
  if (type.kind === 'array') return `${describeType(type.of)}[${type.length}]`;
  if (type.kind === 'opaque' && type.completedBy !== undefined) return type.completedBy.name;
  return type.name;
}

/** Whether a value of the type is one machine word that needs no conversion but that of a number or text. */
export function isScalar(type: NativeType): type is ScalarName {
  return typeof type === 'string';
}

export function isRecord(type: NativeType): type is RecordType {
  return typeof type === 'object' && (type.kind === 'struct' || type.kind === 'union');
}
