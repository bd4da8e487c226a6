import type { Duration } from '../../core/duration.js';

/** What the requests of workers are for. A heartbeat is an update that only extends the lease of its task. */
export type FaultEndpoint = 'poll' | 'update' | 'heartbeat' | 'token';

/** Which requests a fault is for: those that fit everything that is given here. */
export interface FaultMatch {
  /** What the request is for, whichever of several addresses it goes to. */
  readonly endpoint?: FaultEndpoint;
  /** Such as `'POST'`. */
  readonly method?: string;
  /** Below `/api`, without the query, such as `/metadata/taskdefs`; or a pattern for it. */
  readonly path?: string | RegExp;
  /** The type of the task that the request is about. */
  readonly taskType?: string;
}

/** How often a fault happens. Without any of these: each time. */
export interface FaultFrequency {
  /** At most so many times. */
  readonly times?: number;
  /** Share of the matching requests, above 0 and up to 1. */
  readonly probability?: number;
  /** The same seed picks the same requests again, counted in the order in which they come. @defaultValue 1 */
  readonly seed?: number;
}

export interface FaultAnswer {
  /** HTTP status, 200 to 599. */
  readonly status: number;
  /** Seconds, or a date as HTTP writes it: the header `Retry-After`. */
  readonly retryAfter?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. @defaultValue an error of Conductor with this status */
  readonly body?: unknown;
}

/** What happens instead of, or beside, what was asked for. */
export type FaultEffect =
  /** This is answered. With `takesEffect` the server does what was asked for first. */
  | { readonly answer: FaultAnswer; readonly takesEffect?: boolean }
  /** The request waits for so long, in real time, and is then carried out. */
  | { readonly delay: Duration }
  /** The connection is cut, before or after the server has done what was asked for. */
  | { readonly drop: 'before' | 'after' }
  /** It is answered as if all went well, and nothing is done: a lost heartbeat, a lost result, a poll that finds nothing. */
  | { readonly ignore: true }
  /** Each task that is handed out comes once more with the next poll, whatever has become of it. */
  | { readonly twice: true }
  /** The token that the request carries is over: this request is answered 401, and so are later ones with that token. */
  | { readonly expireToken: true };

export type FaultOptions = { readonly on?: FaultMatch } & FaultFrequency & FaultEffect;

/** A fault that was added. */
export interface Fault {
  /** How often it has happened. */
  readonly count: number;
  /** It happens no more. May be called again. */
  remove(): void;
}

/** A queue that hands nothing out. */
export interface PausedQueue {
  /** Hands out what waits, and what comes. May be called again. */
  resume(): void;
}

/** What a test can have go wrong on an embedded server. */
export interface Faults {
  /**
   * From now on this happens to the requests that match. Of several faults that match a request, the one that was added
   * first happens.
   *
   * @throws ConfigurationError for unknown options, wrong values, and none or several of `answer`, `delay`, `drop`,
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
