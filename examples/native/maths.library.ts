import { NativeLibrary } from 'tutti/native';

/** The C library's mathematics, from a table as `ffi-napi` has it. */
@NativeLibrary(process.platform === 'darwin' ? 'libm.dylib' : 'libm.so.6', {
  functions: {
    cos: ['double', ['double']],
    pow: ['double', ['double', 'double']],
    hypotf: ['float', ['float', 'float']],
    lround: ['long', ['double']],
    // Where a table is not enough, names of parameters and directions stand in it as in a prototype.
    frexp: ['double', ['double', '_Out_ int *exponent']],
  },
})
export class Maths {
  declare readonly cos: (x: number) => number;
  declare readonly pow: (x: number, y: number) => number;
  declare readonly hypotf: (x: number, y: number) => number;
  declare readonly lround: (x: number) => number;
  declare readonly frexp: (x: number, exponent: number[]) => number;
}
