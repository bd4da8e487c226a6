import type { NativeType, RecordType } from './native-types.js';
import { dataModel } from './scalar-types.js';

/** Bytes that a value takes in memory, and of what its address is a multiple. */
export interface Layout {
  readonly size: number;
  readonly alignment: number;
}

export interface RecordLayout extends Layout {
  /** Of each member, in the order of the declaration. */
  readonly offsets: readonly number[];
}

export const POINTER_SIZE = dataModel().pointerBits / 8;
/** On 32-bit x86 outside of Windows, wide members of structs are aligned as narrow ones. */
const WIDE_ALIGNMENT = process.arch === 'ia32' && process.platform !== 'win32' ? 4 : 8;

const records = new WeakMap<RecordType, RecordLayout>();

/** The layout that the platform's C compilers give a type. `void` and opaque types count as one byte. */
export function layoutOf(type: NativeType): Layout {
  if (typeof type === 'string') return scalarLayout(type);
  switch (type.kind) {
    case 'pointer':
    case 'function':
      return { size: POINTER_SIZE, alignment: POINTER_SIZE };
    case 'enum':
      return scalarLayout(type.storage);
    case 'array': {
      const element = layoutOf(type.of);
      return { size: element.size * type.length, alignment: element.alignment };
    }
    case 'struct':
    case 'union':
      return recordLayout(type);
    case 'opaque':
      return { size: 1, alignment: 1 };
  }
}

export function recordLayout(type: RecordType): RecordLayout {
  let layout = records.get(type);
  if (layout === undefined) records.set(type, (layout = computeLayout(type)));
  return layout;
}

function computeLayout({ kind, fields }: RecordType): RecordLayout {
  let [size, alignment] = [0, 1];
  const offsets = fields.map(({ type }) => {
    const field = layoutOf(type);
    alignment = Math.max(alignment, field.alignment);
    const offset = kind === 'union' ? 0 : roundUp(size, field.alignment);
    size = Math.max(size, offset + field.size);
    return offset;
  });
  return { size: roundUp(size, alignment), alignment, offsets };
}

function scalarLayout(type: string): Layout {
  if (type === 'string' || type === 'string16') return { size: POINTER_SIZE, alignment: POINTER_SIZE };
  if (type === 'void' || type === 'bool') return { size: 1, alignment: 1 };
  if (type === 'float') return { size: 4, alignment: 4 };
  const size = type === 'double' ? 8 : Number(/\d+/.exec(type)![0]) / 8;
  return { size, alignment: size === 8 ? WIDE_ALIGNMENT : size };
}

function roundUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}
