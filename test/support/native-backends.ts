import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeBackend } from '../../src/native/backend/backend.js';
import { FfiNapiBackend } from '../../src/native/backend/ffi-napi-backend.js';
import { KoffiBackend } from '../../src/native/backend/koffi-backend.js';

/** A file from where ffi-napi is found, once `scripts/build-ffi-napi.mjs` has installed it. */
export const FFI_NAPI_FROM = fileURLToPath(
  new URL('../../node_modules/.cache/ffi-napi/package.json', import.meta.url),
);

/** Whether the packages are installed. What else keeps them from being loaded is an error. */
export const hasFfiNapi = existsSync(dirname(FFI_NAPI_FROM));
if (hasFfiNapi) createRequire(FFI_NAPI_FROM)('ffi-napi');
else console.warn('NOT RUN: ffi-napi is not built (node scripts/build-ffi-napi.mjs), its tests are skipped');

/** Every backend with its name, and whether it can be tried here. */
export function nativeBackends(): [name: string, backend: NativeBackend, isInstalled: boolean][] {
  return [
    ['koffi', new KoffiBackend(), true],
    ['ffi-napi', new FfiNapiBackend(FFI_NAPI_FROM), hasFfiNapi],
  ];
}
