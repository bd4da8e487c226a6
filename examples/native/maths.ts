/** The mathematics of the C library, declared by a table. */
import { closeNativeLibrary, openNativeLibrary } from 'tutti/native';
import { Maths } from './maths.library.js';

const maths = new Maths();
openNativeLibrary(maths); // what a container does by itself

const exponent: number[] = [];
const mantissa = maths.frexp(20, exponent);
console.log(`cos(0) = ${maths.cos(0)}, 2^10 = ${maths.pow(2, 10)}, |(3, 4)| = ${maths.hypotf(3, 4)}`);
console.log(`20 = ${mantissa} × 2^${exponent[0]}, 2.5 is rounded to ${maths.lround(2.5)}`);
await closeNativeLibrary(maths);
