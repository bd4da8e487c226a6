import type { RecordType } from '../c/native-types.js';
import type { ScalarName } from '../c/scalar-types.js';

// Native functions take and give what their lowered signature says; only the generated guards call them.
export type NativeFunction = (...args: unknown[]) => unknown;
export type AsyncNativeFunction = (
  args: readonly unknown[],
  done: (error: Error | null, value: unknown) => void,
) => void;

/**
 * What a backend must know of a type. Values of it: a scalar's number, bigint, boolean or string (null for no text);
 * for a pointer a buffer, an address or null, and as a result an address or null; for a record passed by value its
 * bytes.
 */
export type LoweredType = ScalarName | 'pointer' | RecordType;

export interface LoweredSignature {
  readonly symbol: string;
  readonly result: LoweredType;
  readonly parameters: readonly LoweredType[];
  /** The variadic function as it is declared: without what stands in the place of `...` in this call. */
  readonly variadicOf?: LoweredSignature;
}

/** An opened shared library. */
export interface NativeHandle {
  /** Whether the library exports the symbol. */
  has(symbol: string): boolean;
  /**
   * The function behind a symbol that the library exports. It does not check its arguments, and calling it
   * after {@link NativeHandle.close} may end the process: callers guard both.
   *
   * @throws Error when the backend cannot make such a call
   */
  func(signature: LoweredSignature): NativeFunction;
  /** The same on the thread pool. Buffers among the arguments must live until it is done. */
  asyncFunc(signature: LoweredSignature): AsyncNativeFunction;
  /** Nothing of it is called any more. Once. Its code may stay in memory until the process ends. */
  close(): void;
}

/** Memory outside of JavaScript. */
export interface NativeMemory {
  addressOf(bytes: ArrayBufferView): bigint;
  /** A copy. */
  read(address: bigint, length: number): Buffer;
  /** The memory itself. */
  bytes(address: bigint, length: number): Buffer;
  /** The text up to the first NUL. */
  text(address: bigint, encoding: 'utf8' | 'utf16'): string;
}

/** A JavaScript function that native code can call. */
export interface BackendCallback {
  readonly address: bigint;
  release(): void;
}

/** Port to the package that calls native code. */
export abstract class NativeBackend implements NativeMemory {
  /** For error messages and logs. */
  abstract readonly name: string;

  /**
   * @param file - path of a shared library, or a plain name for the system's loader
   * @throws Error with the loader's message when it cannot be loaded, ConfigurationError `NATIVE_BACKEND_MISSING`
   */
  abstract open(file: string): NativeHandle;
  abstract callback(signature: Omit<LoweredSignature, 'symbol'>, fn: NativeFunction): BackendCallback;
  /** Of the call that has just returned, in this thread or, in `done`, on the thread pool. */
  abstract errno(): number;
  abstract addressOf(bytes: ArrayBufferView): bigint;
  abstract read(address: bigint, length: number): Buffer;
  abstract bytes(address: bigint, length: number): Buffer;
  abstract text(address: bigint, encoding: 'utf8' | 'utf16'): string;
}
