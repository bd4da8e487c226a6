import { inspect, types, type InspectOptions } from 'node:util';
import { ownLocation } from './own-location.js';

/**
 * Every error code that the package can raise, with what it means in one line.
 * `docs/reference/errors.md` lists the same codes; a test keeps the two in step.
 */
export const ERROR_CODES = {
  CONFIG_INVALID:
    'An option or environment variable has an invalid value; `details.problems` lists all of them.',
  WORKER_INVALID: 'A worker class or function cannot be used: no @Worker, no execute, invalid options.',
  WORKER_DUPLICATE: 'The same worker was passed twice.',
  WORKER_UNKNOWN: 'A worker process cannot find the worker that it was started for.',
  DECORATOR_MODE:
    'A decorator was compiled as a standard (TC39) decorator, without the metadata that injection needs.',
  DI_UNRESOLVED: 'The container cannot build a worker: class, parameter and likely fixes are named.',
  DISCOVERY_FAILED: 'A file matched by `discover` cannot be imported, or no file matched.',
  ROLE_UNCLEAR:
    'bootstrap() was called where it cannot fork worker processes (test runner, REPL, foreign cluster child).',
  ILLEGAL_STATE: 'The current state does not allow this call; `details` has from and to.',
  HTTP_STATUS: 'The server responded with an error status.',
  HTTP_AUTH: 'The server refused the credentials (401 or 403).',
  HTTP_TIMEOUT: 'The server did not respond in time.',
  HTTP_NETWORK: 'The server is unreachable, or the connection broke.',
  PAYLOAD_TOO_LARGE: 'The request body exceeds the size limit; nothing was sent.',
  TASK_INVALID: 'The server sent a task with an invalid field; the task fails without being executed.',
  CLIENT_CLOSED: 'A wait ended because its clients were closed, for example by a stop.',
  HTTP_BODY: 'The response is not the expected JSON (HTML, truncated, wrong shape).',
  TASK_TERMINAL: 'A task failed for good; the server must not retry it.',
  TASK_ABORTED: 'A task was aborted: stop, time-out or terminated workflow.',
  NATIVE_COMPILER_MISSING: 'No C++ compiler was found to build the native libraries.',
  NATIVE_BUILD_FAILED: 'A native library does not compile.',
  NATIVE_LIBRARY_MISSING: 'A shared library was not found in any of the places searched.',
  NATIVE_LIBRARY_INVALID: 'A shared library was found but cannot be loaded.',
  NATIVE_SYMBOL_MISSING: 'A shared library does not export a declared function.',
  NATIVE_BACKEND_MISSING: 'The package that calls native code is not installed, or cannot be loaded.',
  NATIVE_SIGNATURE: 'A native function is declared or called with a wrong signature.',
  PROCESS_FAILED: 'A worker process failed to start, or died.',
  PROCESS_NOT_READY: 'A worker process did not get ready in time.',
  PROCESS_HUNG: 'A worker process was killed because it hung, or because a task did not end in time.',
  PROCESS_OUT_OF_MEMORY:
    'A worker process reached its heap limit, its memory limit or that of its container.',
  PROCESS_GIVEN_UP: 'A worker process died too often and is not restarted any more.',
  STARTUP_FAILED: 'Not all worker processes got ready; `errors` of the cause has every reason.',
} as const;

/** The code of a {@link TuttiError}: stable, for programs to act on. */
export type ErrorCode = keyof typeof ERROR_CODES;

const BRAND = Symbol.for('tutti:error');
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export interface TuttiErrorOptions {
  readonly cause?: unknown;
  /** The variable parts of the message, for logs and programs. Never contains credentials. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The base class of all errors of this package, with a stable `code`, `cause` and `details`. A brand identifies it, so that
 * two copies of the package recognize each other's errors.
 */
export class TuttiError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: TuttiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether `value` is an error of this package, optionally with the given code. */
  static is(value: unknown, code?: ErrorCode): value is TuttiError {
    try {
      return (
        typeof value === 'object' &&
        value !== null &&
        (value as Record<symbol, unknown>)[BRAND] === true &&
        (code === undefined || (value as TuttiError).code === code)
      );
    } catch {
      // A proxy or getter of somebody else's.
      return false;
    }
  }

  toJSON(): Record<string, unknown> {
    return { name: this.name, code: this.code, message: this.message, details: this.details };
  }

  /** As `console.log` shows it: without `details`, which repeat parts of the message. */
  [INSPECT](
    _depth: number,
    options: InspectOptions,
    inspectValue: (value: unknown, options: InspectOptions) => string,
  ): string {
    const report = reportOf(this);
    if (report !== undefined) return report;
    const text = [headOf(this), ...framesOf(this.stack ?? '')].join('\n');
    return this.cause === undefined ? text : `${text}\n[cause]: ${inspectValue(this.cause, options)}`;
  }
}

