import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../core/environment.js';
import { hostNames } from '../../http/http-access.js';
import {
  ConsoleLogger,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type Logger,
  type LogLevel,
} from '../../core/logger.js';
import {
  either,
  findProblems,
  integer,
  oneOf,
  rules,
  show,
  throwProblems,
  type OptionRule,
} from '../../core/options.js';
import {
  connectionProblems,
  type ConductorConnection,
  type HttpOptions,
} from '../../conductor/transport/http-options.js';
import type { Transport } from '../../conductor/transport/transport.js';
import type { HealthOptions } from '../../orchestrator/control/health-server.js';
import { LONG_TASK_WARNING_MS } from '../../orchestrator/replicas/long-task-watch.js';
import { RESTART_DEFAULTS, type RestartOptions } from '../../orchestrator/replicas/restart-policy.js';
import { isInterceptor } from '../../worker/execution/task-interceptor.js';
import type { BootstrapOptions, HealthConfig, ServerDescription } from './bootstrap-options.js';

export const DEFAULT_SERVER_URL = 'http://localhost:8080/api';

/** {@link BootstrapOptions} and environment, checked and joined; nothing behind it looks at either. */
export interface Config {
  readonly connection: ConductorConnection;
  readonly transport: ((options: HttpOptions) => Transport) | undefined;
  /** The server to start along, `undefined` when there is none or the environment names another. */
  readonly server: ServerDescription | undefined;
  readonly discover: readonly string[];
  readonly logger: Logger;
  readonly handlesSignals: boolean;
  readonly onStartupFailure: 'stop' | 'continue';
  readonly entry: string | undefined;
  readonly readyTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly orphanGraceMs: number;
  readonly longTaskWarningMs: number;
  readonly health: HealthOptions | undefined;
  readonly restart: Required<RestartOptions>;
}

/** Checked where an error does not show the value. */
const ofHealthServer: OptionRule = { expected: 'anything', test: () => true };
/** Left to the connection, whose errors show no secret. */
const ofConnection: OptionRule = { expected: 'anything', test: () => true };
const modules: OptionRule = {
  expected: 'an array of Inversify ContainerModules',
  test: (value) =>
    Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null),
};
const interceptors: OptionRule = {
  expected: 'an array of objects with an execute(task, context, next) method, or of classes of such objects',
  test: (value) =>
    Array.isArray(value) &&
    value.every((entry: unknown) => isInterceptor(typeof entry === 'function' ? entry.prototype : entry)),
};
const server: OptionRule = {
  expected: 'a server description such as embeddedServer()',
  test: (value) => typeof (value as { start?: unknown } | null)?.start === 'function',
};
const logger: OptionRule = {
  expected: 'a Logger',
  test: (value) => typeof (value as { log?: unknown } | null)?.log === 'function',
};
const entryRule: OptionRule = {
  expected: 'a path or a file: URL',
  test: (value) => entryPath(value) !== undefined,
};
const globs: OptionRule = {
  expected: 'an array of non-empty strings',
  test: (value) => Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry !== ''),
};

export const BOOTSTRAP_OPTION_RULES: Readonly<Record<keyof BootstrapOptions, OptionRule>> = {
  workers: rules.array,
  discover: either(rules.string, globs),
  modules,
  autobind: rules.boolean,
  interceptors,
  serverUrl: ofConnection,
  server,
  keyId: ofConnection,
  keySecret: ofConnection,
  http: rules.object,
  transport: rules.function,
  logger,
  logLevel: oneOf(...LOG_LEVELS),
  logFormat: oneOf(...LOG_FORMATS),
  autoStart: rules.boolean,
  signals: rules.boolean,
  onStartupFailure: oneOf('stop', 'continue'),
  entry: entryRule,
  readyTimeout: integer(1, 3_600_000),
  stopGrace: integer(0, 86_400_000),
  orphanGrace: integer(0, 600_000),
  health: rules.object,
  longTaskWarning: integer(1),
  restart: rules.object,
};

