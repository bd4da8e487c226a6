import { constants } from 'node:buffer';
import { IllegalStateError, TuttiError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import { completed, describeType, type NativeType } from '../c/native-types.js';

/** Reads what a pointer points to; made by the library that gave the pointer out. */
export interface PointerReader {
  read(address: bigint, type: NativeType, count: number | undefined): unknown;
  parseType(text: string): NativeType;
  bytes(address: bigint, length: number): Buffer;
  text(address: bigint): string;
}

/**
 * An address in native memory: a handle of the library, or a block of memory. Functions take it where their prototype
 * has a pointer of its type or `void *`. It is valid as long as the library says; reading from freed memory ends the
 * process.
 */
export class NativePointer {
  readonly #address: bigint;
  readonly #to: NativeType;
  readonly #reader: PointerReader;
  #isClosed = false;
  #pins = 0;

  /** @internal */
  constructor(address: bigint, to: NativeType, reader: PointerReader) {
    this.#address = address;
    this.#to = to;
    this.#reader = reader;
  }

  /** What it points to, as in the declaration: `sqlite3`, `int32_t`, `void`. */
  get type(): string {
    return describeType(this.#to);
  }

  /** @throws IllegalStateError when it was closed */
  get address(): bigint {
    if (this.#isClosed) throw new IllegalStateError(`a pointer to ${this.type}`, 'closed', 'used');
    return this.#address;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The value that it points to, or an array of `count` values.
   *
   * @param type - a C type, where the pointer itself does not say it: `int32_t`, `Point`, `const char *`
   * @throws TuttiError `NATIVE_SIGNATURE` for a type without a size, and for more than `buffer.constants.MAX_LENGTH` bytes
   */
  read(type?: string, count?: number): unknown {
    const to = completed(type === undefined ? this.#to : this.#reader.parseType(type));
    if (to === 'void' || (typeof to === 'object' && to.kind === 'opaque')) {
      const message = `a pointer to ${describeType(to)} cannot be read without a type: read('int32_t'), or bytes(length)`;
      throw new TuttiError('NATIVE_SIGNATURE', message, { details: { type: describeType(to) } });
    }
    return this.#reader.read(
      this.address,
      to,
      count === undefined ? count : this.#requireCount('count', count),
    );
  }

  /**
   * The memory itself, not a copy: valid as long as the library leaves it there.
   *
   * @param length - bytes, at most `buffer.constants.MAX_LENGTH`
   * @throws TuttiError `NATIVE_SIGNATURE`
   */
  bytes(length: number): Buffer {
    return this.#reader.bytes(this.address, this.#requireCount('length', length, constants.MAX_LENGTH));
  }

  /** The UTF-8 text up to the first NUL. */
  text(): string {
    return this.#reader.text(this.address);
  }

  /** @internal An asynchronous call uses it; it cannot be closed meanwhile. */
  pin(): () => void {
    this.#pins++;
    return () => void this.#pins--;
  }

  /** @internal From now on it is refused as an argument. @param pins - those of the call that closes it */
  close(pins = 0): void {
    if (this.#pins > pins) {
      throw new IllegalStateError(`a pointer to ${this.type}`, 'in use by an asynchronous call', 'closed');
    }
    this.#isClosed = true;
  }

  /** @param max - beyond it, Node.js does not throw but ends the process */
  #requireCount(name: string, value: unknown, max = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max)
      return value as number;
    const range = max === Number.MAX_SAFE_INTEGER ? 'from 0' : `from 0 to ${max}`;
    const message = `a pointer to ${this.type}: expected the ${name} to be an integer ${range}, got ${show(value)}`;
    throw new TuttiError('NATIVE_SIGNATURE', message, { details: { type: this.type } });
  }
}
