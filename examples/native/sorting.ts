/** A function of the C library that calls back into JavaScript. */
import { closeNativeLibrary, openNativeLibrary } from 'tutti/native';
import { Sorting } from './sorting.library.js';

const sorting = new Sorting();
openNativeLibrary(sorting);

const numbers = Int32Array.of(31, -4, 15, 92, -65);
sorting.sort(numbers, (a, b) => a - b);
console.log(`ascending  ${numbers.join(' ')}`);
sorting.sort(numbers, (a, b) => Math.abs(b) - Math.abs(a));
console.log(`by size    ${numbers.join(' ')}`);
try {
  sorting.sort(numbers, () => {
    throw new Error('these cannot be compared');
  });
} catch (error) {
  console.log(`thrown in the callback, caught here: ${(error as Error).message}`);
}
await closeNativeLibrary(sorting);
