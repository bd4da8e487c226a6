import type { NativeMemory } from '../backend/backend.js';
import { enumName } from '../c/enum-values.js';
import type { NativePointer } from './native-pointer.js';
import type { Int64Mode, NativeType, RecordType } from '../c/native-types.js';
import { readPointer, readScalar } from '../c/scalar-memory.js';
import { layoutOf, recordLayout } from '../c/type-layout.js';

/** What reading memory depends on. */
export interface CodecContext {
  readonly memory: NativeMemory;
  readonly int64: Int64Mode;
  /** The pointer object for an address. */
  readonly pointer: (address: bigint, to: NativeType) => NativePointer;
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