function headOf({ name, code, message }: TuttiError): string {
  return `${name} [${code}]: ${message}`;
}

/**
 * An error whose message says everything, as it is printed: with the place in the program, without places in this
 * package. `undefined` for any other error.
 */
export function reportOf(error: unknown): string | undefined {
  if (!TuttiError.is(error)) return undefined;
  const isReport =
    error instanceof ConfigurationError || ['STARTUP_FAILED', 'ILLEGAL_STATE'].includes(error.code);
  if (!isReport) return undefined;
  const { stack = '', message } = error;
  // The message may hold lines of other stacks.
  const start = stack.indexOf(message);
  const own = start < 0 ? stack : stack.slice(start + message.length);
  const places = framesOf(own).filter((line) => !isForeign(line));
  return [headOf(error), ...places].join('\n');
}

/** Invalid options, workers or bindings: restarting doesn't help, so a process exits with 78 and isn't restarted. */
export class ConfigurationError extends TuttiError {}

/** A call that the current state of an object doesn't allow. */
export class IllegalStateError extends TuttiError {
  constructor(subject: string, from: string, to: string) {
    super('ILLEGAL_STATE', `${subject} cannot go from "${from}" to "${to}"`, {
      details: { subject, from, to },
    });
  }
}

export type HttpErrorCode = Extract<ErrorCode, `HTTP_${string}`>;

/** A request to the server that failed. */
export class HttpError extends TuttiError {
  declare readonly code: HttpErrorCode;
  /** HTTP status, absent if there was no response. */
  readonly status: number | undefined;
  readonly method: string;
  /** Path and query, without host and credentials. */
  readonly path: string;
  /** `Retry-After` of the response, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: HttpErrorCode,
    message: string,
    request: { method: string; path: string; status?: number | undefined; retryAfterMs?: number | undefined },
    options: TuttiErrorOptions = {},
  ) {
    super(code, message, {
      ...options,
      details: { ...options.details, method: request.method, path: request.path, status: request.status },
    });
    this.status = request.status;
    this.method = request.method;
    this.path = request.path;
    this.retryAfterMs = request.retryAfterMs;
  }

  /** Whether the same request may succeed later: no response, an unusable one, 408, 425, 429 or 5xx. */
  get isRetryable(): boolean {
    if (this.status === undefined || this.status < 400) return true;
    return this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500;
  }
}

function framesOf(stack: string): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}

const FRAMEWORK = [...ownFolder(), '@inversifyjs/', '/node_modules/inversify/'];

/** The folder of this package's code, as it stands in stacks; nothing in a bundle, where it lies beside the program's. */
function ownFolder(): string[] {
  const file = ownLocation();
  if (!/\/core\/own-location\.[jt]s$/.test(file)) return [];
  const folder = new URL('../', file);
  return [folder.href, folder.pathname];
}

function isOfFramework(frame: string): boolean {
  return FRAMEWORK.some((place) => frame.includes(place));
}

