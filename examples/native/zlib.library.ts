import { native, NativeLibrary } from 'tutti/native';

/** zlib, which every Linux and macOS has. The width of `unsigned long` depends on the platform. */
@NativeLibrary(process.platform === 'darwin' ? 'libz.dylib' : 'libz.so.1')
export class Zlib {
  @native('const char *zlibVersion(void)') readonly version!: () => string;

  @native('unsigned long crc32(unsigned long crc, const uint8_t *bytes, unsigned int length)')
  readonly crc32!: (crc: number, bytes: Uint8Array, length: number) => number;

  @native('unsigned long compressBound(unsigned long length)')
  readonly compressBound!: (length: number) => number;

  // The buffers are used in place, without a copy. The length is returned through the pointer.
  @native(
    'int compress2(uint8_t *target, _Inout_ unsigned long *targetLength, const uint8_t *source, unsigned long length, int level)',
    { async: true },
  )
  readonly compress2!: (
    target: Uint8Array,
    targetLength: [number],
    source: Uint8Array,
    length: number,
    level: number,
  ) => Promise<number>;

  @native(
    'int uncompress(uint8_t *target, _Inout_ unsigned long *targetLength, const uint8_t *source, unsigned long length)',
    { async: true },
  )
  readonly uncompress!: (
    target: Uint8Array,
    targetLength: [number],
    source: Uint8Array,
    length: number,
  ) => Promise<number>;

  /** Compresses the bytes off the event loop. */
  async compress(source: Uint8Array, level = 6): Promise<Buffer> {
    const target = Buffer.alloc(this.compressBound(source.length));
    const length: [number] = [target.length];
    const code = await this.compress2(target, length, source, source.length, level);
    if (code !== 0) throw new Error(`zlib: compress2 returned ${code}`);
    return target.subarray(0, length[0]);
  }

  /** @param size - of the uncompressed bytes */
  async decompress(source: Uint8Array, size: number): Promise<Buffer> {
    const target = Buffer.alloc(size);
    const length: [number] = [size];
    const code = await this.uncompress(target, length, source, source.length);
    if (code !== 0) throw new Error(`zlib: uncompress returned ${code}`);
    return target.subarray(0, length[0]);
  }
}