const RESTART_RULES: Readonly<Record<keyof RestartOptions, OptionRule>> = {
  initialDelay: integer(0),
  maxDelay: integer(0),
  healthyAfter: integer(0),
  maxDeaths: integer(1),
};

const HEALTH_RULES: Readonly<Record<keyof HealthConfig, OptionRule>> = {
  port: integer(0, 65_535),
  host: rules.string,
  allowedHosts: hostNames,
  commands: rules.boolean,
  token: ofHealthServer,
};

/** Environment variables that override a number option of `bootstrap()`. */
export const NUMBER_VARIABLES = {
  readyTimeout: 'TUTTI_READY_TIMEOUT',
  stopGrace: 'TUTTI_STOP_GRACE',
  orphanGrace: 'TUTTI_ORPHAN_GRACE',
  longTaskWarning: 'TUTTI_LONG_TASK_WARNING',
} as const;

/**
 * The configuration, with every mistake in it as a sentence. Reads the files that the connection names.
 */
export function resolveConfig(
  options: BootstrapOptions,
  env: Environment,
): { config: Config; problems: string[] } {
  const { config, problems } = readConfig(options, env);
  problems.push(...connectionProblems(config.connection, env));
  return { config, problems };
}

/**
 * The same without the check of the connection: a worker process starts only after the orchestrator has made it, and
 * its own client reads the files once more anyway.
 */
export function readConfig(
  options: BootstrapOptions,
  env: Environment,
): { config: Config; problems: string[] } {
  if (!rules.object.test(options))
    throwProblems([`bootstrap(): expected an object with options, got ${show(options)}`]);
  const problems = findProblems('bootstrap()', options as Record<string, unknown>, BOOTSTRAP_OPTION_RULES);
  if (rules.object.test(options.restart)) {
    problems.push(
      ...findProblems('bootstrap({ restart })', options.restart as Record<string, unknown>, RESTART_RULES),
    );
  }
  const numbers = { ...options, ...numbersFrom(env, problems) };
  const config: Config = {
    connection: connectionFrom(options, env),
    transport: options.transport,
    server: present(env['CONDUCTOR_SERVER_URL']) === undefined ? options.server : undefined,
    discover: discoverPatterns(options.discover),
    logger: loggerFrom(options, env, problems),
    handlesSignals: options.signals ?? true,
    onStartupFailure: options.onStartupFailure ?? 'stop',
    entry: entryPath(options.entry),
    readyTimeoutMs: numbers.readyTimeout ?? 60_000,
    stopGraceMs: numbers.stopGrace ?? 25_000,
    orphanGraceMs: numbers.orphanGrace ?? 5_000,
    longTaskWarningMs: numbers.longTaskWarning ?? LONG_TASK_WARNING_MS,
    health: healthFrom(options.health, env, problems),
    restart: { ...RESTART_DEFAULTS, ...withoutUndefined(options.restart) },
  };
  return { config: Object.freeze(config), problems };
}

/** The folder that `discover` globs are relative to. */
export function discoveryRoot(entry: string): string {
  return dirname(entry);
}

function connectionFrom(options: BootstrapOptions, env: Environment): ConductorConnection {
  return {
    ...(rules.object.test(options.http) ? options.http : {}),
    serverUrl: present(env['CONDUCTOR_SERVER_URL']) ?? options.serverUrl ?? DEFAULT_SERVER_URL,
    keyId: present(env['CONDUCTOR_AUTH_KEY']) ?? options.keyId,
    keySecret: present(env['CONDUCTOR_AUTH_SECRET']) ?? options.keySecret,
  };
}

function numbersFrom(
  env: Environment,
  problems: string[],
): Partial<Record<keyof typeof NUMBER_VARIABLES, number>> {
  const numbers: Partial<Record<keyof typeof NUMBER_VARIABLES, number>> = {};
  for (const [option, variable] of Object.entries(NUMBER_VARIABLES)) {
    const text = present(env[variable]);
    if (text === undefined) continue;
    const key = option as keyof typeof NUMBER_VARIABLES;
    const rule = BOOTSTRAP_OPTION_RULES[key];
    if (text.trim() !== '' && rule.test(Number(text))) numbers[key] = Number(text);
    else problems.push(`environment: expected ${variable} to be ${rule.expected}, got ${show(text)}`);
  }
  return numbers;
}

