import { ARGUMENT_CHECKS } from '../c/argument-checks.js';
import type { CallFrame } from './call-frame.js';
import { enumNumber } from '../c/enum-values.js';
import { viewOf } from './memory-decoder.js';
import { callbackAddress } from './native-callback.js';
import { NativePointer } from './native-pointer.js';
import {
  completed,
  describeType,
  isRecord,
  type NativeType,
  type PointerType,
  type RecordType,
} from '../c/native-types.js';
import type { CallScope } from './open-library.js';
import { terminated, ValueMismatch, writePointer, writeScalar } from '../c/scalar-memory.js';
import { layoutOf, recordLayout } from '../c/type-layout.js';

/** A value as memory of its own, which `frame` keeps. @throws {@link ValueMismatch} */
export function encoded(type: NativeType, value: unknown, scope: CallScope, frame: CallFrame): Buffer {
  const bytes = Buffer.alloc(layoutOf(type).size);
  encode(type, value, viewOf(bytes), 0, scope, frame);
  frame.keep.push(bytes);
  return bytes;
}

/**
 * Writes `value` as `type`. What it points to is kept by `frame`, and must live as long as the memory.
 *
 * @throws {@link ValueMismatch}
 */
function encode(
  type: NativeType,
  value: unknown,
  target: DataView,
  offset: number,
  scope: CallScope,
  frame: CallFrame,
): void {
  if (type === 'string' || type === 'string16') {
    if (!ARGUMENT_CHECKS[type].accepts(value)) throw new ValueMismatch(ARGUMENT_CHECKS[type].expected, value);
    const bytes =
      value === null ? undefined : terminated(value as string, type === 'string' ? 'utf8' : 'utf16le');
    if (bytes !== undefined) frame.keep.push(bytes);
    return writePointer(target, offset, bytes === undefined ? 0n : scope.memory.addressOf(bytes));
  }
  if (typeof type === 'string') return writeScalar(type, value, target, offset);
  switch (type.kind) {
    case 'enum':
      return writeScalar(type.storage, enumNumber(type, value), target, offset);
    case 'struct':
    case 'union':
      return encodeRecord(type, value, target, offset, scope, frame);
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
        at(`[${i}]`, () => encode(element, item, target, offset + i * size, scope, frame)),
      );
      return;
    }
    case 'pointer':
      return writePointer(target, offset, addressOf(lowerInput(type, value ?? null, scope, frame), scope));
    case 'function':
      return writePointer(target, offset, callbackAddress(type, value ?? null, scope, frame) ?? 0n);
    case 'opaque':
      throw new Error(`there are no values of the type ${type.name}`);
  }
}

function addressOf(passed: ArrayBufferView | bigint | null, { memory }: CallScope): bigint {
  if (passed === null) return 0n;
  return typeof passed === 'bigint' ? passed : memory.addressOf(passed);
}

function encodeRecord(
  type: RecordType,
  value: unknown,
  target: DataView,
  offset: number,
  scope: CallScope,
  frame: CallFrame,
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
      encode(field.type, record[field.name], target, offset + offsets[i]!, scope, frame),
    );
  });
}

/**
 * What is passed for a pointer through which a function reads, or writes in place.
 *
 * @throws {@link ValueMismatch}
 */
export function lowerInput(
  type: PointerType,
  value: unknown,
  scope: CallScope,
  frame: CallFrame,
): ArrayBufferView | bigint | null {
  const passed = asMemory(type, value, frame);
  if (passed !== undefined) return passed;
  const to = completed(type.to);
  const isPlain = type.isConst || typeof to === 'string' ? to : undefined;
  if (
    Array.isArray(value) &&
    isPlain !== 'void' &&
    type.text === undefined &&
    (type.isConst || isPointerLike(to))
  ) {
    return encoded({ kind: 'array', of: to, length: value.length }, value, scope, frame);
  }
  if (type.isConst && isRecord(to) && typeof value === 'object') return encoded(to, value, scope, frame);
  throw new ValueMismatch(expectedInput(type), value);
}

