import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';
import { NativeBackend, type NativeFunction, type NativeHandle } from './backend.js';
import type { NativeSignature } from './prototype.js';
import type { ScalarName } from './scalar-types.js';

type Koffi = typeof import('koffi');

const require = createRequire(import.meta.url);

/**
 * Calls native code by koffi. The package is loaded with the first library and not before (some 13 ms and 3 MB),
 * by `require`: a container that activates libraries can then stay synchronous.
 */
export class KoffiBackend extends NativeBackend {
  readonly name = 'koffi';
  #koffi: Koffi | undefined;

  open(file: string): NativeHandle {
    this.#koffi ??= require('koffi') as Koffi;
    return new KoffiHandle(this.#koffi.load(file));
  }
}

class KoffiHandle implements NativeHandle {
  readonly #library: LibraryHandle;

  constructor(library: LibraryHandle) {
    this.#library = library;
  }

  has(symbol: string): boolean {
    try {
      this.#library.symbol(symbol);
      return true;
    } catch {
      return false;
    }
  }

  func({ symbol, result, parameters }: NativeSignature): NativeFunction {
    const types = parameters.map(({ type }) => koffiType(type));
    return this.#library.func(symbol, koffiType(result), types) as NativeFunction;
  }

  close(): void {
    this.#library.unload();
  }
}

function koffiType(type: ScalarName): string {
  return type === 'string' ? 'str' : type;
}
