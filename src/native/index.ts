/** `tutti/native`: libraries in C and C++ as services. A backend is loaded when the first library is opened. */
export type { FfiType } from './backend/ffi-napi-types.js';
export type { NativeBackendName } from './backend/native-definition.js';
export type { Int64Mode, NativeFunctionOptions } from './c/native-types.js';
export { cancellationFlag } from './call/cancellation-flag.js';
export { ffi } from './call/ffi-library.js';
export type { Ffi, FfiFunctionTable, FfiLibraryFactory, FfiLibraryFunction } from './call/ffi-library.js';
export { NativeCallback } from './call/native-callback.js';
export type { WithErrno } from './call/native-call.js';
export { NativePointer } from './call/native-pointer.js';
export type {
  NativeFunctionTable,
  NativeLibraryOptions,
  NativeTableType,
} from './library/library-definition.js';
export {
  closeNativeLibrary,
  isNativeLibrary,
  nativeCallback,
  openNativeLibrary,
} from './native-activation.js';
export { native, NativeLibrary } from './native-library.decorator.js';
