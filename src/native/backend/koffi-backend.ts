import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { ConfigurationError, describeThrown } from '../../core/errors.js';
import { requireOf } from '../../core/own-location.js';
import type { LibraryHandle, TypeObject } from 'koffi';
import {
  NativeBackend,
  type AsyncNativeFunction,
  type BackendCallback,
  type LoweredSignature,
  type LoweredType,
  type NativeFunction,
  type NativeHandle,
} from './backend.js';
import type { NativeType, RecordType } from '../c/native-types.js';
import { recordLayout } from '../c/type-layout.js';

type Koffi = typeof import('koffi');
type AsyncFunction = NativeFunction & { async: (...args: unknown[]) => void };

/**
 * The package is optional, and takes some 13 ms and 3 MB: it is loaded with the first library and not before.
 *
 * @param from - a file from where the package is resolved, instead of this one
 * @throws ConfigurationError `NATIVE_BACKEND_MISSING`
 */
function loadKoffi(from?: string): Koffi {
  try {
    // By `require`: a container that activates libraries can then stay synchronous.
    const require = requireOf(from);
    return withLargeStacks(require('koffi') as Koffi);
  } catch (cause) {
    const [reason = ''] = describeThrown(cause).split('\n');
    const isInstalled = !reason.includes("'koffi'");
    throw new ConfigurationError(
      'NATIVE_BACKEND_MISSING',
      isInstalled
        ? `The native backend koffi is installed but cannot be loaded (${reason}). Install it anew on this machine ` +
            `(${process.platform}, ${process.arch}), with its optional dependencies: npm install koffi`
        : `Native code is called by the package koffi, which is not installed (${reason}). Install it: npm install koffi ` +
            '(with pnpm: pnpm add koffi --allow-build=koffi)',
      { cause, details: { backend: 'koffi' } },
    );
  }
}

/** Bytes, as the system gives a program in C. */
const STACK_SIZE = 8 << 20;

/** By default, koffi gives asynchronous calls 128 KiB, which correct code overflows. Stacks take memory only when used. */
function withLargeStacks(koffi: Koffi): Koffi {
  const { sync_stack_size: sync = 0, async_stack_size: async = 0 } = koffi.config();
  if (sync >= STACK_SIZE && async >= STACK_SIZE) return koffi;
  try {
    koffi.config({
      sync_stack_size: Math.max(sync, STACK_SIZE),
      async_stack_size: Math.max(async, STACK_SIZE),
    });
  } catch {
    // The program has called native code by koffi itself before, and chooses the size.
  }
  return koffi;
}

/** Calls native code by koffi. */
export class KoffiBackend extends NativeBackend {
  readonly name = 'koffi';
  readonly #from: string | undefined;
  #package: Koffi | undefined;
  readonly #callbackTypes = new Map<string, TypeObject>();
  #memcpy: NativeFunction | undefined;
  #dlopen: NativeFunction | undefined;

  /** @param from - a file from where the package is resolved, instead of this one */
  constructor(from?: string) {
    super();
    this.#from = from;
  }

  get #koffi(): Koffi {
    return (this.#package ??= loadKoffi(this.#from));
  }

  open(file: string): NativeHandle {
    const library = this.#koffi.load(file);
    this.#keepMapped(file);
    return new KoffiHandle(this.#koffi, library);
  }

  /**
   * koffi unloads libraries when the process ends, while threads still run their code: their own threads, and those of the
   * pool, which clean up what the library keeps for each thread. Opened once more, the code stays where it is.
   */
  #keepMapped(file: string): void {
    if (process.platform === 'win32') return;
    this.#dlopen ??= this.#koffi.load(null).func('dlopen', 'void *', ['str', 'int']) as NativeFunction;
    this.#dlopen(file, RTLD_LAZY);
  }

