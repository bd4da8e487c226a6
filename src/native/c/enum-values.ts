import { ARGUMENT_CHECKS } from './argument-checks.js';
import type { EnumType } from './native-types.js';
import { ValueMismatch } from './scalar-memory.js';

/** @throws {@link ValueMismatch} */
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
