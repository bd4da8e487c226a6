import type { ScalarName } from './scalar-types.js';

/** What JavaScript values a native parameter takes. Nothing is converted: what does not fit is refused. */
export interface ArgumentCheck {
  /** In words, for error messages. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** The same test as a JavaScript expression on a variable, to be compiled into a function. */
  readonly source: (variable: string) => string;
}

const BITS = [8, 16, 32, 64] as const;

function smallInteger(bits: 8 | 16 | 32, signed: boolean): ArgumentCheck {
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = 2 ** (signed ? bits - 1 : bits) - 1;
  return {
    expected: `an integer from ${min} to ${max}`,
    accepts: (v) => Number.isInteger(v) && (v as number) >= min && (v as number) <= max,
    source: (v) => {
      if (bits === 32) return `typeof ${v} === 'number' && (${v} ${signed ? '|' : '>>>'} 0) === ${v}`;
      return `typeof ${v} === 'number' && (${v} | 0) === ${v} && ${v} >= ${min} && ${v} <= ${max}`;
    },
  };
}

function wideInteger(signed: boolean): ArgumentCheck {
  const min = signed ? -(2n ** 63n) : 0n;
  const max = 2n ** (signed ? 63n : 64n) - 1n;
  const number = signed ? 'a safe integer' : 'a safe integer from 0';
  return {
    expected: `${number} or a bigint from ${min} to ${max}`,
    accepts: (v) =>
      typeof v === 'bigint' ? v >= min && v <= max : Number.isSafeInteger(v) && (v as number) >= min,
    source: (v) =>
      `(typeof ${v} === 'number' ? Number.isSafeInteger(${v})${signed ? '' : ` && ${v} >= 0`} : ` +
      `typeof ${v} === 'bigint' && ${v} >= ${min}n && ${v} <= ${max}n)`,
  };
}

const integers = Object.fromEntries(
  BITS.flatMap((bits) => [
    [`int${bits}_t`, bits === 64 ? wideInteger(true) : smallInteger(bits, true)],
    [`uint${bits}_t`, bits === 64 ? wideInteger(false) : smallInteger(bits, false)],
  ]),
) as Record<`${'' | 'u'}int${(typeof BITS)[number]}_t`, ArgumentCheck>;

export const ARGUMENT_CHECKS: Readonly<Record<Exclude<ScalarName, 'void'>, ArgumentCheck>> = {
  ...integers,
  bool: {
    expected: 'true or false',
    accepts: (v) => typeof v === 'boolean',
    source: (v) => `typeof ${v} === 'boolean'`,
  },
  double: {
    expected: 'a number',
    accepts: (v) => typeof v === 'number',
    source: (v) => `typeof ${v} === 'number'`,
  },
  float: {
    expected: 'a number that fits into 32 bits',
    // A finite number that is rounded to infinity does not fit; infinity and NaN themselves do.
    accepts: (v) => typeof v === 'number' && Number.isFinite(Math.fround(v)) === Number.isFinite(v),
    source: (v) => `typeof ${v} === 'number' && Number.isFinite(Math.fround(${v})) === Number.isFinite(${v})`,
  },
  string: text(),
  string16: text(),
};

function text(): ArgumentCheck {
  return {
    // C would take the text as ending at the NUL.
    expected: 'a string without NUL characters, or null',
    accepts: (v) => v === null || (typeof v === 'string' && !v.includes('\0')),
    source: (v) => `(${v} === null || (typeof ${v} === 'string' && !${v}.includes('\\0')))`,
  };
}