/**
 * Buffers and pointers are passed as they are: native code reads and writes the memory itself.
 *
 * @returns undefined for what is neither
 */
export function asMemory(
  type: PointerType,
  value: unknown,
  frame: CallFrame,
): ArrayBufferView | bigint | null | undefined {
  if (value === null) return null;
  if (value instanceof NativePointer) {
    if (!pointsTo(value, type)) throw new ValueMismatch(expectedInput(type), `a pointer to ${value.type}`);
    if (frame.isAsync) frame.finally(value.pin());
    return value.address;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    refuseDetached(value);
    const view = ArrayBuffer.isView(value) ? value : new Uint8Array(value);
    if (!holds(view, type)) throw new ValueMismatch(expectedInput(type), value);
    // Small typed arrays live in the heap, where they move, until somebody asks for their buffer.
    void view.buffer;
    frame.keep.push(view);
    return view;
  }
  const { address } = (value ?? {}) as { address?: unknown };
  return type.to === 'void' && typeof address === 'bigint' ? address : undefined;
}

function pointsTo(pointer: NativePointer, { to }: PointerType): boolean {
  return to === 'void' || pointer.type === 'void' || pointer.type === describeType(to);
}

const VIEWS: Readonly<Record<string, readonly string[]>> = {
  int8_t: ['Int8Array', 'Uint8Array', 'Uint8ClampedArray'],
  uint8_t: ['Uint8Array', 'Uint8ClampedArray', 'Int8Array'],
  bool: ['Uint8Array'],
  int16_t: ['Int16Array'],
  uint16_t: ['Uint16Array'],
  int32_t: ['Int32Array'],
  uint32_t: ['Uint32Array'],
  int64_t: ['BigInt64Array'],
  uint64_t: ['BigUint64Array'],
  float: ['Float32Array'],
  double: ['Float64Array'],
};

/** A Buffer is raw memory and may hold anything; other views say what they hold. */
function holds(view: ArrayBufferView, { to }: PointerType): boolean {
  if (to === 'void' || Buffer.isBuffer(view) || view instanceof DataView) return true;
  const element = typeof to === 'object' && to.kind === 'enum' ? to.storage : to;
  return typeof element === 'string' && (VIEWS[element]?.includes(view.constructor.name) ?? false);
}

function isPointerLike(type: NativeType): boolean {
  return type === 'string' || type === 'string16' || (typeof type === 'object' && type.kind === 'pointer');
}

function expectedInput(type: PointerType): string {
  const { isConst } = type;
  const to = completed(type.to);
  if (to === 'void') return 'a buffer, a pointer of a library, or null';
  if (typeof to === 'object' && to.kind === 'opaque') return `a pointer to ${to.name}, or null`;
  if (isRecord(to)) {
    const object = isConst ? 'an object, an array of objects, ' : '';
    return `${object}a Buffer, a pointer to ${describeType(to)}, or null`;
  }
  if (type.text !== undefined) return 'a Buffer to write text into, or null';
  if (isPointerLike(to)) return 'an array, a pointer of a library, or null';
  const views = VIEWS[typeof to === 'string' ? to : ''] ?? ['Buffer'];
  return `${isConst ? 'an array of numbers, ' : ''}a ${views[0]}, a Buffer, a pointer to ${describeType(to)}, or null`;
}

/** Memory that was given to another thread has no address any more. */
function refuseDetached(memory: ArrayBufferView | ArrayBufferLike): void {
  const buffer = ArrayBuffer.isView(memory) ? memory.buffer : memory;
  if (buffer.byteLength > 0) return;
  try {
    void new Uint8Array(buffer);
  } catch {
    throw new ValueMismatch('memory that is still there', 'a detached buffer');
  }
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
