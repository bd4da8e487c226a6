import { types } from 'node:util';
import { describeThrown, stackOf } from './errors.js';
import { oneLine, printableLines } from './printable.js';
import { shared } from './shared.js';

/** Ordered from least to most verbose. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const satisfies readonly LogLevel[];
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** Fields of a log line. Values are printed as JSON. Never put credentials here. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * The logger that everything in this package uses. To use your own (pino, winston …), pass it to
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
  /** Returns a logger that adds `fields` to each line. */
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

/** The output format of {@link ConsoleLogger}. */
export const LOG_FORMATS = ['text', 'json'] as const satisfies readonly LogFormat[];
export type LogFormat = 'text' | 'json';

/**
 * Writes entries to standard error.
 *
 * `text`: one line per entry, with time, level, message and fields as `key=value`; stacks and tables follow on indented
 * lines. Control characters are escaped, so that no text can forge a line or control the terminal.
 *
 * `json`: one object per line, with `time` (ISO 8601), `level`, `message` and the fields. An error is an object with `name`,
 * `message`, `code` and `stack`.
 */
export class ConsoleLogger extends Logger {
  readonly #threshold: number;
  readonly #write: (line: string) => void;
  readonly #format: (entry: Entry) => string;

  constructor(
    level: LogLevel = 'info',
    write: (line: string) => void = (line) => void process.stderr.write(line),
    format: LogFormat = 'text',
  ) {
    super();
    this.#threshold = LOG_LEVELS.indexOf(level);
    this.#write = write;
    this.#format = format === 'json' ? jsonEntry : textEntry;
  }

  override log(level: Exclude<LogLevel, 'silent'>, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) > this.#threshold) return;
    this.#write(
      `${this.#format({ time: new Date().toISOString(), level, message: String(message), fields })}\n`,
    );
  }
}

interface Entry {
  readonly time: string;
  readonly level: Level;
  readonly message: string;
  readonly fields: LogFields;
}

/** Texts of several lines that are to be read as such. */
const BLOCKS: readonly string[] = ['stack', 'stderr', 'table'];

function textEntry({ time, level, message, fields }: Entry): string {
  let line = `${time} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}`;
  let blocks = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (BLOCKS.includes(key) && typeof value === 'string') {
      blocks += block(value);
      continue;
    }
    const isError = looksLikeError(value);
    line += ` ${oneLine(key)}=${formatValue(isError ? describeThrown(value) : value)}`;
    if (isError) blocks += block(stackOf(value));
  }
  return line + blocks;
}

/** Indented, so that no line of it is taken for an entry. */
function block(text: string): string {
  return `\n${printableLines(text)}`.replaceAll('\n', '\n    ');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@#-]+$/.test(value)) return value;
  try {
    return withoutUnsafe(JSON.stringify(value) ?? String(value));
  } catch {
    return '(cannot be shown)';
  }
}

function jsonEntry({ time, level, message, fields }: Entry): string {
  // Without prototype: a field may have any name.
  const own = Object.assign(Object.create(null) as Record<string, unknown>, { time, level, message });
  for (const [key, value] of Object.entries(fields)) {
    // A field must not be taken for what every entry has.
    own[Object.hasOwn(own, key) ? `${key}_` : key] = jsonValue(value);
  }
  return withoutUnsafe(JSON.stringify(own));
}

function jsonValue(value: unknown): unknown {
  try {
    if (looksLikeError(value)) return jsonError(value);
    return JSON.stringify(value) === undefined && value !== undefined ? String(value) : value;
  } catch {
    return '(cannot be shown)';
  }
}

function jsonError(error: Error): object {
  const { name, code } = error as { name?: unknown; code?: unknown };
  return {
    name: String(name),
    message: describeThrown(error),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: stackOf(error),
  };
}

/** Errors of another realm are no instances of this one's class. */
function looksLikeError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false;
  }
}

/** JSON escapes the first control characters only. Within its strings, and there alone, others can stand. */
function withoutUnsafe(json: string): string {
  return oneLine(json);
}
