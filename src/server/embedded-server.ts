import { ConsoleLogger, type Logger } from '../core/logger.js';
import { findProblems, integer, rules, throwProblems, type OptionRule } from '../core/options.js';

export interface EmbeddedServerOptions {
  /** TCP port; 0 takes a free one. @defaultValue 0 */
  readonly port?: number;
  /** Address to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string;
}

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
  readonly options: Readonly<Required<EmbeddedServerOptions>>;
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
  const resolved = { port: options.port ?? 0, host: options.host ?? '127.0.0.1' };
  return {
    options: resolved,
    start: async (logger = new ConsoleLogger()) => {
      // Worker processes hold this description too, and must not pay for a server that they never start.
      const { runServer } = await import('./server-runtime.js');
      return runServer(resolved, logger);
    },
  };
}
