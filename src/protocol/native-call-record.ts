import { rmSync } from 'node:fs';
import { shared } from '../core/shared.js';
import { readPrivateFileSync } from '../os/private-files.js';

/**
 * A small file in which a worker process notes the native calls it is in, as memory of its own mapped onto the file: it
 * is there when the process is not. The layout: {@link CALL_CELLS} 32-bit integers, the first for the synchronous call,
 * the others for asynchronous ones, each 0 or the number of a line (from 1) of the text that follows:
 * `libsum.so get_sum`.
 */
export const CALL_CELLS = 128;
/** Bytes that are mapped; the text begins behind them. */
export const CALL_RECORD_SIZE = 4096;

const record = shared('native-call-record', () => ({ file: undefined as string | undefined }));

/**
 * From the next library on, the native calls of this process are noted in `file`, so that whoever finds the process dead
 * can tell what it was doing. Without effect on Windows. It is said here, since most processes call no native code and
 * load none of it.
 */
export function recordNativeCalls(file: string): void {
  record.file = file;
}

/** The file to note native calls in, `undefined` where none are to be noted. The first to ask gets it. */
export function takeNativeCallsFile(): string | undefined {
  const { file } = record;
  record.file = undefined;
  return file;
}

/** Thousands of functions fit in; a larger file is not a record. */
const MAX_RECORD_BYTES = 1024 * 1024;
/** What {@link CALL_RECORD_SIZE} is followed by, line by line: names that a linker takes. */
const LIBRARY_AND_FUNCTION = /^[^\p{C}]{1,200} [\w$.@]{1,200}$/u;

/**
 * What native functions a dead process was in, e.g. `libsum.so get_sum`, and removes its file. `undefined` when it was
 * in none, or had no library open. A file that is not a record of this user says nothing.
 */
export function takeNativeCalls(file: string): string | undefined {
  let content: Buffer;
  try {
    content = readPrivateFileSync(file, MAX_RECORD_BYTES);
  } catch {
    return undefined;
  } finally {
    removeFile(file);
  }
  if (content.length < CALL_RECORD_SIZE) return undefined;
  const cells = new Int32Array(content.buffer.slice(content.byteOffset, content.byteOffset + CALL_CELLS * 4));
  const names = content.toString('utf8', CALL_RECORD_SIZE).split('\n');
  const nameOf = (cell: number): string => {
    const name = names[cell - 1] ?? '';
    return LIBRARY_AND_FUNCTION.test(name) ? name : 'an unknown native function';
  };
  const [synchronous = 0, ...asynchronous] = cells;
  if (synchronous !== 0) return nameOf(synchronous);
  const running = new Set(asynchronous.filter((cell) => cell !== 0).map((cell) => nameOf(cell)));
  return running.size === 0 ? undefined : `${[...running].join(', ')} (asynchronously)`;
}

function removeFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // A folder, say, or one that is gone: it goes with the folder of the run.
  }
}
