import { ConfigurationError, describeThrown } from '../../core/errors.js';
import { requireOf } from '../../core/own-location.js';
import {
  NativeBackend,
  type AsyncNativeFunction,
  type BackendCallback,
  type LoweredSignature,
  type LoweredType,
  type NativeFunction,
  type NativeHandle,
} from './backend.js';
import type { FfiNapi, FfiType, RefNapi } from './ffi-napi-types.js';
import type { NativeType, RecordType } from '../c/native-types.js';
import { POINTER_SIZE, recordLayout } from '../c/type-layout.js';
import { terminated, writePointer } from '../c/scalar-memory.js';

interface Packages {
  readonly ffi: FfiNapi;
  readonly ref: RefNapi;
  /** Makes a struct type of ref. */
  readonly struct: (fields: Record<string, FfiType>) => FfiType;
}

export const FFI_NAPI_HINT =
  'npm install ffi-napi@npm:@2060.io/ffi-napi@4 ref-napi@npm:@2060.io/ref-napi@3 (it is compiled when it is installed: ' +
  'a C++ compiler and Python are needed, and install scripts must be allowed)';

/** Calls native code by ffi-napi, for declarations that were written for it. A call takes some 20 µs. */
export class FfiNapiBackend extends NativeBackend {
  readonly name = 'ffi-napi';
  readonly #from: string | undefined;
  readonly #callbacks = new Set<Buffer>();
  #packages: Packages | undefined;

  /** @param from - a file from where the packages are resolved, instead of this one */
  constructor(from?: string) {
    super();
    this.#from = from;
  }

