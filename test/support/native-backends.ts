import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { NativeBackend } from '../../src/native/backend.js';
import { FfiNapiBackend } from '../../src/native/ffi-napi-backend.js';
import { KoffiBackend } from '../../src/native/koffi-backend.js';

/** A file from where ffi-napi is found, once `scripts/build-ffi-napi.mjs` has installed it. */
export const FFI_NAPI_FROM = fileURLToPath(
  new URL('../../node_modules/.cache/ffi-napi/package.json', import.meta.url),
);

/** Whether it is there; when it is not, that is printed. */
export function hasFfiNapi(): boolean {
  try {
    createRequire(FFI_NAPI_FROM)('ffi-napi');
    return true;
  } catch {
    console.warn('NOT RUN: ffi-napi is not built (node scripts/build-ffi-napi.mjs), its tests are skipped');
    return false;
  }
}

/** Every backend that can be tried here, with its name. */
export function nativeBackends(): [name: string, backend: NativeBackend][] {
  const koffi: [string, NativeBackend] = ['koffi', new KoffiBackend()];
  return hasFfiNapi() ? [koffi, ['ffi-napi', new FfiNapiBackend(FFI_NAPI_FROM)]] : [koffi];
}
