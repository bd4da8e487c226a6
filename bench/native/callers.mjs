// The ways to call `int32_t get_sum(int32_t, int32_t)` that are compared; each is made in a process of its own.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const PROTOTYPE = 'int32_t get_sum(int32_t a, int32_t b)';
const FFI_NAPI = fileURLToPath(new URL('../../node_modules/.cache/ffi-napi/package.json', import.meta.url));

async function service(library, { backend, mapsTrace = false }) {
  const { native, NativeLibrary } = await import('../../dist/native/index.js');
  const { openNativeLibrary } = await import('../../dist/native/native-activation.js');
  if (mapsTrace) {
    const { recordNativeCalls } = await import('../../dist/protocol/native-call-record.js');
    recordNativeCalls(mapsTrace);
  }
  // oxlint-disable-next-line typescript/no-extraneous-class -- the decorators fill it
  class Sum {}
  native(PROTOTYPE)(Sum.prototype, 'getSum');
  native(PROTOTYPE, { async: true })(Sum.prototype, 'getSumAsync');
  NativeLibrary(library)(Sum);
  const instance = new Sum();
  openNativeLibrary(instance, backend === undefined ? {} : { backend });
  return { sync: instance.getSum, async: instance.getSumAsync };
}

export const CALLERS = {
  javascript: () => ({ sync: (a, b) => (a + b) | 0, async: async (a, b) => (a + b) | 0 }),
  addon: (_library, { addon }) => {
    const { getSum, getSumAsync } = require(addon);
    return { sync: getSum, async: getSumAsync };
  },
  'bare koffi': (library) => {
    const getSum = require('koffi').load(library).func(PROTOTYPE);
    return {
      sync: getSum,
      async: (a, b) =>
        new Promise((resolve, reject) =>
          getSum.async(a, b, (error, value) => (error ? reject(error) : resolve(value))),
        ),
    };
  },
  // As in a worker process: with the file that tells of a crash in which function it was.
  'service (koffi)': (library, { trace }) => service(library, { mapsTrace: trace }),
  'bare ffi-napi': (library) => {
    const { get_sum: getSum } = createRequire(FFI_NAPI)('ffi-napi').Library(library, {
      get_sum: ['int', ['int', 'int']],
    });
    return {
      sync: getSum,
      async: (a, b) =>
        new Promise((resolve, reject) =>
          getSum.async(a, b, (error, value) => (error ? reject(error) : resolve(value))),
        ),
    };
  },
  'service (ffi-napi)': async (library, { trace }) => {
    const { FfiNapiBackend } = await import('../../dist/native/backend/ffi-napi-backend.js');
    return service(library, { backend: new FfiNapiBackend(FFI_NAPI), mapsTrace: trace });
  },
};
