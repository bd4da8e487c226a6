import { DURATION_EXPECTED, millisecondsOf, type Duration } from '../core/duration.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import { hostNames } from '../http/http-access.js';
import {
  either,
  findProblems,
  integer,
  oneOf,
  rules,
  throwProblems,
  type OptionRule,
} from '../core/options.js';
import { Clock, SystemClock } from './clock/clock.js';
import type { Retention } from './engine/store.js';
import type { Faults } from './faults/fault.js';
import type { PayloadLimits } from './model/payload-limits.js';
import type { HttpTargets } from './engine/system/http-task.js';

export interface EmbeddedServerOptions<C extends Clock = Clock> {
  /** TCP port; 0 takes a free one. @defaultValue 0 */
  readonly port?: number;
  /** Address to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string;
  /**
   * Names by which clients may call the server besides `localhost`, IP addresses and `host`, such as the name of a
   * container. Pages in browsers may send requests from these hosts too. @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /** Largest body of a request, in bytes; a larger one is answered 413. @defaultValue 16777216 */
  readonly maxBodyBytes?: number;
  /**
   * Largest inputs and outputs of workflows and tasks, in bytes. An input is part of a request: above 16 MB, raise
   * `maxBodyBytes` too. @defaultValue Conductor's: 10 MB each, and 256 KB for the variables of a workflow
   */
  readonly maxPayloadBytes?: Partial<PayloadLimits>;
  /**
   * Variables that expressions of workflows may read, by name; whoever can reach the server can read them.
   * `process.env`: all of them, as on the real server. @defaultValue those of the process that begin with `CONDUCTOR_ENV_`
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /**
   * Where HTTP tasks may send requests to: this machine only, anywhere, or the hosts named here (and this machine).
   * @defaultValue 'loopback'
   */
  readonly httpTargets?: HttpTargets;
  /**
   * Has the server ask for a token, as servers with access control do. `POST /token` gives one for the key; the key
   * itself is taken as a token too. @defaultValue everybody who can reach the server is let in
   */
  readonly auth?: ServerAuth;
  /** What tells the time. A {@link virtualClock} makes hours pass at once. @defaultValue the clock of the machine */
  readonly clock?: C;
  /** How many finished workflows are kept, and for how many milliseconds. @defaultValue 10000, a week */
  readonly retention?: Partial<Retention>;
  /**
   * Keeps everything in this file of SQLite, which is made when it does not exist: workflows go on after a restart, also after a
   * crash. Needs Node.js 22.13 or later, or the package `libsql`. One server at a time uses a file.
   * @defaultValue everything is in memory, and gone with the process
   */
  readonly file?: string;
}

/** Who is let in. */
export interface ServerAuth {
  /**
   * What clients have as their secret, with any key id: `CONDUCTOR_AUTH_SECRET`, `keySecret`. Taken as
   * `X-Authorization` and as `Authorization: Bearer` too.
   */
  readonly key: string;
  /** How long a token is valid, in real time. @defaultValue '1 hour' */
  readonly tokenLifetime?: Duration;
}

/** Options with their defaults; `environment`, `auth` and `file` have none that could be shown. */
export type ResolvedServerOptions<C extends Clock = Clock> = Required<
  Omit<EmbeddedServerOptions<C>, 'environment' | 'retention' | 'auth' | 'file'>
> &
  Pick<EmbeddedServerOptions, 'environment' | 'file'> & {
    readonly retention: Retention;
    readonly auth: Required<ServerAuth> | undefined;
  };

const DEFAULT_RETENTION: Retention = { finished: 10_000, age: 7 * 24 * 3_600_000 };

/** A workflow's largest input is 10 MB on the real server: that, and what is around it. */
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

