import type { LoweredType } from '../backend/backend.js';
import { enumName } from '../c/enum-values.js';
import { decode, viewOf } from './memory-decoder.js';
import { describeType, type NativeType } from '../c/native-types.js';
import type { CallScope } from './open-library.js';
import { int64, writePointer } from '../c/scalar-memory.js';
import { POINTER_SIZE } from '../c/type-layout.js';

/** How what a function returns becomes a JavaScript value. */
export interface ResultCodec {
  readonly lowered: LoweredType;
  readonly raise: (value: unknown) => unknown;
}

/** @param freedBy - the function that frees what is returned, once it is copied */
export function resultCodec(type: NativeType, scope: CallScope, freedBy: string | undefined): ResultCodec {
  if (freedBy !== undefined) {
    const raise = (value: unknown): unknown => {
      if (isNull(value)) return null;
      const view = new DataView(new ArrayBuffer(POINTER_SIZE));
      writePointer(view, 0, value as bigint);
      return scope.library.takeOwned(type, view, freedBy, scope);
    };
    return { lowered: 'pointer', raise };
  }
  if (type === 'int64_t' || type === 'uint64_t') {
    return { lowered: type, raise: (value) => int64(value as number | bigint, scope.int64) };
  }
  if (typeof type === 'string') return { lowered: type, raise: (value) => value };
  switch (type.kind) {
    case 'enum':
      return { lowered: type.storage, raise: (value) => enumName(type.values, value as number) };
    case 'struct':
    case 'union':
      return { lowered: type, raise: (bytes) => decode(type, viewOf(bytes as Buffer), 0, scope) };
    case 'pointer':
    case 'function': {
      const to = type.kind === 'pointer' ? type.to : 'void';
      return {
        lowered: 'pointer',
        raise: (value) => (isNull(value) ? null : scope.pointer(value as bigint, to)),
      };
    }
    case 'array':
    case 'opaque':
      throw new Error(`a function cannot return ${describeType(type)}`);
  }
}

function isNull(value: unknown): boolean {
  return value === null || value === 0n;
}
