import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CALL_RECORD_SIZE, takeNativeCalls } from '../../../src/protocol/native-call-record.js';
import { asSecondUser, needsSecondUser } from '../../support/second-user.js';

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

it.each([
  ['control characters', '\u001b[2J evil\n'],
  ['a name without end', `${'x'.repeat(10_000)} y\n`],
  ['no function', 'libsum.so\n'],
])('%s instead of a name are not passed on', (_what, names) => {
  record({ 0: 1 }, names);
  expect(takeNativeCalls(file)).toBe('an unknown native function');
});

it('does not wait for somebody who writes into a pipe in its place', () => {
  execFileSync('mkfifo', [file]);
  expect(takeNativeCalls(file)).toBeUndefined();
  expect(existsSync(file)).toBe(false);
});

it('does not read a file of another size, nor what a link leads to', () => {
  record({ 0: 1 }, NAMES);
  truncateSync(file, 2 ** 42);
  expect(takeNativeCalls(file)).toBeUndefined();
  const other = join(folder, 'other');
  record({ 0: 1 }, NAMES);
  renameSync(file, other);
  symlinkSync(other, file);
  expect(takeNativeCalls(file)).toBeUndefined();
  expect(existsSync(other)).toBe(true);
  mkdirSync(file);
  expect(takeNativeCalls(file)).toBeUndefined();
});

it('does not believe a record of another user', (context) => {
  needsSecondUser(context);
  record({ 0: 1 }, NAMES);
  const planted = join(folder, 'planted');
  chmodSync(folder, 0o777);
  chmodSync(file, 0o644);
  asSecondUser(`cp ${file} ${planted}`);
  expect(takeNativeCalls(file)).toBe('libsum.so get_sum');
  expect(takeNativeCalls(planted)).toBeUndefined();
});
