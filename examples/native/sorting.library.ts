import { native, NativeLibrary, type NativePointer } from 'tutti/native';

type Compare = (a: NativePointer, b: NativePointer) => number;

@NativeLibrary(process.platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6')
export class Sorting {
  @native(
    'void qsort(void *items, size_t count, size_t size, int (*compare)(const int32_t *, const int32_t *))',
  )
  private readonly qsort!: (items: Int32Array, count: number, size: number, compare: Compare) => void;

  /** Sorts in place: C moves the numbers, JavaScript compares them. */
  sort(items: Int32Array, compare: (a: number, b: number) => number): void {
    const read = (pointer: NativePointer) => pointer.read() as number;
    this.qsort(items, items.length, items.BYTES_PER_ELEMENT, (a, b) => compare(read(a), read(b)));
  }
}