  callback({ result, parameters }: Omit<LoweredSignature, 'symbol'>, fn: NativeFunction): BackendCallback {
    const koffi = this.#koffi;
    const pointer = this.#pointerTo(koffi, result, parameters);
    const address = koffi.register(withUnsigned(parameters, fn), pointer);
    return { address, release: () => koffi.unregister(address) };
  }

  /** A type is made once and never freed: koffi keeps each for good. Callbacks take and give no records by value. */
  #pointerTo(koffi: Koffi, result: LoweredType, parameters: readonly LoweredType[]): TypeObject {
    const names = [result, ...parameters].map((type) => koffiType(koffi, type));
    const key = names.join();
    let type = this.#callbackTypes.get(key);
    if (type === undefined) {
      type = koffi.pointer(koffi.proto(names[0]!, names.slice(1)));
      this.#callbackTypes.set(key, type);
    }
    return type;
  }

  errno(): number {
    return this.#koffi.errno();
  }

  addressOf(bytes: ArrayBufferView): bigint {
    // Small typed arrays live in the heap, where they move, until somebody asks for their buffer.
    void bytes.buffer;
    return this.#koffi.address(bytes);
  }

  read(address: bigint, length: number): Buffer {
    if (length === 0) return Buffer.alloc(0);
    // Decoding would make a type for each length, and koffi keeps types for good.
    this.#memcpy ??= this.#koffi
      .load(process.platform === 'win32' ? 'ntdll.dll' : null)
      .func('memcpy', 'void *', ['void *', 'void *', 'size_t']) as NativeFunction;
    const copy = Buffer.allocUnsafe(length);
    this.#memcpy(copy, address, length);
    return copy;
  }

  bytes(address: bigint, length: number): Buffer {
    return Buffer.from(this.#koffi.view(address, length));
  }

  text(address: bigint, encoding: 'utf8' | 'utf16'): string {
    const { decode } = this.#koffi;
    return encoding === 'utf8' ? decode.string(address) : decode.string16(address);
  }
}

/** As an argument of a callback, koffi gives 64 bits that are unsigned with a sign. */
function withUnsigned(parameters: readonly LoweredType[], fn: NativeFunction): NativeFunction {
  if (!parameters.includes('uint64_t')) return fn;
  return (...args) =>
    fn(
      ...args.map((value, i) =>
        parameters[i] === 'uint64_t' ? BigInt.asUintN(64, BigInt(value as number | bigint)) : value,
      ),
    );
}

class KoffiHandle implements NativeHandle {
  readonly #koffi: Koffi;
  readonly #library: LibraryHandle;
  readonly #variadics = new WeakMap<LoweredSignature, AsyncFunction>();

  constructor(koffi: Koffi, library: LibraryHandle) {
    this.#koffi = koffi;
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

  func(signature: LoweredSignature): NativeFunction {
    const native = this.#native(signature);
    const convert = this.#conversion(signature);
    return convert === undefined ? native : (...args) => convert.result(native(...convert.args(args)));
  }

  asyncFunc(signature: LoweredSignature): AsyncNativeFunction {
    const native = this.#native(signature);
    const convert = this.#conversion(signature);
    if (convert === undefined) return (args, done) => native.async(...args, done);
    return (args, done) =>
      native.async(...convert.args(args), (error: Error | null, value: unknown) =>
        error === null ? done(null, convert.result(value)) : done(error, undefined),
      );
  }

  close(): void {
    this.#library.unload();
  }

  #native(signature: LoweredSignature): AsyncFunction {
    const { variadicOf } = signature;
    if (variadicOf === undefined) return this.#declare(signature, []);
    // With what stands for `...` koffi gets its types: one function will do, and koffi keeps each for good.
    let native = this.#variadics.get(variadicOf);
    if (native === undefined) this.#variadics.set(variadicOf, (native = this.#declare(variadicOf, ['...'])));
    return native;
  }

