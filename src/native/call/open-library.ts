import { constants } from 'node:buffer';
import { basename } from 'node:path';
import { describeThrown, TuttiError } from '../../core/errors.js';
import { AsyncQueue, nativeCallQueue } from './async-queue.js';
import type { NativeBackend, NativeFunction, NativeHandle } from '../backend/backend.js';
import { marked, type CallMark } from './call-guard.js';
import { callTrace, traceAsync, type CallTrace } from './call-trace.js';
import { parseDeclaration, PrototypeProblem, tokenise } from '../c/c-declarator.js';
import { decode, viewOf, type CodecContext } from './memory-decoder.js';
import type { NativeDefinition } from '../backend/native-definition.js';
import { NativePointer, type PointerReader } from './native-pointer.js';
import { describeType, type Int64Mode, type NativeType } from '../c/native-types.js';
import { readPointer } from '../c/scalar-memory.js';
import type { SharedHandle } from './shared-handles.js';
import { layoutOf } from '../c/type-layout.js';

/** Libraries whose functions must not run at the same time, by their files: all instances in this process wait for each other. */
const serialQueues = new Map<string, AsyncQueue>();

/** A library as one of its functions sees it, with the form of 64-bit integers that the function declares. */
export interface CallScope extends CodecContext {
  readonly library: OpenLibrary;
}

/** A callback that ends with its library. */
interface OpenCallback {
  release(): void;
}