  /** @throws ConfigurationError `NATIVE_BACKEND_MISSING` */
  get packages(): Packages {
    return (this.#packages ??= load(this.#from));
  }

  open(file: string): NativeHandle {
    return new FfiHandle(this, this.packages, file);
  }

  callback({ result, parameters }: Omit<LoweredSignature, 'symbol'>, fn: NativeFunction): BackendCallback {
    const types = [result, ...parameters].map((type) => ffiType(this.packages, type));
    const convert = parameters.map((type) => (value: unknown) => this.raise(type, value));
    const callback = this.packages.ffi.Callback(types[0]!, types.slice(1), (...args: unknown[]) => {
      return this.lower(result, fn(...args.map((value, i) => convert[i]!(value))), []);
    });
    // The closure is freed with its buffer.
    this.#callbacks.add(callback);
    return { address: this.addressOf(callback), release: () => void this.#callbacks.delete(callback) };
  }

  errno(): number {
    return this.packages.ffi.errno();
  }

  addressOf(bytes: ArrayBufferView): bigint {
    const { ref } = this.packages;
    const buffer = bufferOf(bytes);
    return ref.isNull(buffer) ? 0n : BigInt(`0x${ref.hexAddress(buffer)}`);
  }

  read(address: bigint, length: number): Buffer {
    return Buffer.from(this.bytes(address, length));
  }

  bytes(address: bigint, length: number): Buffer {
    const pointer = Buffer.alloc(POINTER_SIZE);
    writePointer(new DataView(pointer.buffer, pointer.byteOffset), 0, address);
    return this.packages.ref.readPointer(pointer, 0, length);
  }

  text(address: bigint, encoding: 'utf8' | 'utf16'): string {
    if (encoding === 'utf8') return this.packages.ref.readCString(this.bytes(address, 0), 0);
    let length = 0;
    while (this.bytes(address + BigInt(length), 2).readUInt16LE() !== 0) length += 2;
    return this.bytes(address, length).toString('utf16le');
  }

  /** A value of ours as ffi-napi takes it. What must live as long as the call is added to `keep`. */
  lower(type: LoweredType, value: unknown, keep: unknown[]): unknown {
    if (typeof type !== 'string') return structOf(this.packages, type, value);
    if (type === 'int64_t' || type === 'uint64_t') return String(value);
    if (type === 'string16' && value !== null) {
      const bytes = terminated(value as string, 'utf16le');
      keep.push(bytes);
      return bytes;
    }
    if (type !== 'pointer' || value === null) return value;
    return typeof value === 'bigint' ? this.bytes(value, 0) : bufferOf(value as ArrayBufferView);
  }

  /** A value of ffi-napi as we take it. */
  raise(type: LoweredType, value: unknown): unknown {
    if (typeof type !== 'string') return (value as { ref(): Buffer }).ref();
    if (type === 'void') return undefined;
    // Numbers that are not exact come as strings.
    if (type === 'int64_t' || type === 'uint64_t') return typeof value === 'string' ? BigInt(value) : value;
    if (type !== 'pointer' && type !== 'string16') return value;
    const address = value === null ? 0n : this.addressOf(value as Buffer);
    if (address === 0n) return null;
    return type === 'pointer' ? address : this.text(address, 'utf16');
  }
}

class FfiHandle implements NativeHandle {
  readonly #backend: FfiNapiBackend;
  readonly #packages: Packages;
  readonly #library: InstanceType<FfiNapi['DynamicLibrary']>;

  constructor(backend: FfiNapiBackend, packages: Packages, file: string) {
    this.#backend = backend;
    this.#packages = packages;
    this.#library = new packages.ffi.DynamicLibrary(file, packages.ffi.DynamicLibrary.FLAGS.RTLD_NOW);
  }

  has(symbol: string): boolean {
    try {
      this.#library.get(symbol);
      return true;
    } catch {
      return false;
    }
  }

  func(signature: LoweredSignature): NativeFunction {
    const native = this.#native(signature);
    const { parameters, result } = signature;
    return (...args) => {
      const keep: unknown[] = [];
      const values = args.map((value, i) => this.#backend.lower(parameters[i]!, value, keep));
      return this.#backend.raise(result, native(...values));
    };
  }

  asyncFunc(signature: LoweredSignature): AsyncNativeFunction {
    const native = this.#native(signature);
    const { parameters, result } = signature;
    return (args, done) => {
      const keep: unknown[] = [];
      const values = args.map((value, i) => this.#backend.lower(parameters[i]!, value, keep));
      native.async(...values, (error: Error | null, value: unknown) => {
        keep.length = 0;
        if (error) done(error, undefined);
        else done(null, this.#backend.raise(result, value));
      });
    };
  }

  close(): void {
    // The code stays until the process ends: threads may still run it, and clean up with it when they end.
  }

  #native({
    symbol,
    result,
    parameters,
    variadicOf,
  }: LoweredSignature): ReturnType<FfiNapi['ForeignFunction']> {
    const { ffi } = this.#packages;
    const pointer = this.#library.get(symbol);
    const [resultType, ...types] = [result, ...parameters].map((type) => ffiType(this.#packages, type));
    if (variadicOf === undefined) return ffi.ForeignFunction(pointer, resultType!, types);
    const from = variadicOf.parameters.length;
    return ffi.VariadicForeignFunction(pointer, resultType!, types.slice(0, from))(...types.slice(from));
  }
}

function ffiType(packages: Packages, type: LoweredType): FfiType {
  if (typeof type !== 'string') return structType(packages, type);
  if (type === 'string') return 'string';
  if (type === 'pointer' || type === 'string16') return packages.ref.refType('void');
  return type.replace(/_t$/, '');
}

const structTypes = new WeakMap<RecordType, FfiType>();

function structType(packages: Packages, record: RecordType): FfiType {
  let type = structTypes.get(record);
  if (type === undefined) {
    if (record.kind === 'union') {
      throw new Error(`the backend ffi-napi cannot pass unions by value (${record.name}); by pointer it can`);
    }
    const fields = record.fields.flatMap((field) => memberTypes(packages, field.name, field.type));
    type = packages.struct(Object.fromEntries(fields));
    const { size } = type as { size: number };
    if (size !== recordLayout(record).size) {
      throw new Error(
        `ffi-napi takes struct ${record.name} for ${size} bytes, its layout has ${recordLayout(record).size}`,
      );
    }
    structTypes.set(record, type);
  }
  return type;
}

/** An array is as many members in a row. */
function memberTypes(packages: Packages, name: string, type: NativeType): [string, FfiType][] {
  if (type === 'string' || type === 'string16') return [[name, packages.ref.refType('void')]];
  if (typeof type === 'string') return [[name, type.replace(/_t$/, '')]];
  switch (type.kind) {
    case 'struct':
    case 'union':
      return [[name, structType(packages, type)]];
    case 'array':
      return Array.from({ length: type.length }, (_, i) =>
        memberTypes(packages, `${name}_${i}`, type.of),
      ).flat();
    case 'enum':
      return [[name, type.storage.replace(/_t$/, '')]];
    case 'pointer':
    case 'function':
    case 'opaque':
      return [[name, packages.ref.refType('void')]];
  }
}

function structOf(packages: Packages, record: RecordType, bytes: unknown): unknown {
  const Type = structType(packages, record) as unknown as new (bytes: unknown) => object;
  return new Type(bytes);
}

function bufferOf(view: ArrayBufferView): Buffer {
  if (view.buffer instanceof SharedArrayBuffer)
    throw new TypeError('the backend ffi-napi cannot pass shared memory');
  return Buffer.isBuffer(view) ? view : Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** The packages, with ffi-napi's own copy of ref. */
function load(from: string | undefined): Packages {
  try {
    const require = requireOf(from);
    const ffi = require('ffi-napi') as FfiNapi;
    const own = requireOf(require.resolve('ffi-napi'));
    const ref = requireFirst<RefNapi>(own, ['@2060.io/ref-napi', 'ref-napi']);
    const makeStruct = own('ref-struct-di') as (ref: RefNapi) => Packages['struct'];
    return { ffi, ref, struct: makeStruct(ref) };
  } catch (cause) {
    throw new ConfigurationError(
      'NATIVE_BACKEND_MISSING',
      `The native backend ffi-napi cannot be loaded (${describeThrown(cause).split('\n')[0]}). Install it: ${FFI_NAPI_HINT}`,
      { cause },
    );
  }
}

function requireFirst<T>(require: NodeJS.Require, names: readonly string[]): T {
  const name = names.find((candidate) => {
    try {
      require.resolve(candidate);
      return true;
    } catch {
      return false;
    }
  });
  return require(name ?? names[0]!) as T;
}
