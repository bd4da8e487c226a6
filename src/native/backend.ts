import type { NativeSignature } from './prototype.js';

// Native functions take and give what their signature says; only the generated guards call them.
export type NativeFunction = (...args: unknown[]) => unknown;

/** An opened shared library. */
export interface NativeHandle {
  /** Whether the library exports the symbol. */
  has(symbol: string): boolean;
  /**
   * The function behind a symbol that the library exports. It does not check its arguments, and calling it
   * after {@link NativeHandle.close} may end the process: callers guard both.
   */
  func(signature: NativeSignature): NativeFunction;
  /** Gives the library back to the system. Once. */
  close(): void;
}

/** Port to the package that calls native code. */
export abstract class NativeBackend {
  /** For error messages and logs. */
  abstract readonly name: string;

  /**
   * @param file - path of a shared library, or a plain name for the system's loader
   * @throws Error with the loader's message when it cannot be loaded
   */
  abstract open(file: string): NativeHandle;
}
