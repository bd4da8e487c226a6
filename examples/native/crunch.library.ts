import { native, NativeLibrary } from 'tutti/native';

/** `native/crunch/crunch.cpp`. */
@NativeLibrary('crunch', { int64: 'number' })
export class CrunchLibrary {
  @native(
    'int64_t crunch_primes(int64_t limit, const volatile int32_t *cancel, void (*progress)(double share))',
    {
      async: true,
    },
  )
  readonly primes!: (
    limit: number,
    cancel: Int32Array | null,
    progress: ((share: number) => void) | null,
  ) => Promise<number>;
}
