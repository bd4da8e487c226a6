import { ARGUMENT_CHECKS } from './argument-checks.js';
import type { NativeMemory } from './backend.js';
import type { EnumType, Int64Mode, NativeType, RecordType } from './native-types.js';
import { NativePointer } from './native-pointer.js';
import { readPointer, readScalar, ValueMismatch, writePointer, writeScalar } from './scalar-memory.js';
import { layoutOf, recordLayout } from './type-layout.js';

/** What reading and writing memory depends on. */
export interface CodecContext {
  readonly memory: NativeMemory;
  readonly int64: Int64Mode;
  /** The pointer object for an address. */
  readonly pointer: (address: bigint, to: NativeType) => NativePointer;
}

/** Writes `value` as `type`. What it points to is added to `keep` and must live as long as the memory. */
export function encode(
  type: NativeType,
  value: unknown,
  target: DataView,
  offset: number,
  context: CodecContext,
  keep: unknown[],
): void {
  if (type === 'string' || type === 'string16') {
    if (!ARGUMENT_CHECKS[type].accepts(value)) throw new ValueMismatch(ARGUMENT_CHECKS[type].expected, value);
    const bytes =
      value === null ? undefined : terminated(value as string, type === 'string' ? 'utf8' : 'utf16le');
    if (bytes !== undefined) keep.push(bytes);
    return writePointer(target, offset, bytes === undefined ? 0n : context.memory.addressOf(bytes));
  }
  if (typeof type === 'string') return writeScalar(type, value, target, offset);
  switch (type.kind) {
    case 'enum':
      return writeScalar(type.storage, enumNumber(type, value), target, offset);
    case 'struct':
    case 'union':
      return encodeRecord(type, value, target, offset, context, keep);
    case 'array': {
      const values =
        type.text === 'utf8' && typeof value === 'string' ? [...terminated(value, 'utf8')] : value;
      const list =
        Array.isArray(values) || ArrayBuffer.isView(values)
          ? Array.from(values as ArrayLike<unknown>)
          : undefined;
      const fits =
        list !== undefined &&
        (list.length === type.length || (type.text !== undefined && list.length < type.length));
      if (!fits)
        throw new ValueMismatch(
          type.text === undefined
            ? `an array of ${type.length} elements`
            : `a text of less than ${type.length} bytes`,
          value,
        );
      const { size } = layoutOf(type.of);
      // Characters beyond 127 are negative where char is signed: as bytes they are the same.
      const element = type.text === 'utf8' ? 'uint8_t' : type.of;
      list.forEach((item, i) =>
        at(`[${i}]`, () => encode(element, item, target, offset + i * size, context, keep)),
      );
      return;
    }
    case 'pointer':
    case 'function':
    case 'opaque': {
      if (value === null || value === undefined) return writePointer(target, offset, 0n);
      if (ArrayBuffer.isView(value)) {
        refuseDetached(value);
        keep.push(value);
        return writePointer(target, offset, context.memory.addressOf(value));
      }
      const address = (value as { address?: unknown }).address;
      if (typeof address !== 'bigint')
        throw new ValueMismatch('a pointer or callback of a library, a buffer, or null', value);
      keep.push(value);
      return writePointer(target, offset, address);
    }
  }
}

function encodeRecord(
  type: RecordType,
  value: unknown,
  target: DataView,
  offset: number,
  context: CodecContext,
  keep: unknown[],
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ValueMismatch(`an object with the members of ${type.kind} ${type.name}`, value);
  }
  const { offsets } = recordLayout(type);
  const record = value as Record<string, unknown>;
  const unknownMember = Object.keys(record).find((key) => type.fields.every(({ name }) => name !== key));
  if (unknownMember !== undefined) {
    throw new ValueMismatch(
      `one of the members of ${type.kind} ${type.name}: ${type.fields.map(({ name }) => name).join(', ')}`,
      record[unknownMember],
      `.${unknownMember}`,
    );
  }
  if (type.kind === 'union' && Object.keys(record).length !== 1) {
    throw new ValueMismatch(
      `an object with one of the members of union ${type.name}: ${type.fields.map(({ name }) => name).join(', ')}`,
      value,
    );
  }
  type.fields.forEach((field, i) => {
    if (type.kind === 'union' && !(field.name in record)) return;
    at(`.${field.name}`, () =>
      encode(field.type, record[field.name], target, offset + offsets[i]!, context, keep),
    );
  });
}

