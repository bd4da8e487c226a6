/** `tutti/server`: a Conductor-compatible server inside the program, for development and tests. */
export { embeddedServer } from './embedded-server.js';
export type { EmbeddedServerDescription, EmbeddedServerOptions, RunningServer } from './embedded-server.js';
