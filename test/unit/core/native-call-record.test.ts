import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CALL_RECORD_SIZE, nativeCallFile, takeNativeCalls } from '../../../src/core/native-call-record.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-calls-'));
  file = join(folder, 'calls');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** @param cells - by their positions */
function record(cells: Record<number, number>, names: string): void {
  const head = Buffer.alloc(CALL_RECORD_SIZE);
  const integers = new Int32Array(head.buffer, head.byteOffset, 128);
  for (const [position, id] of Object.entries(cells)) integers[Number(position)] = id;
  writeFileSync(file, Buffer.concat([head, Buffer.from(names)]));
}

const NAMES = 'libsum.so get_sum\nlibtext.so text_upper\n';

it.each<[string, Record<number, number>, string | undefined]>([
  ['no call', {}, undefined],
  ['a synchronous call', { 0: 2 }, 'libtext.so text_upper'],
  ['an asynchronous call', { 5: 1 }, 'libsum.so get_sum (asynchronously)'],
  ['several', { 1: 1, 2: 2, 3: 1 }, 'libsum.so get_sum, libtext.so text_upper (asynchronously)'],
  ['the synchronous one is the likelier', { 0: 1, 3: 2 }, 'libsum.so get_sum'],
  ['a name that is missing', { 0: 9 }, 'an unknown native function'],
])('%s', (_, cells, expected) => {
  record(cells, NAMES);
  expect(takeNativeCalls(file)).toBe(expected);
  expect(existsSync(file)).toBe(false);
});

it('a file that is not there, or cut off, says nothing', () => {
  expect(takeNativeCalls(file)).toBeUndefined();
  writeFileSync(file, 'short');
  expect(takeNativeCalls(file)).toBeUndefined();
});

it('each start of a process has a file of its own', () => {
  expect(nativeCallFile('a')).not.toBe(nativeCallFile('b'));
});
