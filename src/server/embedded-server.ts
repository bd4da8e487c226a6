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
  /** TCP port; 0 picks a free one. @defaultValue 0 */
  readonly port?: number;
  /** Address to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string;
  /**
   * More host names under which clients may call the server, in addition to `localhost`, IP addresses and `host`: the name
   * of a container, for example. Pages from these hosts may send requests too. @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /** Largest request body in bytes; larger ones are answered with 413. @defaultValue 16777216 */
  readonly maxBodyBytes?: number;
  /**
   * Largest inputs and outputs of workflows and tasks, in bytes. An input is part of a request: above 16 MB, raise
   * `maxBodyBytes` too. @defaultValue Conductor's: 10 MB each, and 256 KB for the variables of a workflow
   */
  readonly maxPayloadBytes?: Partial<PayloadLimits>;
  /**
   * Variables that workflow expressions may read, by name. Everyone who can reach the server can read them. Pass
   * `process.env` to allow all, as a real server does. @defaultValue the process's variables that begin with `CONDUCTOR_ENV_`
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /**
   * Hosts that HTTP tasks may call: this machine only, any host, or this machine and the listed hosts.
   * @defaultValue 'loopback'
   */
  readonly httpTargets?: HttpTargets;
  /**
   * Requires a token, as servers with access control do. `POST /token` issues one for the key; the key itself is accepted
   * as a token too. @defaultValue everyone who can reach the server has access
   */
  readonly auth?: ServerAuth;
  /** The clock for workflows. A {@link virtualClock} lets hours pass at once. @defaultValue the system clock */
  readonly clock?: C;
  /** How many finished workflows are kept, and for how many milliseconds. @defaultValue 10000, one week */
  readonly retention?: Partial<Retention>;
  /**
   * An SQLite file that stores everything, so that workflows continue after a restart or a crash. It is created if it
   * doesn't exist. Needs Node.js 22.13 or later, or the package `libsql`. Only one server at a time can use a file.
   * @defaultValue everything is kept in memory, and lost when the process ends
   */
  readonly file?: string;
}

/** Access control of an embedded server. */
export interface ServerAuth {
  /**
   * The secret that clients use, with any key id: `CONDUCTOR_AUTH_SECRET`, `keySecret`. Also accepted as
   * `X-Authorization` and as `Authorization: Bearer`.
   */
  readonly key: string;
  /** How long a token is valid, in real time. @defaultValue '1 hour' */
  readonly tokenLifetime?: Duration;
}

/** Options with their defaults, except for `environment`, `auth` and `file`. */
export type ResolvedServerOptions<C extends Clock = Clock> = Required<
  Omit<EmbeddedServerOptions<C>, 'environment' | 'retention' | 'auth' | 'file'>
> &
  Pick<EmbeddedServerOptions, 'environment' | 'file'> & {
    readonly retention: Retention;
    readonly auth: Required<ServerAuth> | undefined;
  };

const DEFAULT_RETENTION: Retention = { finished: 10_000, age: 7 * 24 * 3_600_000 };

/** The largest workflow input of a real server is 10 MB: this leaves room for the rest of the request. */
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

/** A running server. */
export interface RunningServer<C extends Clock = Clock> {
  /** The server address for clients, such as `http://127.0.0.1:38117/api`. */
  readonly url: string;
  readonly port: number;
  /** The clock for its workflows: the one from the options, or the system clock. */
  readonly clock: C;
  /** Fault injection, for tests. */
  readonly faults: Faults;
  /** Answers waiting polls without tasks, closes all connections, and resolves when done. Calling it again has no effect. */
  close(): Promise<void>;
}

/** The description of a server. Creating one has no effect: nothing is loaded or opened before {@link start}. */
export interface EmbeddedServerDescription<C extends Clock = Clock> {
  readonly options: Readonly<ResolvedServerOptions<C>>;
  /**
   * Starts a server: a new, empty one, or one with the contents of its `file`.
   *
   * @param logger - receives a warning that this server is not for production; default: standard error
   * @throws ConfigurationError if the port is in use or not allowed, or the `file` cannot be used
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
 * @throws ConfigurationError for unknown options and invalid values
 */
export function embeddedServer<C extends Clock = Clock>(
  options: EmbeddedServerOptions<C> = {},
): EmbeddedServerDescription<C> {
  throwProblems([
    ...findProblems('embeddedServer()', { ...options }, KNOWN),
    ...findProblems('embeddedServer({ maxPayloadBytes })', { ...options.maxPayloadBytes }, PAYLOADS),
    ...findProblems('embeddedServer({ retention })', { ...options.retention }, RETENTION),
    // A forgotten key must not open the server to everybody.
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
    // Without a clock, `C` can only be its default.
    clock: options.clock ?? (new SystemClock() as unknown as C),
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  };
  return {
    options: resolved,
    start: async (logger = new ConsoleLogger()) => {
      // Worker processes have this description too, and must not load a server that they never start.
      const { runServer } = await import('./server-runtime.js');
      return runServer(resolved, logger);
    },
  };
}