/** A server that has been started. */
export interface RunningServer<C extends Clock = Clock> {
  /** What clients use as server address, such as `http://127.0.0.1:38117/api`. */
  readonly url: string;
  readonly port: number;
  /** What its workflows go by: the clock that it was given, or that of the machine. */
  readonly clock: C;
  /** What goes wrong on it, for tests. */
  readonly faults: Faults;
  /** Answers waiting polls with nothing, closes all connections, and resolves when that is done. May be called again. */
  close(): Promise<void>;
}

/** A server that is wanted. Making one has no effect; nothing is loaded or opened before {@link start}. */
export interface EmbeddedServerDescription<C extends Clock = Clock> {
  readonly options: Readonly<ResolvedServerOptions<C>>;
  /**
   * Starts a server: a new, empty one, or with what is in its `file`.
   *
   * @param logger - told once that this server is not for production; standard error when absent
   * @throws ConfigurationError when the port is taken or may not be used, or the `file` cannot be used
   */
  start(logger?: Logger): Promise<RunningServer<C>>;
}

const KNOWN: Record<keyof EmbeddedServerOptions, OptionRule> = {
  port: integer(0, 65_535),
  host: rules.string,
  allowedHosts: hostNames,
  maxBodyBytes: integer(1_024, 512 * 1024 * 1024),
  maxPayloadBytes: rules.object,
  environment: rules.object,
  auth: rules.object,
  httpTargets: either(oneOf('loopback', 'any'), hostNames),
  clock: {
    expected: 'a clock, such as virtualClock()',
    test: (value) => value instanceof Clock,
  },
  retention: rules.object,
  file: rules.string,
};

const AUTH: Record<keyof ServerAuth, OptionRule> = {
  key: rules.string,
  tokenLifetime: { expected: DURATION_EXPECTED, test: (value) => millisecondsOf(value) !== undefined },
};

const PAYLOADS: Record<keyof PayloadLimits, OptionRule> = {
  workflowInput: integer(1),
  workflowOutput: integer(1),
  taskInput: integer(1),
  taskOutput: integer(1),
  workflowVariables: integer(1),
};

const RETENTION: Record<keyof Retention, OptionRule> = { finished: integer(0), age: integer(0) };

/**
 * Describes a Conductor-compatible server inside this program, for development and tests: the REST API of
 * Conductor 3.32, workflows with every operator of its open-source edition, in memory or in a file.
 *
 * @example
 * ```ts
 * const orchestrator = await bootstrap({ workers: [GreetWorker], server: embeddedServer() });
 * ```
 * @throws ConfigurationError for unknown options and wrong values
 */
export function embeddedServer<C extends Clock = Clock>(
  options: EmbeddedServerOptions<C> = {},
): EmbeddedServerDescription<C> {
  throwProblems([
    ...findProblems('embeddedServer()', { ...options }, KNOWN),
    ...findProblems('embeddedServer({ maxPayloadBytes })', { ...options.maxPayloadBytes }, PAYLOADS),
    ...findProblems('embeddedServer({ retention })', { ...options.retention }, RETENTION),
    // A key that was forgotten must not open the server to everybody.
    ...(options.auth === undefined
      ? []
      : findProblems('embeddedServer({ auth })', { ...options.auth, key: options.auth.key ?? null }, AUTH)),
  ]);
  const resolved: ResolvedServerOptions<C> = {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    allowedHosts: options.allowedHosts ?? [],
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
    maxPayloadBytes: options.maxPayloadBytes ?? {},
    httpTargets: options.httpTargets ?? 'loopback',
    auth: options.auth === undefined ? undefined : { tokenLifetime: '1 hour', ...options.auth },
    retention: { ...DEFAULT_RETENTION, ...options.retention },
    // Without a clock there is nothing that could have made `C` another type.
    clock: options.clock ?? (new SystemClock() as unknown as C),
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  };
  return {
    options: resolved,
    start: async (logger = new ConsoleLogger()) => {
      // Worker processes hold this description too, and must not pay for a server that they never start.
      const { runServer } = await import('./server-runtime.js');
      return runServer(resolved, logger);
    },
  };
}
