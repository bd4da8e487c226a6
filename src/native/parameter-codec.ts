import { ARGUMENT_CHECKS } from './argument-checks.js';
import type { LoweredType } from './backend.js';
import type { CallFrame } from './call-frame.js';
import { callbackAddress } from './native-callback.js';
import { decode, encode, enumNumber, refuseDetached, viewOf } from './memory-codec.js';
import { NativePointer } from './native-pointer.js';
import { describeType, type NativeParameter, type NativeType, type PointerType } from './native-types.js';
import type { CallScope } from './open-library.js';
import { ValueMismatch } from './scalar-memory.js';
import { layoutOf } from './type-layout.js';

/** How a parameter's value becomes what the backend passes on. */
export interface ParameterCodec {
  readonly lowered: LoweredType;
  /** @throws {@link ValueMismatch} */
  readonly lower: (value: unknown, frame: CallFrame) => unknown;
}

/** @param freedBy - the function that frees a text that the parameter brings out */
export function parameterCodec(
  { type, direction }: NativeParameter,
  scope: CallScope,
  freedBy: string | undefined,
): ParameterCodec {
  if (typeof type === 'string') {
    const check = ARGUMENT_CHECKS[type as Exclude<typeof type, 'void'>];
    return {
      lowered: type,
      lower: (value) => {
        if (!check.accepts(value)) throw new ValueMismatch(check.expected, value);
        return value;
      },
    };
  }
  switch (type.kind) {
    case 'enum':
      return { lowered: type.storage, lower: (value) => enumNumber(type, value) };
    case 'struct':
    case 'union':
      return {
        lowered: type,
        lower: (value, frame) => encoded(type, value, scope, frame),
      };
    case 'function':
      return { lowered: 'pointer', lower: (value, frame) => callbackAddress(type, value, scope, frame) };
    case 'pointer':
      return {
        lowered: 'pointer',
        lower:
          direction === undefined
            ? (value, frame) => lowerInput(type, value, scope, frame)
            : (value, frame) => lowerOutput(type, direction, value, scope, frame, freedBy),
      };
    case 'array':
    case 'opaque':
      throw new Error(`a parameter cannot be of the type ${describeType(type)}`);
  }
}

function lowerInput(type: PointerType, value: unknown, scope: CallScope, frame: CallFrame): unknown {
  const passed = asMemory(type, value, frame);
  if (passed !== undefined) return passed;
  const { to } = type;
  const isPlain = type.isConst || typeof to === 'string' ? to : undefined;
  if (
    Array.isArray(value) &&
    isPlain !== 'void' &&
    type.text === undefined &&
    (type.isConst || isPointerLike(to))
  ) {
    return encoded({ kind: 'array', of: to, length: value.length }, value, scope, frame);
  }
  if (type.isConst && isRecordLike(to) && typeof value === 'object') return encoded(to, value, scope, frame);
  throw new ValueMismatch(expectedInput(type), value);
}

function lowerOutput(
  type: PointerType,
  direction: 'out' | 'inout',
  value: unknown,
  scope: CallScope,
  frame: CallFrame,
  freedBy: string | undefined,
): unknown {
  const passed = asMemory(type, value, frame);
  if (passed !== undefined) return passed;
  const { to } = type;
  if (isRecordLike(to)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ValueMismatch(`an object to put the members of ${describeType(to)} into, or null`, value);
    }
    const bytes = direction === 'inout' ? encoded(to, value, scope, frame) : Buffer.alloc(layoutOf(to).size);
    frame.keep.push(bytes);
    frame.afterReturn(() => Object.assign(value, outValue(to, viewOf(bytes), scope)));
    return bytes;
  }
  if (!Array.isArray(value)) {
    throw new ValueMismatch(
      'an array to put the value into, as in `const out: [number?] = []`, or null',
      value,
    );
  }
  if (direction === 'inout' && value.length === 0)
    throw new ValueMismatch('an array with the value that goes in, or null', value);
  const { size } = layoutOf(to);
  const count = Math.max(1, value.length);
  const bytes =
    direction === 'inout'
      ? encoded({ kind: 'array', of: to, length: value.length }, value, scope, frame)
      : Buffer.alloc(size * count);
  frame.keep.push(bytes);
  frame.afterReturn(() => {
    for (let i = 0; i < count; i++) {
      const view = viewOf(bytes.subarray(i * size, (i + 1) * size));
      value[i] =
        freedBy === undefined
          ? decode(to, view, 0, scope)
          : scope.library.takeOwned(to, view, freedBy, scope);
    }
  });
  return bytes;
}

function outValue(type: NativeType, view: DataView, scope: CallScope): object {
  return decode(type, view, 0, scope) as object;
}

/** Buffers and pointers are passed as they are: native code reads and writes the memory itself. */
function asMemory(type: PointerType, value: unknown, frame: CallFrame): unknown {
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

function encoded(type: NativeType, value: unknown, scope: CallScope, frame: CallFrame): Buffer {
  const bytes = Buffer.alloc(layoutOf(type).size);
  encode(type, value, viewOf(bytes), 0, scope, frame.keep);
  frame.keep.push(bytes);
  return bytes;
}

function isRecordLike(type: NativeType): boolean {
  return typeof type === 'object' && (type.kind === 'struct' || type.kind === 'union');
}

function isPointerLike(type: NativeType): boolean {
  return type === 'string' || type === 'string16' || (typeof type === 'object' && type.kind === 'pointer');
}

function expectedInput(type: PointerType): string {
  const { to, isConst } = type;
  if (to === 'void') return 'a buffer, a pointer of a library, or null';
  if (typeof to === 'object' && to.kind === 'opaque') return `a pointer to ${to.name}, or null`;
  if (isRecordLike(to)) {
    const object = isConst ? 'an object, an array of objects, ' : '';
    return `${object}a Buffer, a pointer to ${describeType(to)}, or null`;
  }
  if (type.text !== undefined) return 'a Buffer to write text into, or null';
  if (isPointerLike(to)) return 'an array, a pointer of a library, or null';
  const views = VIEWS[typeof to === 'string' ? to : ''] ?? ['Buffer'];
  return `${isConst ? 'an array of numbers, ' : ''}a ${views[0]}, a Buffer, a pointer to ${describeType(to)}, or null`;
}
