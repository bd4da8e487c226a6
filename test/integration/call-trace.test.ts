import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { CALL_RECORD_SIZE, takeNativeCalls } from '../../src/protocol/native-call-record.js';
import { mapNewFile } from '../../src/native/backend/koffi-backend.js';

const PAGE = 4096;
const disk = mkdtempSync(join(tmpdir(), 'tutti-disk-'));
/** Only root can have a disk that is nearly full. */
const isMounted =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${16 * PAGE}`, 'tmpfs', disk]).status === 0;
if (!isMounted)
  console.warn('NOT RUN: no file system can be mounted here, tests with a full disk are skipped');
afterAll(() => {
  // What is mapped stays mapped until the process ends.
  if (isMounted) spawnSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** Fills the disk but for so many pages. */
function leave(pages: number): void {
  rmSync(join(disk, 'filler'), { force: true });
  writeFileSync(join(disk, 'filler'), Buffer.alloc((statfsSync(disk).bavail - pages) * PAGE));
}

describe.skipIf(!isMounted)('with a full disk', () => {
  it('no memory is mapped that would end the process, and no file is left', () => {
    leave(0);
    const file = join(disk, 'map');
    let memory: ArrayBuffer | undefined;
    expect(() => {
      memory = mapNewFile(file, CALL_RECORD_SIZE);
    }).toThrow('ENOSPC');
    // Where it was mapped nevertheless, this would be the end.
    if (memory !== undefined) new Int32Array(memory)[0] = 1;
    expect(existsSync(file)).toBe(false);
  });

  it('native calls go on without a note', async () => {
    vi.resetModules();
    const { callTrace } = await import('../../src/native/call/call-trace.js');
    const { recordNativeCalls } = await import('../../src/protocol/native-call-record.js');
    leave(0);
    const file = join(disk, 'calls');
    recordNativeCalls(file);
    const { cells, idOf } = callTrace();
    cells[0] = idOf('libsum.so', 'get_sum');
    expect(takeNativeCalls(file)).toBeUndefined();
    cells[0] = 0;
  });

  it('functions that there was no room for are unknown', async () => {
    vi.resetModules();
    const { callTrace } = await import('../../src/native/call/call-trace.js');
    const { recordNativeCalls } = await import('../../src/protocol/native-call-record.js');
    leave(2);
    const file = join(disk, 'calls');
    recordNativeCalls(file);
    const { cells, idOf } = callTrace();
    const [first, second, third] = ['a'.repeat(PAGE - 100), 'b'.repeat(PAGE), 'c'].map((symbol) =>
      idOf('libsum.so', symbol),
    );
    expect([first, second, third]).toEqual([1, 2, 3]);
    cells[0] = third!;
    expect(takeNativeCalls(file)).toBe('an unknown native function');
    cells[0] = 0;
  });
});
