import { TuttiError } from '../../src/core/errors.js';
import { closeNativeLibrary, openNativeLibrary } from '../../src/native/native-activation.js';

/** What the loaders of Linux, macOS and Windows say of a file that they do not find. */
const NOT_FOUND = /no such file|image not found|module could not be found/i;

/** Whether an error says that the library of a class is not on this machine. */
export function isNotFound(error: unknown): boolean {
  return TuttiError.is(error, 'NATIVE_LIBRARY_MISSING') && NOT_FOUND.test(String(error.cause));
}

/**
 * Whether this machine has the library of a class; where it has not, that is printed.
 *
 * @throws whatever else keeps the library from being opened
 */
export function hasSystemLibrary(library: new () => object): boolean {
  const instance = new library();
  try {
    openNativeLibrary(instance);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    console.warn(`NOT RUN: the library of ${library.name} is not on this machine: ${String(error)}`);
    return false;
  }
  void closeNativeLibrary(instance);
  return true;
}
