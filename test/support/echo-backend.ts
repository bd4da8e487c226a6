import {
  NativeBackend,
  type AsyncNativeFunction,
  type BackendCallback,
  type LoweredSignature,
  type NativeFunction,
  type NativeHandle,
} from '../../src/native/backend/backend.js';

/** A library whose functions give their symbol and their arguments back. */
export class EchoBackend extends NativeBackend {
  readonly name = 'echo';
  readonly opened: string[] = [];
  /** Asynchronous calls that are under way: call one to let it return. */
  readonly pending: (() => void)[] = [];
  closed = 0;
  readonly #symbols: readonly string[];

  constructor(symbols: readonly string[]) {
    super();
    this.#symbols = symbols;
  }

  open(file: string): NativeHandle {
    this.opened.push(file);
    return {
      has: (symbol) => this.#symbols.includes(symbol),
      func:
        ({ symbol }: LoweredSignature): NativeFunction =>
        (...args) => [symbol, ...args],
      asyncFunc:
        ({ symbol }: LoweredSignature): AsyncNativeFunction =>
        (args, done) =>
          void this.pending.push(() => done(null, [symbol, ...args])),
      close: () => {
        this.closed += 1;
      },
    };
  }

  callback(): BackendCallback {
    return { address: 1n, release: () => undefined };
  }

  errno(): number {
    return 0;
  }

  addressOf(): bigint {
    return 1n;
  }

  read(_address: bigint, length: number): Buffer {
    return Buffer.alloc(length);
  }

  bytes(_address: bigint, length: number): Buffer {
    return Buffer.alloc(length);
  }

  text(): string {
    return '';
  }
}
