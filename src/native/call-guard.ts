import { TuttiError } from '../core/errors.js';
import { show } from '../core/options.js';
import { ARGUMENT_CHECKS } from './argument-checks.js';
import type { NativeFunction } from './backend.js';
import type { NativeSignature } from './prototype.js';

/** A native function that refuses wrong arguments, and calls after its library was closed. */
export interface GuardedFunction {
  readonly call: NativeFunction;
  /** From now on, whoever kept a reference to `call` gets an error instead of a crash. */
  close(): void;
}

export type GuardFactory = (
  signature: NativeSignature,
  native: NativeFunction,
  fail: (args: readonly unknown[]) => never,
) => { readonly call: NativeFunction; readonly replace: (native: NativeFunction) => void };

/**
 * `native` behind checks of number, types and ranges of its arguments: native code would take NaN as 0, 300 as
 * 44, and a number in the place of a text as an address.
 *
 * @param label - class and member, for error messages
 */
export function guard(
  label: string,
  signature: NativeSignature,
  native: NativeFunction,
  factory: GuardFactory = codeGenerationAllowed() ? compiledGuard : interpretedGuard,
): GuardedFunction {
  const { call, replace } = factory(signature, native, (args) => {
    throw wrongArguments(label, signature, args);
  });
  Object.defineProperty(call, 'name', { value: label.slice(label.lastIndexOf('.') + 1), configurable: true });
  return {
    call,
    close: () => {
      replace(() => {
        throw new TuttiError('ILLEGAL_STATE', `${label} was called after its native library was closed`, {
          details: { subject: label, from: 'closed', to: 'called' },
        });
      });
    },
  };
}

/**
 * A function made for one signature: it costs a few nanoseconds where the interpreted one costs twenty.
 * Its source is put together from the number and types of the parameters alone, never from their names.
 */
export const compiledGuard: GuardFactory = ({ parameters }, native, fail) => {
  const names = parameters.map((_, i) => `a${i}`);
  const checks = parameters.map(({ type }, i) => ARGUMENT_CHECKS[type].source(names[i]!));
  const condition = [`arguments.length === ${parameters.length}`, ...checks].join(' && ');
  const list = names.join(', ');
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function(
    'native',
    'fail',
    `'use strict';
    return {
      call: function (${list}) {
        if (${condition}) return native(${list});
        return fail(arguments);
      },
      replace: function (other) { native = other; },
    };`,
  ) as (native: NativeFunction, fail: unknown) => ReturnType<GuardFactory>;
  return make(native, (args: ArrayLike<unknown>) => fail(Array.from(args)));
};

/** The same without making code, for processes started with `--disallow-code-generation-from-strings`. */
export const interpretedGuard: GuardFactory = ({ parameters }, native, fail) => {
  const checks = parameters.map(({ type }) => ARGUMENT_CHECKS[type].accepts);
  let target = native;
  return {
    call: (...args) =>
      args.length === checks.length && checks.every((accepts, i) => accepts(args[i]))
        ? target(...args)
        : fail(args),
    replace: (other) => {
      target = other;
    },
  };
};

function codeGenerationAllowed(): boolean {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval
    return new Function('return true')() === true;
  } catch {
    return false;
  }
}

function wrongArguments(label: string, signature: NativeSignature, args: readonly unknown[]): TuttiError {
  const { parameters, text } = signature;
  const where = `${label} ("${text}")`;
  const details = { function: label, prototype: text };
  if (args.length !== parameters.length) {
    const expected = `${parameters.length} argument${parameters.length === 1 ? '' : 's'}`;
    return new TuttiError('NATIVE_SIGNATURE', `${where} takes ${expected}, got ${args.length}`, { details });
  }
  const index = parameters.findIndex(({ type }, i) => !ARGUMENT_CHECKS[type].accepts(args[i]));
  const parameter = parameters[index]!;
  const name = `parameter ${index + 1}${parameter.name === undefined ? '' : ` "${parameter.name}"`}`;
  const value = args[index];
  // A text that is right but for a NUL may be anything, secrets included: it is not shown.
  const got = typeof value === 'string' && parameter.type === 'string' ? 'one with a NUL' : show(value);
  const { expected } = ARGUMENT_CHECKS[parameter.type];
  return new TuttiError('NATIVE_SIGNATURE', `${where}: expected ${name} to be ${expected}, got ${got}`, {
    details: { ...details, parameter: index + 1 },
  });
}
