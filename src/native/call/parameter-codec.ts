import { ARGUMENT_CHECKS } from '../c/argument-checks.js';
import type { LoweredType } from '../backend/backend.js';
import type { CallFrame } from './call-frame.js';
import { enumNumber } from '../c/enum-values.js';
import { decode, viewOf } from './memory-decoder.js';
import { asMemory, encoded, lowerInput } from './memory-encoder.js';
import { callbackAddress } from './native-callback.js';
import {
  describeType,
  isRecord,
  type NativeParameter,
  type NativeType,
  type PointerType,
} from '../c/native-types.js';
import type { CallScope } from './open-library.js';
import { ValueMismatch } from '../c/scalar-memory.js';
import { layoutOf } from '../c/type-layout.js';

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
  if (isRecord(to)) {
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