/** The value of `type` that stands in memory. */
export function decode(type: NativeType, source: DataView, offset: number, context: CodecContext): unknown {
  if (type === 'string' || type === 'string16') {
    const address = readPointer(source, offset);
    return address === 0n ? null : context.memory.text(address, type === 'string' ? 'utf8' : 'utf16');
  }
  if (typeof type === 'string') return readScalar(type, source, offset, context.int64);
  switch (type.kind) {
    case 'enum':
      return enumName(type.values, readScalar(type.storage, source, offset, 'number') as number);
    case 'struct':
    case 'union':
      return decodeRecord(type, source, offset, context);
    case 'array': {
      if (type.text !== undefined) return arrayText(source, offset, type.length, type.text);
      const { size } = layoutOf(type.of);
      return Array.from({ length: type.length }, (_, i) =>
        decode(type.of, source, offset + i * size, context),
      );
    }
    case 'pointer':
    case 'function': {
      const address = readPointer(source, offset);
      return address === 0n ? null : context.pointer(address, type.kind === 'pointer' ? type.to : 'void');
    }
    case 'opaque':
      return undefined;
  }
}

/** Which member of a union is valid only the caller knows: each is read when it is asked for. */
function decodeRecord(type: RecordType, source: DataView, offset: number, context: CodecContext): object {
  const { offsets, size } = recordLayout(type);
  if (type.kind === 'struct') {
    return Object.fromEntries(
      type.fields.map((field, i) => [field.name, decode(field.type, source, offset + offsets[i]!, context)]),
    );
  }
  const bytes = new DataView(
    source.buffer.slice(source.byteOffset + offset, source.byteOffset + offset + size),
  );
  const union = {};
  for (const field of type.fields) {
    Object.defineProperty(union, field.name, {
      enumerable: !hasPointer(field.type),
      get: () => decode(field.type, bytes, 0, context),
    });
  }
  return union;
}

function hasPointer(type: NativeType): boolean {
  if (typeof type === 'string') return type.startsWith('string');
  if (type.kind === 'array') return hasPointer(type.of);
  if (type.kind === 'struct' || type.kind === 'union')
    return type.fields.some((field) => hasPointer(field.type));
  return type.kind !== 'enum';
}

export function enumNumber({ values, storage }: EnumType, value: unknown): unknown {
  const known = typeof value === 'string' ? values.get(value) : Number.isInteger(value) ? value : undefined;
  if (known === undefined)
    throw new ValueMismatch(`one of ${[...values.keys()].join(', ')}, or an integer`, value);
  if (!ARGUMENT_CHECKS[storage].accepts(known))
    throw new ValueMismatch(ARGUMENT_CHECKS[storage].expected, value);
  return known;
}

export function enumName(values: ReadonlyMap<string, number>, value: number): string | number {
  for (const [name, number] of values) if (number === value) return name;
  return value;
}

export function terminated(text: string, encoding: 'utf8' | 'utf16le'): Buffer {
  return Buffer.from(`${text}\0`, encoding);
}

/** Memory that was given to another thread has no address any more. */
export function refuseDetached(memory: ArrayBufferView | ArrayBufferLike): void {
  const buffer = ArrayBuffer.isView(memory) ? memory.buffer : memory;
  if (buffer.byteLength > 0) return;
  try {
    void new Uint8Array(buffer);
  } catch {
    throw new ValueMismatch('memory that is still there', 'a detached buffer');
  }
}

export function viewOf(bytes: ArrayBufferView): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function arrayText(source: DataView, offset: number, length: number, encoding: 'utf8' | 'utf16'): string {
  const unit = encoding === 'utf8' ? 1 : 2;
  const bytes = Buffer.from(source.buffer as ArrayBuffer, source.byteOffset + offset, length * unit);
  const text = bytes.toString(encoding === 'utf8' ? 'utf8' : 'utf16le');
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

/** Tells the place of a mismatch inside of a value. */
function at(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof ValueMismatch)
      throw new ValueMismatch(error.expected, error.value, path + error.path);
    throw error;
  }
}
