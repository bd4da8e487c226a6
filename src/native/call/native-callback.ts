import { describeThrown, IllegalStateError, TuttiError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import { ARGUMENT_CHECKS } from '../c/argument-checks.js';
import type { BackendCallback, LoweredSignature, LoweredType, NativeFunction } from '../backend/backend.js';
import type { CallFrame } from './call-frame.js';
import { enumName, enumNumber } from '../c/enum-values.js';
import { describeType, type FunctionType, type NativeType } from '../c/native-types.js';
import type { CallScope } from './open-library.js';
import { int64, ValueMismatch } from '../c/scalar-memory.js';

/**
 * A JavaScript function that native code may call until {@link NativeCallback.release} or until its library is closed.
 * Made by `nativeCallback()`.
 */
export class NativeCallback {
  readonly #callback: BackendCallback;
  readonly #type: FunctionType;
  readonly #onRelease: () => void;
  #isReleased = false;
  #pins = 0;

  /** @internal */
  constructor(callback: BackendCallback, type: FunctionType, onRelease: () => void) {
    this.#callback = callback;
    this.#type = type;
    this.#onRelease = onRelease;
  }

  /** @throws TuttiError `ILLEGAL_STATE` when it was released */
  get address(): bigint {
    if (this.#isReleased) {
      throw new IllegalStateError(`a native callback of the type ${this.type}`, 'released', 'used');
    }
    return this.#callback.address;
  }

  /**
   * Native code must not call it any more, but for calls under way that it was passed to: those may call it until they
   * return. Does nothing the second time.
   */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#pins === 0) this.#free();
  }

  /** @internal Whether native code can call it as a function of `type`. */
  isCallableAs(type: FunctionType): boolean {
    const [own, other] = [loweredFunction(this.#type), loweredFunction(type)];
    return own.result === other.result && own.parameters.join() === other.parameters.join();
  }

  /** @internal The type of the function that it is, for error messages. */
  get type(): string {
    return this.#type.name;
  }

  /** @internal A call uses it: its memory stays until the call has returned. */
  pin(): () => void {
    this.#pins++;
    return () => {
      this.#pins--;
      if (this.#pins === 0 && this.#isReleased) this.#free();
    };
  }

  #free(): void {
    this.#callback.release();
    this.#onRelease();
  }
}

/** What is passed for a parameter that is a pointer to a function; a plain function lives as long as the call. */
export function callbackAddress(
  type: FunctionType,
  value: unknown,
  scope: CallScope,
  frame: CallFrame,
): bigint | null {
  if (value === null) return null;
  if (value instanceof NativeCallback) {
    if (!value.isCallableAs(type)) {
      throw new ValueMismatch(`a function or a native callback of the type ${type.name}`, `a ${value.type}`);
    }
    const { address } = value;
    frame.finally(value.pin());
    return address;
  }
  if (typeof value !== 'function') throw new ValueMismatch('a function, a native callback, or null', value);
  const callback = backendCallback(type, value as NativeFunction, scope, (error) => frame.caught(error));
  frame.finally(() => callback.release());
  return callback.address;
}

/** @param onError - gets what the function throws: native code gets 0 or null instead of a result */
export function backendCallback(
  type: FunctionType,
  fn: NativeFunction,
  scope: CallScope,
  onError: (error: unknown) => void,
): BackendCallback {
  const raise = type.parameters.map((parameter) => raised(parameter.type, scope));
  const signature = loweredFunction(type);
  const callback: NativeFunction = (...args) => {
    try {
      return lower(type, fn(...args.map((value, i) => raise[i]!(value))), scope);
    } catch (error) {
      onError(error);
      return zero(type.result);
    }
  };
  const { backend, className } = scope.library;
  try {
    return backend.callback(signature, callback);
  } catch (cause) {
    const message =
      `${className}: no callback can be made for ${type.name} (${describeThrown(cause)}): release those that are not ` +
      'needed, and have fewer asynchronous calls with callbacks under way at a time';
    throw new TuttiError('ILLEGAL_STATE', message, {
      cause,
      details: { subject: `callback ${type.name}`, from: 'refused', to: 'made' },
    });
  }
}

function loweredFunction({ result, parameters }: FunctionType): Omit<LoweredSignature, 'symbol'> {
  return { result: lowered(result), parameters: parameters.map(({ type }) => lowered(type)) };
}

function lowered(type: NativeType): LoweredType {
  if (typeof type === 'string') return type;
  return type.kind === 'enum' ? type.storage : 'pointer';
}

function raised(type: NativeType, scope: CallScope): (value: unknown) => unknown {
  if (type === 'int64_t' || type === 'uint64_t')
    return (value) => int64(value as number | bigint, scope.int64);
  if (typeof type === 'string') return (value) => value;
  if (type.kind === 'enum') return (value) => enumName(type.values, value as number);
  const to = type.kind === 'pointer' ? type.to : 'void';
  return (value) => (value === null || value === 0n ? null : scope.pointer(value as bigint, to));
}

function lower({ name, result }: FunctionType, value: unknown, scope: CallScope): unknown {
  try {
    if (result === 'void') return undefined;
    if (typeof result === 'string') {
      const check = ARGUMENT_CHECKS[result];
      if (!check.accepts(value)) throw new ValueMismatch(check.expected, value);
      return value;
    }
    if (result.kind === 'enum') return enumNumber(result, value);
    if (value === null) return null;
    const { address } = (value ?? {}) as { address?: unknown };
    if (typeof address !== 'bigint') throw new ValueMismatch('a pointer of a library, or null', value);
    return address;
  } catch (error) {
    if (!(error instanceof ValueMismatch)) throw error;
    const message = `${scope.library.className}: expected the callback ${name} to return ${error.expected}, got ${show(error.value)}`;
    throw new TuttiError('NATIVE_SIGNATURE', message, {
      details: { callback: name, type: describeType(result) },
    });
  }
}

function zero(type: NativeType): unknown {
  if (type === 'void') return undefined;
  if (type === 'bool') return false;
  return typeof type === 'string' || type.kind === 'enum' ? 0 : null;
}
