/**
 * Every error code that the package can raise, with what it means in one line.
 * `docs/reference/errors.md` lists the same codes; a test keeps the two in step.
 */
export const ERROR_CODES = {
  CONFIG_INVALID:
    'An option or an environment variable has a wrong value; `details.problems` lists all of them.',
  WORKER_INVALID: 'A worker class or function is not usable: no @Worker, no execute, wrong options.',
  WORKER_DUPLICATE: 'The same worker is given twice.',
  WORKER_UNKNOWN: 'A worker process does not find the worker that it was started for.',
  DECORATOR_MODE:
    'A decorator was compiled as a standard (TC39) decorator, without the metadata that injection needs.',
  DI_UNRESOLVED: 'The container cannot build a worker: class, parameter and likely fixes are named.',
  DISCOVERY_FAILED: 'A file matched by `discover` cannot be imported, or nothing was matched.',
  ROLE_UNCLEAR:
    'bootstrap() was called where it cannot fork worker processes (test runner, REPL, foreign cluster child).',
  ILLEGAL_STATE: 'A call that is not allowed in the present state; `details` has from and to.',
  HTTP_STATUS: 'The server answered with an error status.',
  HTTP_AUTH: 'The server refused the credentials (401 or 403).',
  HTTP_TIMEOUT: 'The server did not answer in time.',
  HTTP_NETWORK: 'The server cannot be reached, or the connection broke.',
  HTTP_BODY: 'The server answered something that is not the JSON it should be (HTML, cut off, wrong shape).',
  TASK_FAILED: 'A task failed; the server may retry it.',
  TASK_TERMINAL: 'A task failed for good; the server must not retry it.',
  TASK_ABORTED: 'A task was told to end: stop, time-out or terminated workflow.',
  NATIVE_COMPILER_MISSING: 'There is no C++ compiler to build the native libraries with.',
  NATIVE_BUILD_FAILED: 'The compiler refused a native library.',
  NATIVE_LIBRARY_MISSING: 'A shared library was not found in any of the places that were tried.',
  NATIVE_LIBRARY_INVALID: 'A shared library was found but cannot be loaded.',
  NATIVE_SYMBOL_MISSING: 'A shared library does not export a function that was declared.',
  NATIVE_BACKEND_MISSING: 'The package that calls native code is not installed, or cannot be loaded.',
  NATIVE_SIGNATURE: 'A native function is declared or called with a wrong signature.',
  PROCESS_FAILED: 'A worker process failed to start, or died.',
  PROCESS_NOT_READY: 'A worker process did not get ready in time.',
  PROCESS_GIVEN_UP: 'A worker process died so often that it is not restarted any more.',
  STARTUP_FAILED: 'Not all worker processes got ready; `errors` of the cause has every reason.',
} as const;

/** The code of a {@link TuttiError}: stable, for programs to act on. */
export type ErrorCode = keyof typeof ERROR_CODES;

const BRAND = Symbol.for('tutti:error');

export interface TuttiErrorOptions {
  readonly cause?: unknown;
  /** The variable parts of the message, for logs and programs. Never holds credentials. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The base of all errors of this package: a stable `code`, the `cause`, and `details`.
 * Recognised by a brand, so that two copies of the package know each other's errors.
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
}

/** Wrong options, workers or bindings: starting again changes nothing, so a process ends with 78 and stays down. */
export class ConfigurationError extends TuttiError {}

/** A call that the present state of an object does not allow. */
export class IllegalStateError extends TuttiError {
  constructor(subject: string, from: string, to: string) {
    super('ILLEGAL_STATE', `${subject} cannot go from "${from}" to "${to}"`, {
      details: { subject, from, to },
    });
  }
}

export type HttpErrorCode = Extract<ErrorCode, `HTTP_${string}`>;

/** What a request to the server came to when it did not succeed. */
export class HttpError extends TuttiError {
  declare readonly code: HttpErrorCode;
  /** HTTP status, absent when there was no answer. */
  readonly status: number | undefined;
  readonly method: string;
  /** Path and query, without host and credentials. */
  readonly path: string;
  /** `Retry-After` of the answer, in milliseconds. */
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

  /** Whether the same request may succeed later: no answer, no usable answer, 408, 425, 429 or 5xx. */
  get isRetryable(): boolean {
    if (this.status === undefined || this.status < 400) return true;
    return this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500;
  }
}

/** A message may hold a whole payload, and goes into reasons, logs, `status()` and messages between processes. */
const MAX_MESSAGE_LENGTH = 10_000;
const MAX_STACK_LENGTH = 20_000;

/** A readable text for anything that can be thrown, `undefined` included, of limited length. Never throws. */
export function describeThrown(thrown: unknown): string {
  return shortened(wordsFor(thrown), MAX_MESSAGE_LENGTH);
}

/** Beginning and end of a very long text. */
function shortened(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const endLength = Math.floor(maxLength / 4);
  return `${text.slice(0, maxLength - endLength)} … (${text.length} characters) … ${text.slice(-endLength)}`;
}

function wordsFor(thrown: unknown): string {
  try {
    if (typeof thrown === 'string') return thrown === '' ? 'an empty string was thrown' : thrown;
    if (thrown === undefined || thrown === null) return `${String(thrown)} was thrown`;
    if (typeof thrown !== 'object') return String(thrown);
    const { message, name } = thrown as { message?: unknown; name?: unknown };
    if (typeof message === 'string' && message !== '') return message;
    if (!(thrown instanceof Error)) return JSON.stringify(thrown) ?? 'an object was thrown';
    if (typeof message === 'object' && message !== null) return JSON.stringify(message);
    return typeof name === 'string' && name !== '' ? name : 'an error without a message was thrown';
  } catch {
    return 'a value that cannot be described was thrown';
  }
}

/** Stack with the stacks of the causes, or the description where there is none. Never throws. */
export function stackOf(thrown: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  let current: unknown = thrown;
  while (current !== undefined && current !== null && !seen.has(current) && parts.length < 5) {
    seen.add(current);
    parts.push(stackOrDescription(current));
    current = causeOf(current);
  }
  return parts.length === 0 ? describeThrown(thrown) : parts.join('\ncaused by: ');
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
