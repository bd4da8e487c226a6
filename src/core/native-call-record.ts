import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A small file in which a worker process notes the native calls it is in, as memory of its own mapped onto the file: it
 * is there when the process is not. The layout: {@link CALL_CELLS} 32-bit integers, the first for the synchronous call,
 * the others for asynchronous ones, each 0 or the number of a line (from 1) of the text that follows:
 * `libsum.so get_sum`.
 */
export const CALL_CELLS = 128;
/** Bytes that are mapped; the text begins behind them. */
export const CALL_RECORD_SIZE = 4096;

/** @param incarnation - of the worker process */
export function nativeCallFile(incarnation: string): string {
  return join(tmpdir(), `tutti-native-calls-${incarnation}`);
}

/**
 * What native functions a dead process was in, e.g. `libsum.so get_sum`, and removes its file. `undefined` when it was
 * in none, or had no library open.
 */
export function takeNativeCalls(file: string): string | undefined {
  let content: Buffer;
  try {
    content = readFileSync(file);
    rmSync(file, { force: true });
  } catch {
    return undefined;
  }
  if (content.length < CALL_RECORD_SIZE) return undefined;
  const cells = new Int32Array(content.buffer.slice(content.byteOffset, content.byteOffset + CALL_CELLS * 4));
  const names = content.toString('utf8', CALL_RECORD_SIZE).split('\n');
  const nameOf = (cell: number): string => names[cell - 1] ?? 'an unknown native function';
  const [synchronous = 0, ...asynchronous] = cells;
  if (synchronous !== 0) return nameOf(synchronous);
  const running = new Set(asynchronous.filter((cell) => cell !== 0).map((cell) => nameOf(cell)));
  return running.size === 0 ? undefined : `${[...running].join(', ')} (asynchronously)`;
}
