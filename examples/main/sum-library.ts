import { native, NativeLibrary } from 'tutti/native';

/** The C++ library that `npm run build:native` builds from `native/sum`. */
@NativeLibrary('sum')
export class SumLibrary {
  @native('int32_t get_sum(int32_t a, int32_t b)')
  readonly getSum!: (a: number, b: number) => number;
}
