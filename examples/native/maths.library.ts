import { NativeLibrary } from 'tutti/native';

/** The C library's maths functions, declared in a table like those of `ffi-napi`. */
@NativeLibrary(process.platform === 'darwin' ? 'libm.dylib' : 'libm.so.6', {
  functions: {
    cos: ['double', ['double']],
    pow: ['double', ['double', 'double']],
    hypotf: ['float', ['float', 'float']],
    lround: ['long', ['double']],
    // Where types are not enough, the table may contain parameter names and directions, as in a prototype.
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