/** The library of one instance while it is open: its handles, callbacks and calls. */
export class OpenLibrary implements CodecContext, PointerReader {
  readonly className: string;
  readonly backend: NativeBackend;
  readonly int64: Int64Mode;
  readonly #definition: NativeDefinition;
  readonly #shared: SharedHandle;
  readonly #file: string;
  readonly #trace: CallTrace;
  readonly #serial: AsyncQueue | undefined;
  readonly #freeFunctions = new Map<string, NativeFunction>();
  /** Handles that the library has given out, oldest first. */
  readonly #handles = new Map<string, NativePointer>();
  readonly #callbacks = new Set<OpenCallback>();
  #calls = 0;
  #onIdle: (() => void)[] = [];
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(
    definition: NativeDefinition,
    parts: { backend: NativeBackend; shared: SharedHandle; file: string },
  ) {
    this.#definition = definition;
    this.className = definition.className;
    this.int64 = definition.int64;
    this.backend = parts.backend;
    this.#shared = parts.shared;
    this.#file = parts.file;
    this.#trace = callTrace();
    if (definition.serial) {
      this.#serial = serialQueues.get(parts.file) ?? new AsyncQueue(1);
      serialQueues.set(parts.file, this.#serial);
    }
  }

  get memory(): NativeBackend {
    return this.backend;
  }

  get native(): NativeHandle {
    return this.#shared.native;
  }

  /** Whether an asynchronous call is running or waiting, on a library that takes one call at a time. */
  get isBusy(): boolean {
    return this.#serial !== undefined && this.#serial.running > 0;
  }

  get isSerial(): boolean {
    return this.#serial !== undefined;
  }

  scope(mode: Int64Mode = this.int64): CallScope {
    return {
      library: this,
      memory: this.backend,
      int64: mode,
      pointer: (address, to) => this.pointer(address, to),
    };
  }

  /** How a call of `symbol` is noted while it runs. */
  mark(symbol: string): CallMark {
    return { cells: this.#trace.cells, id: this.#trace.idOf(basename(this.#file), symbol) };
  }

  /** @throws TuttiError `ILLEGAL_STATE` from the beginning of closing on */
  requireOpen(label: string): void {
    if (this.#state !== 'open') {
      throw new TuttiError('ILLEGAL_STATE', `${label} was called while its native library was being closed`, {
        details: { subject: label, from: this.#state, to: 'called' },
      });
    }
  }

  /** Runs an asynchronous call when its turn has come. Closing waits for it. */
  async runAsync<T>(mark: CallMark, start: () => Promise<T>): Promise<T> {
    this.#calls++;
    const traced = async (): Promise<T> => {
      const done = traceAsync(mark);
      try {
        return await start();
      } finally {
        done();
      }
    };
    const queued = (): Promise<T> => nativeCallQueue.run(traced);
    try {
      return await (this.#serial === undefined ? queued() : this.#serial.run(queued));
    } finally {
      this.#calls--;
      if (this.#calls === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  /** The object for an address; a handle that is closed by the library's own function is the same object each time. */
  pointer(address: bigint, to: NativeType): NativePointer {
    const isHandle = typeof to === 'object' && to.kind === 'opaque' && this.#definition.handles.has(to.name);
    const pointer = new NativePointer(address, to, this);
    if (!isHandle) return pointer;
    const known = this.#handles.get(handleKey(pointer));
    if (known !== undefined) return known;
    this.#handles.set(handleKey(pointer), pointer);
    return pointer;
  }

  /** Whether a function of the library closes handles. */
  isClosedBy(symbol: string): boolean {
    return [...this.#definition.handles.values()].includes(symbol);
  }

  /** A handle is about to be given to the function that closes it. */
  forget(pointer: NativePointer, pins: number): void {
    const key = handleKey(pointer);
    pointer.close(pins);
    this.#handles.delete(key);
  }

  /** Copies what a pointer in `view` points to, and has the library free it. */
  takeOwned(type: NativeType, view: DataView, freedBy: string, scope: CodecContext): unknown {
    const address = readPointer(view, 0);
    if (address === 0n) return null;
    try {
      if (typeof type === 'object' && type.kind === 'pointer') {
        return type.text === undefined
          ? this.read(address, type.to, undefined, scope)
          : this.backend.text(address, type.text);
      }
      return this.backend.text(address, type === 'string16' ? 'utf16' : 'utf8');
    } finally {
      this.#free(freedBy)(address);
    }
  }

  read(address: bigint, type: NativeType, count: number | undefined, scope: CodecContext = this): unknown {
    const { size } = layoutOf(type);
    const length = size * (count ?? 1);
    if (length > constants.MAX_LENGTH) {
      const what = count === undefined ? describeType(type) : `${count} × ${describeType(type)}`;
      const message = `${this.className}: ${what} takes ${length} bytes, at most ${constants.MAX_LENGTH} can be read`;
      throw new TuttiError('NATIVE_SIGNATURE', message, { details: { type: describeType(type) } });
    }
    const view = viewOf(this.backend.read(address, length));
    if (count === undefined) return decode(type, view, 0, scope);
    return Array.from({ length: count }, (_, i) => decode(type, view, i * size, scope));
  }

  bytes(address: bigint, length: number): Buffer {
    return this.backend.bytes(address, length);
  }

  text(address: bigint): string {
    return this.backend.text(address, 'utf8');
  }

  parseType(text: string): NativeType {
    try {
      const context = { types: this.#definition.types, model: undefined };
      return parseDeclaration(tokenise(text), 'the type', context)[0]!.type;
    } catch (error) {
      if (!(error instanceof PrototypeProblem)) throw error;
      throw new TuttiError('NATIVE_SIGNATURE', `${this.className}: "${text}": ${error.message}`, {
        cause: error,
      });
    }
  }

  addCallback(callback: OpenCallback): void {
    this.#callbacks.add(callback);
  }

  removeCallback(callback: OpenCallback): void {
    this.#callbacks.delete(callback);
  }

  /**
   * @param disarm - makes the functions of the library throw: called when no call is under way any more
   * @returns a promise while asynchronous calls are under way, else nothing
   */
  close(disarm: () => void): Promise<void> | void {
    this.#state = 'closing';
    if (this.#calls === 0) return this.#closeNow(disarm);
    return new Promise<void>((resolve) => this.#onIdle.push(resolve)).then(() => this.#closeNow(disarm));
  }

  #closeNow(disarm: () => void): void {
    disarm();
    // The youngest first: a statement before its database.
    const problems: string[] = [];
    for (const pointer of [...this.#handles.values()].reverse()) {
      const closer = this.#definition.handles.get(pointer.type)!;
      const { address } = pointer;
      try {
        pointer.close();
        this.#free(closer)(address);
      } catch (error) {
        problems.push(`${closer}: ${describeThrown(error)}`);
      }
    }
    this.#handles.clear();
    this.#state = 'closed';
    for (const callback of this.#callbacks) callback.release();
    this.#shared.release();
    if (problems.length > 0) {
      throw new TuttiError(
        'ILLEGAL_STATE',
        `${this.className}: closing handles failed: ${problems.join('; ')}`,
      );
    }
  }

  #free(symbol: string): NativeFunction {
    let free = this.#freeFunctions.get(symbol);
    if (free === undefined) {
      const native = this.native.func({ symbol, result: 'void', parameters: ['pointer'] });
      const mark = this.mark(symbol);
      free = (address) => marked(mark, () => native(address));
      this.#freeFunctions.set(symbol, free);
    }
    return free;
  }
}

/** A struct and its first member are at one address. */
function handleKey({ type, address }: NativePointer): string {
  return `${type} ${address}`;
}
