import { describeThrown, TuttiError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import type { NativeSignature } from './native-types.js';
import type { ValueMismatch } from './scalar-memory.js';

/** @param label - class and member, e.g. `SumLibrary.getSum` */
export function argumentCountError(label: string, signature: NativeSignature, got: number): TuttiError {
  const { parameters, isVariadic, text } = signature;
  const atLeast = isVariadic === true ? 'at least ' : '';
  const expected = `${atLeast}${parameters.length} argument${parameters.length === 1 ? '' : 's'}`;
  return new TuttiError('NATIVE_SIGNATURE', `${label} ("${text}") takes ${expected}, got ${got}`, {
    details: { function: label, prototype: text },
  });
}

export function argumentError(
  label: string,
  signature: NativeSignature,
  index: number,
  mismatch: ValueMismatch,
): TuttiError {
  const { text } = signature;
  const name = parameterName(signature, index);
  const place = mismatch.path === '' ? name : `${mismatch.path} of ${name}`;
  // A text that is right but for a NUL may be anything, secrets included: it is not shown.
  const isText = typeof mismatch.value === 'string' && mismatch.expected.includes('NUL');
  const got = isText ? 'one with a NUL' : show(mismatch.value);
  return new TuttiError(
    'NATIVE_SIGNATURE',
    `${label} ("${text}"): expected ${place} to be ${mismatch.expected}, got ${got}`,
    {
      details: { function: label, prototype: text, parameter: index + 1 },
    },
  );
}

/** What an argument throws that cannot be used in its present state, with the function and the parameter. */
export function argumentStateError(
  label: string,
  signature: NativeSignature,
  index: number,
  cause: TuttiError,
): TuttiError {
  return new TuttiError(
    cause.code,
    `${label} ("${signature.text}"): ${parameterName(signature, index)}: ${cause.message}`,
    {
      cause,
      details: { ...cause.details, function: label, prototype: signature.text, parameter: index + 1 },
    },
  );
}

/** What the backend throws when it makes a call, with the function. */
export function callError(label: string, signature: NativeSignature, cause: unknown): TuttiError {
  return new TuttiError('NATIVE_SIGNATURE', `${label} ("${signature.text}"): ${describeThrown(cause)}`, {
    cause,
    details: { function: label, prototype: signature.text },
  });
}

function parameterName({ parameters }: NativeSignature, index: number): string {
  const name = parameters[index]?.name;
  return `parameter ${index + 1}${name === undefined ? '' : ` "${name}"`}`;
}

export function closedError(label: string): TuttiError {
  return new TuttiError('ILLEGAL_STATE', `${label} was called after its native library was closed`, {
    details: { subject: label, from: 'closed', to: 'called' },
  });
}
