import { closeSync, openSync, readSync } from 'node:fs';

/** What the first bytes of a file say that it is. */
export interface LibraryFile {
  readonly format: 'ELF' | 'Mach-O' | 'PE' | 'linker script' | 'empty' | 'cut off' | 'unknown';
  /** As Node.js names them; several in a universal Mach-O file. */
  readonly architectures: readonly string[];
  /** Libraries that it needs, and folders in which it wants them looked for. Known of ELF files only. */
  readonly needed: readonly string[];
  readonly searchFolders: readonly string[];
}

const FORMAT_OF_PLATFORM: Readonly<Record<string, LibraryFile['format']>> = { darwin: 'Mach-O', win32: 'PE' };

/** The format of shared libraries on a platform. */
export function formatOf(platform: string): LibraryFile['format'] {
  return FORMAT_OF_PLATFORM[platform] ?? 'ELF';
}

/** e_machine → architecture, for either size of a word. */
const ELF_MACHINES = new Map([
  [0x03, 'ia32'],
  [0x28, 'arm'],
  [0x3e, 'x64'],
  [0xb7, 'arm64'],
  [0xf3, 'riscv64'],
  [0x15, 'ppc64'],
  [0x16, 's390x'],
  [0x102, 'loong64'],
]);
const MACH_CPUS = new Map([
  [0x01000007, 'x64'],
  [0x0100000c, 'arm64'],
  [7, 'ia32'],
  [12, 'arm'],
]);
const PE_MACHINES = new Map([
  [0x8664, 'x64'],
  [0xaa64, 'arm64'],
  [0x14c, 'ia32'],
]);

/** @param file - an existing file */
export function inspectLibrary(file: string): LibraryFile {
  const descriptor = openSync(file, 'r');
  try {
    return describe((offset, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset));
    });
  } finally {
    closeSync(descriptor);
  }
}

type Read = (offset: number, length: number) => Buffer;

/** @param read - bytes of the file; fewer where it ends */
export function describe(read: Read): LibraryFile {
  const head = read(0, 4096);
  const plain = (format: LibraryFile['format'], architectures: readonly string[] = []): LibraryFile => {
    return { format, architectures, needed: [], searchFolders: [] };
  };
  if (head.length === 0) return plain('empty');
  if (head.toString('latin1', 0, 4) === '\u007fELF') {
    if (head.length < 64) return plain('cut off');
    const isLittle = head[5] !== 2;
    const machine = isLittle ? head.readUInt16LE(18) : head.readUInt16BE(18);
    const architectures = [ELF_MACHINES.get(machine) ?? `machine 0x${machine.toString(16)}`];
    return { format: 'ELF', architectures, ...elfDependenciesIn(read, head, isLittle) };
  }
  if (head.length >= 8) {
    const magic = head.readUInt32BE(0);
    if (magic === 0xcffaedfe || magic === 0xcefaedfe) return plain('Mach-O', [cpuName(head.readUInt32LE(4))]);
    if (magic === 0xcafebabe) {
      const count = Math.min(head.readUInt32BE(4), 8);
      return plain(
        'Mach-O',
        Array.from({ length: count }, (_, i) => cpuName(head.readUInt32BE(8 + i * 20))),
      );
    }
  }
  if (head.length >= 0x40 && head.toString('latin1', 0, 2) === 'MZ') {
    const at = head.readUInt32LE(0x3c);
    const header = read(at, 6);
    if (header.toString('latin1', 0, 4) === 'PE\0\0') {
      const machine = header.readUInt16LE(4);
      return plain('PE', [PE_MACHINES.get(machine) ?? `machine 0x${machine.toString(16)}`]);
    }
  }
  return plain(/\b(?:GROUP|INPUT) *\(/.test(head.toString('latin1')) ? 'linker script' : 'unknown');
}

function cpuName(cpu: number): string {
  return MACH_CPUS.get(cpu) ?? `CPU 0x${cpu.toString(16)}`;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** Of a damaged file nothing is known. */
function elfDependenciesIn(...file: Parameters<typeof elfDependencies>): ReturnType<typeof elfDependencies> {
  try {
    return elfDependencies(...file);
  } catch {
    return { needed: [], searchFolders: [] };
  }
}

/** The dynamic section names what is needed by offsets into a string table. Only 64-bit files are looked into. */
function elfDependencies(
  read: Read,
  head: Buffer,
  isLittle: boolean,
): { needed: readonly string[]; searchFolders: readonly string[] } {
  const none = { needed: [], searchFolders: [] };
  if (head[4] !== 2) return none;
  const u64 = (bytes: Buffer, at: number): number =>
    Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  const u32 = (bytes: Buffer, at: number): number =>
    isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const u16 = (bytes: Buffer, at: number): number =>
    isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  const size = u16(head, 54);
  const table = read(u64(head, 32), Math.min(size * u16(head, 56), 65_536));
  const segments = Array.from({ length: size === 0 ? 0 : Math.floor(table.length / size) }, (_, i) => {
    const at = i * size;
    return {
      type: u32(table, at),
      offset: u64(table, at + 8),
      address: u64(table, at + 16),
      length: u64(table, at + 32),
    };
  });
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return none;
  const section = read(dynamic.offset, Math.min(dynamic.length, 65_536));
  const entries = Array.from({ length: Math.floor(section.length / 16) }, (_, i) => {
    return { tag: u64(section, i * 16), value: u64(section, i * 16 + 8) };
  });
  const strings = entries.find(({ tag }) => tag === DT_STRTAB)?.value ?? -1;
  const holder = segments.find(
    ({ type, address, length }) => type === PT_LOAD && strings >= address && strings < address + length,
  );
  if (holder === undefined) return none;
  const base = strings - holder.address + holder.offset;
  const text = (at: number): string => {
    const bytes = read(base + at, 4096);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
  };
  const values = (...tags: number[]): string[] =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => text(value));
  return {
    needed: values(DT_NEEDED),
    searchFolders: values(DT_RPATH, DT_RUNPATH).flatMap((list) => list.split(':')),
  };
}
