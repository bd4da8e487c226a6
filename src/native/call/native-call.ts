import { IllegalStateError, TuttiError } from '../../core/errors.js';
import {
  argumentCountError,
  argumentError,
  argumentStateError,
  callError,
  closedError,
} from '../c/argument-error.js';
import type { AsyncNativeFunction, LoweredSignature, NativeFunction } from '../backend/backend.js';
import { guard, marked, plainTypes, type CallMark } from './call-guard.js';
import { CallFrame } from './call-frame.js';
import { NativePointer } from './native-pointer.js';
import type { NativeDeclaration, NativeSignature } from '../c/native-types.js';
import type { CallScope, OpenLibrary } from './open-library.js';
import { parameterCodec, type ParameterCodec } from './parameter-codec.js';
import { resultCodec } from './result-codec.js';
import { ValueMismatch } from '../c/scalar-memory.js';
import { VariadicCalls } from './variadic-calls.js';

/** A function of a library as its users call it. */
export interface NativeCall {
  readonly call: NativeFunction;
  /** From now on, whoever kept a reference to `call` gets an error instead of a crash. */
  close(): void;
}

/** What a `{ errno: true }` function returns. */
export interface WithErrno<T> {
  readonly value: T;
  /** 0 where the call did not set it. */
  readonly errno: number;
}

/** The function for one declaration. @param label - class and member, for error messages */
export function nativeCall(label: string, declaration: NativeDeclaration, library: OpenLibrary): NativeCall {
  const made =
    fastCall(label, declaration, library) ?? new MarshalledCall(label, declaration, library).toCall();
  const name = label.slice(label.lastIndexOf('.') + 1);
  Object.defineProperty(made.call, 'name', { value: name, configurable: true });
  return made;
}

/** Numbers and texts go through as they are, with checks that are compiled for the signature. */
function fastCall(
  label: string,
  { signature, options }: NativeDeclaration,
  library: OpenLibrary,
): NativeCall | undefined {
  const { symbol, result } = signature;
  const types = plainTypes(signature);
  const isWide = result === 'int64_t' || result === 'uint64_t';
  const mode = options.int64 ?? library.int64;
  const isPlain = typeof result === 'string' && !(isWide && mode !== 'auto') && options.freedBy === undefined;
  if (types === undefined || !isPlain || options.async === true || options.errno === true || library.isSerial)
    return undefined;
  const native = library.native.func({ symbol, result, parameters: types });
  const { call, replace } = guard(label, signature, types, native, library.mark(symbol));
  return {
    call,
    close: () =>
      replace(() => {
        throw closedError(label);
      }),
  };
}

interface Prepared {
  readonly lowered: LoweredSignature;
  readonly values: readonly unknown[];
  readonly frame: CallFrame;
}

/** Any other function: arguments are converted to memory and back. */
class MarshalledCall {
  readonly #label: string;
  readonly #signature: NativeSignature;
  readonly #options: NativeDeclaration['options'];
  readonly #library: OpenLibrary;
  readonly #scope: CallScope;
  readonly #mark: CallMark;
  readonly #codecs: readonly ParameterCodec[];
  readonly #raise: (value: unknown) => unknown;
  readonly #lowered: LoweredSignature;
  readonly #variadic: VariadicCalls | undefined;
  readonly #sync: (signature: LoweredSignature) => NativeFunction;
  readonly #async: (signature: LoweredSignature) => AsyncNativeFunction;
  /** The first argument is a handle that is gone after the call. */
  readonly #closes: boolean;
  #isClosed = false;

