import { endianness } from 'node:os';
import { ARGUMENT_CHECKS } from './argument-checks.js';
import type { Int64Mode } from './native-types.js';
import type { ScalarName } from './scalar-types.js';
import { layoutOf, POINTER_SIZE } from './type-layout.js';

/** A JavaScript value that does not fit a C type. */
export class ValueMismatch extends Error {
  /** @param path - where in the value, e.g. `.origin.x`; empty for the value itself */
  constructor(
    readonly expected: string,
    readonly value: unknown,
    readonly path = '',
  ) {
    super(expected);
  }
}

type PlainName = Exclude<ScalarName, 'string' | 'string16'>;

const LITTLE = endianness() === 'LE';

/** A 64-bit integer in the form that was declared. */
export function int64(value: number | bigint, mode: Int64Mode): number | bigint {
  if (mode === 'bigint') return BigInt(value);
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  if (mode === 'auto') return value;
  throw new ValueMismatch("a number that is exact; declare { int64: 'bigint' }", value);
}

export function writePointer(target: DataView, offset: number, address: bigint): void {
  if (POINTER_SIZE === 8) target.setBigUint64(offset, address, LITTLE);
  else target.setUint32(offset, Number(address), LITTLE);
}

export function readPointer(source: DataView, offset: number): bigint {
  return POINTER_SIZE === 8 ? source.getBigUint64(offset, LITTLE) : BigInt(source.getUint32(offset, LITTLE));
}

export function writeScalar(type: PlainName, value: unknown, target: DataView, offset: number): void {
  if (type === 'void') return;
  const check = ARGUMENT_CHECKS[type];
  if (!check.accepts(value)) throw new ValueMismatch(check.expected, value);
  if (type === 'bool') return target.setUint8(offset, value === true ? 1 : 0);
  if (type === 'float') return target.setFloat32(offset, value as number, LITTLE);
  if (type === 'double') return target.setFloat64(offset, value as number, LITTLE);
  const { size } = layoutOf(type);
  if (size === 8)
    return target.setBigUint64(offset, BigInt.asUintN(64, BigInt(value as number | bigint)), LITTLE);
  if (size === 4) return target.setInt32(offset, value as number, LITTLE);
  return size === 2
    ? target.setInt16(offset, value as number, LITTLE)
    : target.setInt8(offset, value as number);
}

export function readScalar(type: PlainName, source: DataView, offset: number, mode: Int64Mode): unknown {
  switch (type) {
    case 'void':
      return undefined;
    case 'bool':
      return source.getUint8(offset) !== 0;
    case 'float':
      return source.getFloat32(offset, LITTLE);
    case 'double':
      return source.getFloat64(offset, LITTLE);
    case 'int8_t':
      return source.getInt8(offset);
    case 'uint8_t':
      return source.getUint8(offset);
    case 'int16_t':
      return source.getInt16(offset, LITTLE);
    case 'uint16_t':
      return source.getUint16(offset, LITTLE);
    case 'int32_t':
      return source.getInt32(offset, LITTLE);
    case 'uint32_t':
      return source.getUint32(offset, LITTLE);
    case 'int64_t':
      return int64(source.getBigInt64(offset, LITTLE), mode);
    case 'uint64_t':
      return int64(source.getBigUint64(offset, LITTLE), mode);
  }
}

export function terminated(text: string, encoding: 'utf8' | 'utf16le'): Buffer {
  return Buffer.from(`${text}\0`, encoding);
}
