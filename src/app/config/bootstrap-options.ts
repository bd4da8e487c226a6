import type { ContainerModule } from 'inversify';
import type { LogFormat, Logger, LogLevel } from '../../core/logger.js';
import type { ConductorConnection, HttpOptions } from '../../conductor/transport/http-options.js';
import type { Transport } from '../../conductor/transport/transport.js';
import type { RestartOptions } from '../../orchestrator/replicas/restart-policy.js';
import type { InterceptorClass, TaskInterceptor } from '../../worker/execution/task-interceptor.js';
import type { FunctionWorker } from '../../worker/definition/function-worker.js';
import type { WorkerClass } from '../../worker/definition/task-worker.js';

/** A server that the orchestrator starts and stops with itself; `embeddedServer()` makes one. */
export interface ServerDescription {
  start(logger: Logger): Promise<{ readonly url: string; close(): Promise<void> }>;
}

/** The health server: `/livez`, `/readyz`, `/startupz`, `/status`, and commands where they are allowed. */
export interface HealthConfig {
  /** 0: a free one, told by `status().healthUrl`. Environment: `TUTTI_HEALTH_PORT`. */
  readonly port?: number;
  /** Address to listen on. Environment: `TUTTI_HEALTH_HOST`. @defaultValue '127.0.0.1': this machine only */
  readonly host?: string;
  /**
   * Names by which the server may be called besides `localhost`, IP addresses and `host`: a request for another name is
   * answered 421. Environment: `TUTTI_HEALTH_ALLOWED_HOSTS`, with commas. @defaultValue none
   */
  readonly allowedHosts?: readonly string[];
  /** Whether `POST /commands/…` is obeyed, for those who have the token. @defaultValue false */
  readonly commands?: boolean;
  /**
   * What commands must bring as `Authorization: Bearer`; at least 16 characters. Environment: `TUTTI_HEALTH_TOKEN`.
   * @defaultValue a random one, in a file of the state folder that only the user of the program can read; the log names it
   */
  readonly token?: string;
}

/**
 * What `bootstrap()` takes. **The environment wins over these options, these over the defaults**: whoever runs the
 * program decides.
 */
export interface BootstrapOptions {
  /** Classes with `@Worker`, and function workers. Their files are loaded in every process. */
  readonly workers?: readonly (WorkerClass | FunctionWorker)[];
  /**
   * Globs of files whose exported workers run, relative to the folder of the entry file. Each process loads only the
   * files of its own workers.
   */
  readonly discover?: string | readonly string[];
  /** Inversify modules that bind the services; loaded in each worker process, never in the orchestrator. */
  readonly modules?: readonly ContainerModule[];
  /**
   * Binds a class with `@injectable()` to itself when a constructor or `inject` asks for it and no module binds it.
   * @defaultValue true
   */
  readonly autobind?: boolean;
  /**
   * Code around each execution of a task, the first outermost; the container makes those that are given as a class. Those
   * that modules bind to `TaskInterceptor` come after these. @defaultValue none
   */
  readonly interceptors?: readonly (TaskInterceptor | InterceptorClass)[];
  /**
   * Address of the Conductor API; one without a path gets `/api`. @defaultValue `CONDUCTOR_SERVER_URL`, else `http://localhost:8080/api`
   */
  readonly serverUrl?: string;
  /** A server to start along, e.g. `embeddedServer()`. Left out when `CONDUCTOR_SERVER_URL` is set. */
  readonly server?: ServerDescription;
  /** Access key. Environment: `CONDUCTOR_AUTH_KEY`. */
  readonly keyId?: string;
  /** Secret of the access key. Environment: `CONDUCTOR_AUTH_SECRET`. */
  readonly keySecret?: string;
  /** Headers, proxy, TLS and time limits of all requests. */
  readonly http?: Omit<ConductorConnection, 'serverUrl' | 'keyId' | 'keySecret'>;
  /** Carries polls and updates. @defaultValue undici; `(options) => new AxiosTransport(options)` of `tutti/axios` for axios */
  readonly transport?: (options: HttpOptions) => Transport;
  /** @defaultValue lines on standard error */
  readonly logger?: Logger;
  /** Of the default logger. Environment: `CONDUCTOR_LOG_LEVEL`. @defaultValue 'info' */
  readonly logLevel?: LogLevel;
  /**
   * Of the default logger: lines to read, or one JSON object a line with `time`, `level`, `message` and fields.
   * Environment: `CONDUCTOR_LOG_FORMAT`. @defaultValue 'text'
   */
  readonly logFormat?: LogFormat;
  /** `false`: call `start()` on the result yourself. @defaultValue true */
  readonly autoStart?: boolean;
  /**
   * `true`: SIGINT, SIGTERM and SIGHUP stop the application, and its exit code tells how it went. `false`: signals
   * and exit code are yours. @defaultValue true
   */
  readonly signals?: boolean;
  /** Whether one process that does not get ready ends the start, or the others go on. @defaultValue 'stop' */
  readonly onStartupFailure?: 'stop' | 'continue';
  /** File that the worker processes run; it must call `bootstrap()` too. @defaultValue the file that was started */
  readonly entry?: string | URL;
  /** Milliseconds for a process to get ready. Environment: `TUTTI_READY_TIMEOUT`. @defaultValue 60000 */
  readonly readyTimeout?: number;
  /**
   * Milliseconds from `stop()` to the end of the last process; keep it below the grace of whoever stops the
   * application (Kubernetes: 30 s). Environment: `TUTTI_STOP_GRACE`. @defaultValue 25000
   */
  readonly stopGrace?: number;
  /**
   * Milliseconds for the running tasks when the orchestrator was killed. Environment: `TUTTI_ORPHAN_GRACE`.
   * @defaultValue 5000
   */
  readonly orphanGrace?: number;
  /** Tells whoever watches over the application how it is, over HTTP. @defaultValue none, unless `TUTTI_HEALTH_PORT` is set */
  readonly health?: HealthConfig;
  /**
   * Milliseconds after which a task without a time limit that still runs is warned about. Environment:
   * `TUTTI_LONG_TASK_WARNING`. @defaultValue 600000
   */
  readonly longTaskWarning?: number;
  /** How processes that died are started again. */
  readonly restart?: RestartOptions;
}