  constructor(label: string, { signature, options }: NativeDeclaration, library: OpenLibrary) {
    this.#label = label;
    this.#signature = signature;
    this.#options = options;
    this.#library = library;
    const scope = (this.#scope = library.scope(options.int64));
    this.#mark = library.mark(signature.symbol);
    this.#codecs = signature.parameters.map((parameter) => {
      return parameterCodec(parameter, scope, freedBy(options, parameter.name));
    });
    const result = resultCodec(signature.result, scope, freedBy(options, 'result'));
    this.#raise = result.raise;
    const parameters = this.#codecs.map(({ lowered }) => lowered);
    this.#lowered = { symbol: signature.symbol, result: result.lowered, parameters };
    this.#variadic = signature.isVariadic === true ? new VariadicCalls(scope) : undefined;
    this.#sync = remembered((lowered) => library.native.func(lowered));
    this.#async = remembered((lowered) => library.native.asyncFunc(lowered));
    this.#closes = library.isClosedBy(signature.symbol);
    // What the backend cannot call is an error now, and not at the first call.
    if (options.async === true) this.#async(this.#lowered);
    else this.#sync(this.#lowered);
  }

  toCall(): NativeCall {
    return {
      call:
        this.#options.async === true
          ? async (...args) => this.#callAsync(args)
          : (...args) => this.#callSync(args),
      close: () => {
        this.#isClosed = true;
      },
    };
  }

  #callSync(args: readonly unknown[]): unknown {
    if (this.#library.isBusy) throw busyError(this.#label);
    const { lowered, values, frame } = this.#prepare(args, false);
    try {
      const native = this.#sync(lowered);
      const value = marked(this.#mark, () => this.#call(native, values));
      return this.#finish(value, frame);
    } finally {
      frame.end();
    }
  }

  async #callAsync(args: readonly unknown[]): Promise<unknown> {
    // Before a handle is taken from its owner.
    if (!this.#isClosed) this.#library.requireOpen(this.#label);
    const { lowered, values, frame } = this.#prepare(args, true);
    const native = this.#async(lowered);
    try {
      return await this.#library.runAsync(
        this.#mark,
        () =>
          new Promise((resolve, reject) => {
            native(values, (error, value) => {
              if (error !== null) return reject(callError(this.#label, this.#signature, error));
              try {
                resolve(this.#finish(value, frame));
              } catch (failure: unknown) {
                reject(failure);
              }
            });
          }),
      );
    } finally {
      frame.end();
    }
  }

  #call(native: NativeFunction, values: readonly unknown[]): unknown {
    try {
      return native(...values);
    } catch (error) {
      throw callError(this.#label, this.#signature, error);
    }
  }

  #prepare(args: readonly unknown[], isAsync: boolean): Prepared {
    if (this.#isClosed) throw closedError(this.#label);
    const count = this.#codecs.length;
    const isRightCount = this.#variadic === undefined ? args.length === count : args.length >= count;
    if (!isRightCount) throw argumentCountError(this.#label, this.#signature, args.length);
    const frame = new CallFrame(isAsync);
    let index = 0;
    try {
      const values: unknown[] = [];
      for (const codec of this.#codecs) {
        values.push(codec.lower(args[index], frame));
        index++;
      }
      const rest = this.#variadic?.lower(args.slice(count), frame, () => index++);
      const lowered = rest === undefined ? this.#lowered : rest.signature(this.#lowered);
      if (rest !== undefined) values.push(...rest.values);
      if (this.#closes && args[0] instanceof NativePointer) {
        index = 0;
        this.#library.forget(args[0], isAsync ? 1 : 0);
      }
      return { lowered, values, frame };
    } catch (error) {
      frame.end();
      if (error instanceof ValueMismatch) throw argumentError(this.#label, this.#signature, index, error);
      if (error instanceof IllegalStateError) {
        throw argumentStateError(this.#label, this.#signature, index, error);
      }
      throw error;
    }
  }

  #finish(value: unknown, frame: CallFrame): unknown {
    // Before anything else can set it anew.
    const errno = this.#options.errno === true ? this.#scope.library.backend.errno() : 0;
    try {
      const raised = this.#raise(value);
      frame.returned();
      return this.#options.errno === true ? ({ value: raised, errno } satisfies WithErrno<unknown>) : raised;
    } catch (error) {
      if (!(error instanceof ValueMismatch)) throw error;
      const message = `${this.#label} ("${this.#signature.text}") returned ${String(error.value)}; expected ${error.expected}`;
      throw new TuttiError('NATIVE_SIGNATURE', message, { details: { function: this.#label } });
    }
  }
}

function freedBy(
  { freedBy: declared }: NativeDeclaration['options'],
  name: string | undefined,
): string | undefined {
  if (typeof declared === 'string') return name === 'result' ? declared : undefined;
  return declared === undefined || name === undefined ? undefined : declared[name];
}

/**
 * Signatures differ in variadic functions only, where each combination of types is one object; what belongs to it goes
 * with it.
 */
function remembered<T extends object>(
  make: (signature: LoweredSignature) => T,
): (signature: LoweredSignature) => T {
  const made = new WeakMap<LoweredSignature, T>();
  return (signature) => {
    let known = made.get(signature);
    if (known === undefined) made.set(signature, (known = make(signature)));
    return known;
  };
}

function busyError(label: string): TuttiError {
  return new TuttiError(
    'ILLEGAL_STATE',
    `${label} was called while an asynchronous call of its library is running or waiting, and the library takes one call ` +
      'at a time (serial: true); declare it with { async: true }, its calls are then queued',
    { details: { subject: label, from: 'busy', to: 'called' } },
  );
}
