import { ConsoleLogger, type Logger } from '../core/logger.js';
import { hostNames } from '../core/http-access.js';
import { findProblems, integer, rules, throwProblems, type OptionRule } from '../core/options.js';

export interface EmbeddedServerOptions {
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
   * Variables that expressions of workflows may read, by name; whoever can reach the server can read them.
   * `process.env`: all of them, as on the real server. @defaultValue those of the process that begin with `CONDUCTOR_ENV_`
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Options with their defaults; `environment` has none that could be shown. */
export type ResolvedServerOptions = Required<Omit<EmbeddedServerOptions, 'environment'>> &
  Pick<EmbeddedServerOptions, 'environment'>;

/** A workflow's largest input is 10 MB on the real server: that, and what is around it. */
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

/** A server that has been started. */
export interface RunningServer {
  /** What clients use as server address, such as `http://127.0.0.1:38117/api`. */
  readonly url: string;
  readonly port: number;
  /** Answers waiting polls with nothing, closes all connections, and resolves when that is done. May be called again. */
  close(): Promise<void>;
}

/** A server that is wanted. Making one has no effect; nothing is loaded or opened before {@link start}. */
export interface EmbeddedServerDescription {
  readonly options: Readonly<ResolvedServerOptions>;
  /**
   * Starts a new, empty server.
   *
   * @param logger - told once that this server is not for production; standard error when absent
   * @throws ConfigurationError when the port is taken or may not be used
   */
  start(logger?: Logger): Promise<RunningServer>;
}

const KNOWN: Record<keyof EmbeddedServerOptions, OptionRule> = {
  port: integer(0, 65_535),
  host: rules.string,
  allowedHosts: hostNames,
  maxBodyBytes: integer(1_024, 512 * 1024 * 1024),
  environment: rules.object,
};

/**
 * Describes a Conductor-compatible server inside this program, for development and tests: the REST API of
 * Conductor 3.32, workflows of worker tasks in sequence, everything in memory.
 *
 * @example
 * ```ts
 * const orchestrator = await bootstrap({ workers: [GreetWorker], server: embeddedServer() });
 * ```
 * @throws ConfigurationError for unknown options and wrong values
 */
export function embeddedServer(options: EmbeddedServerOptions = {}): EmbeddedServerDescription {
  throwProblems(findProblems('embeddedServer()', { ...options }, KNOWN));
  const resolved: ResolvedServerOptions = {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    allowedHosts: options.allowedHosts ?? [],
    maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
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
