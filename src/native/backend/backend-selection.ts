import { ConfigurationError } from '../../core/errors.js';
import type { NativeBackend } from './backend.js';
import { FfiNapiBackend } from './ffi-napi-backend.js';
import { KoffiBackend } from './koffi-backend.js';
import type { NativeBackendName, NativeDefinition } from './native-definition.js';

const VARIABLE = 'TUTTI_NATIVE_BACKEND';

const backends: Readonly<Record<NativeBackendName, NativeBackend>> = {
  koffi: new KoffiBackend(),
  // Costs nothing until it is used: the package is loaded with the first library.
  'ffi-napi': new FfiNapiBackend(),
};

/** The backend of a library: the environment before the code. @throws ConfigurationError `CONFIG_INVALID` */
export function backendFor({ className, backend }: NativeDefinition, env: NodeJS.ProcessEnv): NativeBackend {
  const name = env[VARIABLE] || backend;
  if (name !== 'koffi' && name !== 'ffi-napi') {
    const message = `${className}: expected ${VARIABLE} to be "koffi" or "ffi-napi", got "${name}"`;
    throw new ConfigurationError('CONFIG_INVALID', message, { details: { variable: VARIABLE } });
  }
  return backends[name];
}