  #declare({ symbol, result, parameters }: LoweredSignature, rest: readonly string[]): AsyncFunction {
    const types = parameters.map((type) => koffiType(this.#koffi, type));
    return this.#library.func(symbol, koffiType(this.#koffi, result), [...types, ...rest]) as AsyncFunction;
  }

  /** What stands between our values and koffi's: it takes records as objects, and variadic arguments with their types. */
  #conversion({
    result,
    parameters,
    variadicOf,
  }: LoweredSignature):
    | { args: (values: unknown[] | readonly unknown[]) => unknown[]; result: (value: unknown) => unknown }
    | undefined {
    const koffi = this.#koffi;
    if (
      variadicOf === undefined &&
      typeof result === 'string' &&
      parameters.every((type) => typeof type === 'string')
    ) {
      return undefined;
    }
    const records = parameters.map((type) =>
      typeof type === 'string' ? undefined : recordType(koffi, type),
    );
    return {
      args: (values) =>
        values.flatMap((value, i) => {
          const record = records[i];
          const converted: unknown = record === undefined ? value : koffi.decode(value, record);
          const isVariadic = variadicOf !== undefined && i >= variadicOf.parameters.length;
          return isVariadic ? [koffiType(koffi, parameters[i]!), converted] : [converted];
        }),
      result: (value) => {
        if (typeof result === 'string') return value;
        const bytes = Buffer.alloc(recordLayout(result).size);
        koffi.encode(bytes, recordType(koffi, result), value);
        return bytes;
      },
    };
  }
}

function koffiType(koffi: Koffi, type: LoweredType): string | TypeObject {
  if (typeof type !== 'string') return recordType(koffi, type);
  if (type === 'pointer') return 'void *';
  if (type === 'string') return 'str';
  return type === 'string16' ? 'str16' : type;
}

const recordTypes = new WeakMap<RecordType, TypeObject>();

function recordType(koffi: Koffi, record: RecordType): TypeObject {
  let type = recordTypes.get(record);
  if (type === undefined) {
    const fields = Object.fromEntries(
      record.fields.map((field) => [field.name, memberType(koffi, field.type)]),
    );
    type = record.kind === 'struct' ? koffi.struct(fields) : koffi.union(fields);
    const { size } = recordLayout(record);
    if (type.size !== size) {
      throw new Error(
        `koffi takes ${record.kind} ${record.name} for ${type.size} bytes, its layout has ${size}`,
      );
    }
    recordTypes.set(record, type);
  }
  return type;
}

/** As raw as can be: pointers are addresses, characters are bytes. What they mean is decided elsewhere. */
function memberType(koffi: Koffi, type: NativeType): string | TypeObject {
  if (type === 'string' || type === 'string16') return 'void *';
  if (typeof type === 'string') return type;
  switch (type.kind) {
    case 'struct':
    case 'union':
      return recordType(koffi, type);
    case 'array':
      return koffi.array(memberType(koffi, type.of), type.length, 'Array');
    case 'enum':
      return type.storage;
    case 'pointer':
    case 'function':
    case 'opaque':
      return 'void *';
  }
}

const RTLD_LAZY = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/**
 * The first `length` bytes of a new file as memory: what is written there is in the file, also when the process dies
 * the moment after.
 *
 * @returns undefined where the system has no `mmap`
 * @throws Error of the file system, which is left without the file then
 */
export function mapNewFile(file: string, length: number): ArrayBuffer | undefined {
  if (process.platform === 'win32') return undefined;
  const koffi = loadKoffi();
  const descriptor = openSync(file, 'wx+', 0o600);
  try {
    // Its bytes must be on the disk: writing into memory that a full disk has no room for ends the process (SIGBUS).
    writeFileSync(descriptor, Buffer.alloc(length));
    const mmap = koffi
      .load(null)
      .func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'long']) as NativeFunction;
    const address = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, descriptor, 0) as bigint | null;
    if (address === null || address === 2n ** 64n - 1n) return undefined;
    return koffi.view(address, length);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}
