/** `tutti/server`: a Conductor-compatible server inside the program, for development and tests. */
export { Clock } from './clock/clock.js';
export type { Duration } from '../core/duration.js';
export { embeddedServer } from './embedded-server.js';
export type {
  EmbeddedServerDescription,
  EmbeddedServerOptions,
  ResolvedServerOptions,
  RunningServer,
  ServerAuth,
} from './embedded-server.js';
export type {
  Fault,
  FaultAnswer,
  FaultEffect,
  FaultEndpoint,
  FaultFrequency,
  FaultMatch,
  FaultOptions,
  Faults,
  PausedQueue,
} from './faults/fault.js';
export type { PayloadLimits } from './model/payload-limits.js';
export type { Retention } from './engine/store.js';
export type { HttpTargets } from './engine/system/http-task.js';
export { VirtualClock, virtualClock } from './clock/virtual-clock.js';
export type { VirtualClockOptions } from './clock/virtual-clock.js';
