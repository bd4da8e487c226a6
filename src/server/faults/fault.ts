import type { Duration } from '../../core/duration.js';

/** The purpose of a worker's request. A heartbeat is an update that only extends the lease of its task. */
export type FaultEndpoint = 'poll' | 'update' | 'heartbeat' | 'token';

/** The requests that a fault applies to: those that match all of these properties. */
export interface FaultMatch {
  /** The purpose of the request, regardless of its address. */
  readonly endpoint?: FaultEndpoint;
  /** For example `'POST'`. */
  readonly method?: string;
  /** The path after `/api`, without the query, such as `/metadata/taskdefs`, or a regular expression. */
  readonly path?: string | RegExp;
  /** The type of the task that the request is about. */
  readonly taskType?: string;
}

/** How often a fault happens. By default, every time. */
export interface FaultFrequency {
  /** Maximum number of times. */
  readonly times?: number;
  /** Share of the matching requests, above 0 and up to 1. */
  readonly probability?: number;
  /** The same seed selects the same requests again, in order of arrival. @defaultValue 1 */
  readonly seed?: number;
}

export interface FaultAnswer {
  /** HTTP status, 200 to 599. */
  readonly status: number;
  /** The `Retry-After` header: seconds, or an HTTP date. */
  readonly retryAfter?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. @defaultValue a Conductor error with this status */
  readonly body?: unknown;
}

/** What happens instead of, or in addition to, carrying out the request. */
export type FaultEffect =
  /** The server sends this response. With `takesEffect`, it carries out the request first. */
  | { readonly answer: FaultAnswer; readonly takesEffect?: boolean }
  /** The request waits this long, in real time, before it is carried out. */
  | { readonly delay: Duration }
  /** The connection is cut, before or after the request was carried out. */
  | { readonly drop: 'before' | 'after' }
  /** The server responds as if all went well, but does nothing: a lost heartbeat, a lost result, an empty poll. */
  | { readonly ignore: true }
  /** Each task handed out is handed out again with the next poll, whatever has become of it. */
  | { readonly twice: true }
  /** The token of the request expires: this request, and later ones with the same token, are answered with 401. */
  | { readonly expireToken: true };

export type FaultOptions = { readonly on?: FaultMatch } & FaultFrequency & FaultEffect;

/** An active fault. */
export interface Fault {
  /** How often it has happened. */
  readonly count: number;
  /** Removes the fault. Calling it again has no effect. */
  remove(): void;
}

/** A paused queue. */
export interface PausedQueue {
  /** Resumes handing out tasks. Calling it again has no effect. */
  resume(): void;
}

/** Fault injection for an embedded server. */
export interface Faults {
  /**
   * Adds a fault for all matching requests from now on. If several faults match a request, the one that was added first
   * applies.
   *
   * @throws ConfigurationError for unknown options, invalid values, and none or several of `answer`, `delay`, `drop`,
   *   `ignore`, `twice` and `expireToken`
   * @example
   * ```ts
   * const refused = server.faults.add({ on: { endpoint: 'update' }, times: 2, answer: { status: 503 } });
   * ```
   */
  add(fault: FaultOptions): Fault;
  /** Polls find nothing in the queues of this task type, in any domain. Tasks are queued as before. */
  pauseQueue(taskType: string): PausedQueue;
  /** Removes all faults and resumes all queues. */
  clear(): void;
}