/** Off unless a port is given. */
function healthFrom(
  health: HealthConfig | undefined,
  env: Environment,
  problems: string[],
): HealthOptions | undefined {
  const given = rules.object.test(health) ? health! : {};
  problems.push(...findProblems('bootstrap({ health })', given as Record<string, unknown>, HEALTH_RULES));
  const text = present(env['TUTTI_HEALTH_PORT']);
  const port = text === undefined ? given.port : Number(text);
  if (text !== undefined && (text.trim() === '' || !HEALTH_RULES.port.test(port))) {
    problems.push(
      `environment: expected TUTTI_HEALTH_PORT to be ${HEALTH_RULES.port.expected}, got ${show(text)}`,
    );
  }
  if (port === undefined) {
    if (rules.object.test(health))
      problems.push('bootstrap({ health }): `port` is missing, and TUTTI_HEALTH_PORT is not set');
    return undefined;
  }
  const host = present(env['TUTTI_HEALTH_HOST']) ?? given.host ?? '127.0.0.1';
  const hosts = present(env['TUTTI_HEALTH_ALLOWED_HOSTS'])
    ?.split(',')
    .map((name) => name.trim());
  if (hosts !== undefined && !hostNames.test(hosts)) {
    problems.push(
      `environment: expected TUTTI_HEALTH_ALLOWED_HOSTS to be host names with commas between them, without ports, got ${show(env['TUTTI_HEALTH_ALLOWED_HOSTS'])}`,
    );
  }
  const token = present(env['TUTTI_HEALTH_TOKEN']) ?? given.token;
  if (token !== undefined && !isToken(token)) {
    problems.push(
      'bootstrap({ health }): expected `token` (TUTTI_HEALTH_TOKEN) to be at least 16 characters of ASCII without spaces',
    );
  }
  const allowedHosts = hosts ?? (hostNames.test(given.allowedHosts) ? given.allowedHosts! : []);
  return { port, host, allowedHosts, commands: given.commands ?? false, token };
}

/** Long enough not to be guessed; what a header can carry. */
function isToken(token: unknown): boolean {
  return typeof token === 'string' && /^[\x21-\x7e]{16,1000}$/.test(token);
}

function loggerFrom(options: BootstrapOptions, env: Environment, problems: string[]): Logger {
  const level: LogLevel =
    wordFrom('CONDUCTOR_LOG_LEVEL', LOG_LEVELS, env, problems) ?? options.logLevel ?? 'info';
  const format: LogFormat =
    wordFrom('CONDUCTOR_LOG_FORMAT', LOG_FORMATS, env, problems) ?? options.logFormat ?? 'text';
  return options.logger ?? new ConsoleLogger(level, undefined, format);
}

function wordFrom<T extends string>(
  variable: string,
  words: readonly T[],
  env: Environment,
  problems: string[],
): T | undefined {
  const text = present(env[variable])?.toLowerCase();
  const word = words.find((one) => one === text);
  if (text !== undefined && word === undefined)
    problems.push(`environment: expected ${variable} to be one of ${words.join(', ')}, got ${show(text)}`);
  return word;
}

function discoverPatterns(discover: BootstrapOptions['discover']): readonly string[] {
  if (discover === undefined || !BOOTSTRAP_OPTION_RULES.discover.test(discover)) return [];
  return typeof discover === 'string' ? [discover] : discover;
}

/** The absolute path; `undefined` for what is neither a path nor the URL of a file. */
function entryPath(entry: unknown): string | undefined {
  try {
    if (entry instanceof URL) return fileURLToPath(entry);
    if (typeof entry !== 'string' || entry === '') return undefined;
    return entry.startsWith('file:') ? fileURLToPath(entry) : resolve(entry);
  } catch {
    return undefined;
  }
}

function withoutUndefined<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** An empty variable counts as absent. */
function present(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
