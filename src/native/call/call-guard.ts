import { ARGUMENT_CHECKS } from '../c/argument-checks.js';
import { argumentCountError, argumentError } from '../c/argument-error.js';
import type { NativeFunction } from '../backend/backend.js';
import { isScalar, type NativeSignature } from '../c/native-types.js';
import { ValueMismatch } from '../c/scalar-memory.js';
import type { ScalarName } from '../c/scalar-types.js';

/** Where a guard notes that its function is running; see `CallTrace`. */
export interface CallMark {
  readonly cells: Int32Array;
  readonly id: number;
}

export interface Guard {
  readonly call: NativeFunction;
  /** Puts another function in the place of the native one. */
  readonly replace: (native: NativeFunction) => void;
}

export type GuardFactory = (
  types: readonly Exclude<ScalarName, 'void'>[],
  native: NativeFunction,
  mark: CallMark,
  fail: (args: readonly unknown[]) => never,
) => Guard;

/** The types of the parameters, where all of them are plain ones. */
export function plainTypes({
  parameters,
  isVariadic,
}: NativeSignature): Exclude<ScalarName, 'void'>[] | undefined {
  const types = parameters.map(({ type }) => type);
  return isVariadic !== true && types.every((type) => isScalar(type))
    ? (types as Exclude<ScalarName, 'void'>[])
    : undefined;
}

/**
 * A function with plain parameters behind checks of their number, types and ranges: native code would take NaN as 0,
 * 300 as 44, and a number in the place of a text as an address.
 *
 * @param label - class and member, for error messages
 * @param types - of {@link plainTypes}
 */
export function guard(
  label: string,
  signature: NativeSignature,
  types: readonly Exclude<ScalarName, 'void'>[],
  native: NativeFunction,
  mark: CallMark,
  factory: GuardFactory = codeGenerationAllowed() ? compiledGuard : interpretedGuard,
): Guard {
  return factory(types, native, mark, (args) => {
    if (args.length !== types.length) throw argumentCountError(label, signature, args.length);
    const index = types.findIndex((type, i) => !ARGUMENT_CHECKS[type].accepts(args[i]));
    throw argumentError(
      label,
      signature,
      index,
      new ValueMismatch(ARGUMENT_CHECKS[types[index]!].expected, args[index]),
    );
  });
}

/**
 * A function made for one signature: it costs a few nanoseconds where the interpreted one costs twenty.
 * Its source is put together from the number and types of the parameters alone, never from their names.
 */
export const compiledGuard: GuardFactory = (types, native, { cells, id }, fail) => {
  const names = types.map((_, i) => `a${i}`);
  const checks = types.map((type, i) => ARGUMENT_CHECKS[type].source(names[i]!));
  const condition = [`arguments.length === ${types.length}`, ...checks].join(' && ');
  const list = names.join(', ');
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function(
    'native',
    'cells',
    'id',
    'fail',
    `'use strict';
    return {
      call: function (${list}) {
        if (!(${condition})) return fail(arguments);
        const outer = cells[0];
        cells[0] = id;
        try {
          return native(${list});
        } finally {
          cells[0] = outer;
        }
      },
      replace: function (other) { native = other; },
    };`,
  ) as (native: NativeFunction, cells: Int32Array, id: number, fail: unknown) => Guard;
  return make(native, cells, id, (args: ArrayLike<unknown>) => fail(Array.from(args)));
};

/** The same without making code, for processes started with `--disallow-code-generation-from-strings`. */
export const interpretedGuard: GuardFactory = (types, native, mark, fail) => {
  const checks = types.map((type) => ARGUMENT_CHECKS[type].accepts);
  let target = native;
  return {
    call: (...args) =>
      args.length === checks.length && checks.every((accepts, i) => accepts(args[i]))
        ? marked(mark, () => target(...args))
        : fail(args),
    replace: (other) => {
      target = other;
    },
  };
};

/** Runs a native call with its mark set. Native code can call back into JavaScript, which can call native code again. */
export function marked<T>({ cells, id }: CallMark, call: () => T): T {
  const outer = cells[0]!;
  cells[0] = id;
  try {
    return call();
  } finally {
    cells[0] = outer;
  }
}

function codeGenerationAllowed(): boolean {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval
    return new Function('return true')() === true;
  } catch {
    return false;
  }
}