function isForeign(frame: string): boolean {
  return isOfFramework(frame) || /[( ]node:/.test(frame) || frame.includes('(<anonymous>)');
}

/**
 * The lines of a stack in which the program's own code was, called by Inversify or by this package; of each cause as
 * well.
 */
export function programFrames(stack: string): string {
  const lines: string[] = [];
  let isAbove = true;
  for (const line of stack.split('\n')) {
    if (!/^\s+at /.test(line)) isAbove = true;
    else if (isOfFramework(line)) isAbove = false;
    else if (isAbove && !isForeign(line)) lines.push(line);
  }
  return lines.join('\n');
}

/** A message may hold a whole payload, and goes into reasons, logs, `status()` and messages between processes. */
const MAX_MESSAGE_LENGTH = 10_000;
/** Of the message itself, and of each cause. */
const MAX_OWN_LENGTH = 8_000;
const MAX_CAUSE_LENGTH = 1_000;
const MAX_STACK_LENGTH = 20_000;
/** How many causes, and how many errors of an `AggregateError`, are described. */
const MAX_PARTS = 5;

/**
 * A readable text for anything that can be thrown, `undefined` included, of limited length. Never throws.
 *
 * An error is described by its message, followed by the errors that an `AggregateError` holds and by its causes, unless
 * the message says the same already. The message of a {@link TuttiError} is complete.
 */
export function describeThrown(thrown: unknown): string {
  return shortened(described(thrown, 0), MAX_MESSAGE_LENGTH);
}

/** Beginning and end of a very long text. */
function shortened(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const endLength = Math.floor(maxLength / 4);
  return `${text.slice(0, maxLength - endLength)} … (${text.length} characters) … ${text.slice(-endLength)}`;
}

function described(thrown: unknown, depth: number): string {
  let text = shortened(wordsFor(thrown), depth === 0 ? MAX_OWN_LENGTH : MAX_CAUSE_LENGTH);
  if (depth >= MAX_PARTS || TuttiError.is(thrown)) return text;
  const inner = errorsOf(thrown).map((error) => described(error, depth + 1));
  const more = inner.length > MAX_PARTS ? `; and ${inner.length - MAX_PARTS} more` : '';
  const news = inner.slice(0, MAX_PARTS).filter((part) => !text.includes(part));
  if (news.length > 0) text += `: ${news.join('; ')}${more}`;
  const cause = causeOf(thrown);
  if (cause === undefined || cause === null) return text;
  const why = described(cause, depth + 1);
  return text.includes(why) ? text : `${text}; caused by: ${why}`;
}

function wordsFor(thrown: unknown): string {
  try {
    if (typeof thrown === 'string') return thrown.trim() === '' ? 'an empty string was thrown' : thrown;
    if (typeof thrown === 'function') return `${nameOf(thrown, 'a function')} was thrown`;
    if (typeof thrown !== 'object' || thrown === null) return `${String(thrown)} was thrown`;
    const { message, name, code } = thrown as { message?: unknown; name?: unknown; code?: unknown };
    // Not only `instanceof`: an error may come from another realm (node:vm).
    const isError = types.isNativeError(thrown) || thrown instanceof Error;
    if (isText(message)) return isError || !isCode(code) ? message : `${message} (code ${code})`;
    if (!isError) return wordsForObject(thrown);
    if (typeof message === 'object' && message !== null) return wordsForObject(message);
    const words = isText(name) ? name : 'an error without a message was thrown';
    return isCode(code) ? `${words} (code ${code})` : words;
  } catch {
    return 'a value that cannot be described was thrown';
  }
}

/** As JSON, which is shortest; what JSON cannot show, or shows as nothing, as Node.js prints it. */
function wordsForObject(thrown: object): string {
  const json = jsonOf(thrown);
  if (json !== undefined && json !== '{}' && json !== '[]') return json;
  const text = inspect(thrown, { depth: 3, breakLength: Infinity, compact: true });
  return /^(\[Object: null prototype\] )?(\{\}|\[\])$/.test(text)
    ? `an empty ${Array.isArray(thrown) ? 'array' : 'object'} was thrown`
    : text;
}

function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isCode(value: unknown): value is string | number {
  return isText(value) || typeof value === 'number';
}

function nameOf({ name }: { readonly name: string }, otherwise: string): string {
  return name === '' ? otherwise : `the function ${name}`;
}

/** Those of an `AggregateError`, or of another realm's. */
function errorsOf(thrown: unknown): readonly unknown[] {
  try {
    const errors: unknown = types.isNativeError(thrown) ? (thrown as { errors?: unknown }).errors : undefined;
    return Array.isArray(errors) ? errors : [];
  } catch {
    return [];
  }
}

/**
 * Stack with the stacks of the causes and of the errors that an `AggregateError` holds, or the description where there
 * is none. Never throws.
 */
export function stackOf(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const add = (prefix: string, current: unknown): void => {
    if (seen.has(current) || parts.length >= MAX_PARTS) return;
    seen.add(current);
    parts.push(`${prefix}${stackOrDescription(current)}`);
    for (const error of errorsOf(current)) add('one of its errors: ', error);
    const cause = causeOf(current);
    if (cause !== undefined && cause !== null) add('caused by: ', cause);
  };
  add('', thrown);
  return parts.join('\n');
}

function stackOrDescription(thrown: unknown): string {
  try {
    const stack = (thrown as { stack?: unknown }).stack;
    return typeof stack === 'string' && stack !== ''
      ? shortened(stack, MAX_STACK_LENGTH)
      : describeThrown(thrown);
  } catch {
    return describeThrown(thrown);
  }
}

function causeOf(thrown: unknown): unknown {
  try {
    return typeof thrown === 'object' && thrown !== null ? (thrown as { cause?: unknown }).cause : undefined;
  } catch {
    return undefined;
  }
}
