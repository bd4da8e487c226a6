import { describe, expect, it } from 'vitest';
import { describe as describeFile, formatOf } from '../../../../src/native/library/library-file.js';

const of = (bytes: Buffer) =>
  describeFile((offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + length)));

/** @param write - fills a header of 128 bytes */
function header(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(128);
  write(bytes);
  return bytes;
}

const elf = (machine: number, isLittle = true) =>
  header((bytes) => {
    bytes.write('\u007fELF', 'latin1');
    bytes[4] = 2;
    bytes[5] = isLittle ? 1 : 2;
    if (isLittle) bytes.writeUInt16LE(machine, 18);
    else bytes.writeUInt16BE(machine, 18);
  });

describe('what a file is', () => {
  it.each<[string, Buffer, string, string[]]>([
    ['ELF for x64', elf(0x3e), 'ELF', ['x64']],
    ['ELF for arm64', elf(0xb7), 'ELF', ['arm64']],
    ['ELF for s390x, big-endian', elf(0x16, false), 'ELF', ['s390x']],
    ['ELF for something else', elf(0x1234), 'ELF', ['machine 0x1234']],
    [
      'Mach-O for arm64',
      header((bytes) => {
        bytes.writeUInt32BE(0xcffaedfe);
        bytes.writeUInt32LE(0x0100000c, 4);
      }),
      'Mach-O',
      ['arm64'],
    ],
    [
      'universal Mach-O',
      header((bytes) => {
        bytes.writeUInt32BE(0xcafebabe);
        bytes.writeUInt32BE(2, 4);
        bytes.writeUInt32BE(0x01000007, 8);
        bytes.writeUInt32BE(0x0100000c, 28);
      }),
      'Mach-O',
      ['x64', 'arm64'],
    ],
    [
      'PE for arm64',
      header((bytes) => {
        bytes.write('MZ');
        bytes.writeUInt32LE(0x40, 0x3c);
        bytes.write('PE\0\0', 0x40);
        bytes.writeUInt16LE(0xaa64, 0x44);
      }),
      'PE',
      ['arm64'],
    ],
    ['an empty file', Buffer.alloc(0), 'empty', []],
    ['the beginning of an ELF file', elf(0x3e).subarray(0, 30), 'cut off', []],
    [
      'a text for the linker',
      Buffer.from('/* GNU ld script */ GROUP ( /lib/libm.so.6 )'),
      'linker script',
      [],
    ],
    ['a text', Buffer.from('MZ, but not what it seems'), 'unknown', []],
  ])('%s', (_, bytes, format, architectures) => {
    expect(of(bytes)).toEqual({ format, architectures, needed: [], searchFolders: [] });
  });

  it('a damaged ELF file is still one', () => {
    const bytes = elf(0x3e);
    bytes.fill(0xff, 32, 40);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(1, 56);
    const strict = describeFile((offset, length) => {
      if (!Number.isSafeInteger(offset)) throw new RangeError('no such place in a file');
      return bytes.subarray(offset, Math.min(bytes.length, offset + length));
    });
    expect(strict).toEqual({ format: 'ELF', architectures: ['x64'], needed: [], searchFolders: [] });
  });

  it('and what a platform loads', () => {
    expect(['linux', 'freebsd', 'darwin', 'win32'].map(formatOf)).toEqual(['ELF', 'ELF', 'Mach-O', 'PE']);
  });
});
