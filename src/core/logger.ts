import { stackOf } from './errors.js';
import { shared } from './shared.js';

/** Ordered from quiet to talkative. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that go with a line. Values are printed as JSON; never put credentials here. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The port through which everything in this package logs. Bind your own (pino, winston …) with
 * `bootstrap({ logger })`; it is used in the orchestrator and in every worker process.
 */
export abstract class Logger {
  abstract log(level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void;

  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }
  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }
  /** A logger that adds `fields` to each line. */
  child(fields: LogFields): Logger {
    return new ChildLogger(this, fields);
  }
}

const CLASSES = shared('logger-classes', () => new Set<typeof Logger>());
CLASSES.add(Logger);

/** The class {@link Logger} of each copy of this package in the process: all of them are names for the same service. */
export function loggerClasses(): readonly (typeof Logger)[] {
  return [...CLASSES];
}

class ChildLogger extends Logger {
  readonly #parent: Logger;
  readonly #fields: LogFields;
  constructor(parent: Logger, fields: LogFields) {
    super();
    this.#parent = parent;
    this.#fields = fields;
  }
  override log(level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void {
    this.#parent.log(level, message, fields === undefined ? this.#fields : { ...this.#fields, ...fields });
  }
}

type Level = Exclude<LogLevel, 'silent'>;

/** The logger of a program, whose failures end neither a task nor the application: they are told once. */
export class SteadyLogger extends Logger {
  readonly #inner: Logger;
  readonly #failed: (error: unknown) => void;

  constructor(inner: Logger, failed: (error: unknown) => void = onceToConsole()) {
    super();
    this.#inner = inner;
    this.#failed = failed;
  }

  override log(level: Level, message: string, fields?: LogFields): void {
    this.#guarded(() => this.#inner.log(level, message, fields));
  }

  override error(message: string, fields?: LogFields): void {
    this.#guarded(() => this.#inner.error(message, fields));
  }
  override warn(message: string, fields?: LogFields): void {
    this.#guarded(() => this.#inner.warn(message, fields));
  }
  override info(message: string, fields?: LogFields): void {
    this.#guarded(() => this.#inner.info(message, fields));
  }
  override debug(message: string, fields?: LogFields): void {
    this.#guarded(() => this.#inner.debug(message, fields));
  }

  override child(fields: LogFields): Logger {
    const own = this.#guarded(() => this.#inner.child(fields));
    return own === undefined ? new ChildLogger(this, fields) : new SteadyLogger(own, this.#failed);
  }

  #guarded<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }
}

function onceToConsole(): (error: unknown) => void {
  let isTold = false;
  return (error) => {
    if (!isTold) new ConsoleLogger('error').error('the logger of this program failed', { error });
    isTold = true;
  };
}

/** One line per entry on standard error: time, level, message, fields as `key=value`. */
export class ConsoleLogger extends Logger {
  readonly #threshold: number;
  readonly #write: (line: string) => void;

  constructor(
    level: LogLevel = 'info',
    write: (line: string) => void = (line) => void process.stderr.write(line),
  ) {
    super();
    this.#threshold = LOG_LEVELS.indexOf(level);
    this.#write = write;
  }

  override log(level: Exclude<LogLevel, 'silent'>, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) > this.#threshold) return;
    let line = `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}`;
    for (const [key, value] of Object.entries(fields)) {
      if (value !== undefined) line += ` ${key}=${formatValue(value)}`;
    }
    this.#write(`${line}\n`);
  }
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@#-]+$/.test(value) ? value : JSON.stringify(value);
  try {
    if (value instanceof Error) return JSON.stringify(stackOf(value));
    return JSON.stringify(value) ?? String(value);
  } catch {
    return '(cannot be shown)';
  }
}
