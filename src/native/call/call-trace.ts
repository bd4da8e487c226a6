import { appendFileSync, rmSync } from 'node:fs';
import { CALL_CELLS, CALL_RECORD_SIZE, takeNativeCallsFile } from '../../protocol/native-call-record.js';
import type { CallMark } from './call-guard.js';
import { mapNewFile } from '../backend/koffi-backend.js';

/**
 * Where the native calls under way are noted. Noting one is writing an integer: a system call for each would cost ten
 * times as much as the calls themselves.
 */
export interface CallTrace {
  /** See {@link CALL_CELLS}. */
  readonly cells: Int32Array;
  /** The number of a function, to be written into a cell while it runs. */
  idOf(library: string, symbol: string): number;
}

let current: CallTrace = untraced();

export function callTrace(): CallTrace {
  const path = takeNativeCallsFile();
  if (path !== undefined) {
    const memory = mapOrGoWithout(path);
    // A process that ends by itself leaves nothing behind; of any other its orchestrator takes the file.
    process.once('exit', () => {
      if (current.cells.every((cell) => cell === 0)) rmSync(path, { force: true });
    });
    if (memory !== undefined) current = traceIn(path, new Int32Array(memory, 0, CALL_CELLS));
  }
  return current;
}

/** A folder that cannot be written to must not keep a library from being opened. */
function mapOrGoWithout(path: string): ArrayBuffer | undefined {
  try {
    return mapNewFile(path, CALL_RECORD_SIZE);
  } catch {
    return undefined;
  }
}

function traceIn(path: string, cells: Int32Array): CallTrace {
  const ids = new Map<string, number>();
  // From then on functions have numbers without a line.
  let isFull = false;
  return {
    cells,
    idOf(library, symbol) {
      const name = `${library} ${symbol}`;
      let id = ids.get(name);
      if (id === undefined) {
        ids.set(name, (id = ids.size + 1));
        if (!isFull) isFull = !append(path, `${name}\n`);
      }
      return id;
    },
  };
}

/** A disk without room must not keep a library from being opened, either. */
function append(path: string, line: string): boolean {
  try {
    appendFileSync(path, line);
    return true;
  } catch {
    return false;
  }
}

function untraced(): CallTrace {
  return { cells: new Int32Array(CALL_CELLS), idOf: () => 1 };
}

/** Notes an asynchronous call. @returns what to do when it is done */
export function traceAsync({ cells, id }: CallMark): () => void {
  const cell = cells.indexOf(0, 1);
  if (cell === -1) return () => undefined;
  cells[cell] = id;
  return () => {
    cells[cell] = 0;
  };
}
