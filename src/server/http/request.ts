import { isNestedDeeper } from '../../core/json-depth.js';
import { internal } from '../model/api-error.js';

/** The limit of the real server's JSON reader (Jackson). */
export const MAX_JSON_DEPTH = 1_000;

/** One request, as handlers see it. */
export class ApiRequest {
  readonly method: string;
  /** Decoded, without query. */
  readonly path: string;
  readonly #query: string;
  #parsedQuery: URLSearchParams | undefined;
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the client hangs up before it has its answer. */
  readonly signal: AbortSignal;
  /** What the client has shown to be let in. */
  readonly token: string | undefined;
  readonly #contentType: string | undefined;
  readonly #rawBody: string;

  constructor(fields: {
    method: string;
    path: string;
    query: string;
    params: Readonly<Record<string, string>>;
    signal: AbortSignal;
    token: string | undefined;
    contentType: string | undefined;
    rawBody: string;
  }) {
    this.method = fields.method;
    this.path = fields.path;
    this.#query = fields.query;
    this.params = fields.params;
    this.signal = fields.signal;
    this.token = fields.token;
    this.#contentType = fields.contentType;
    this.#rawBody = fields.rawBody;
  }

  /** Parsed when it is asked for: most requests of workers have none. */
  get query(): URLSearchParams {
    return (this.#parsedQuery ??= new URLSearchParams(this.#query));
  }

  param(name: string): string {
    return this.params[name] ?? '';
  }

  /** The body as it came. @throws ApiError 500 when there is none, as on the real server */
  get text(): string {
    if (this.#rawBody === '') throw this.#bodyIsMissing();
    return this.#rawBody;
  }

  /**
   * The body as JSON.
   *
   * @throws ApiError 500, as on the real server, when it is not declared as JSON, missing, `null`, malformed or
   *   nested too deep
   */
  json(): unknown {
    const contentType = this.#contentType ?? 'application/octet-stream';
    if (!/^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
      throw internal(`Content-Type '${contentType}' is not supported`);
    }
    const raw = this.text;
    if (isNestedDeeper(raw, MAX_JSON_DEPTH)) {
      throw internal(
        `JSON parse error: Document nesting depth exceeds the maximum allowed (${MAX_JSON_DEPTH})`,
      );
    }
    let value: unknown;
    try {
      value = JSON.parse(raw);
    } catch (error) {
      throw internal(`JSON parse error: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (value === null) throw this.#bodyIsMissing();
    return value;
  }

  optional(name: string): string | undefined {
    const value = this.query.get(name);
    return value === null || value === '' ? undefined : value;
  }

  /** @throws ApiError 500 when it is missing */
  required(name: string): string {
    const value = this.query.get(name);
    if (value === null) {
      throw internal(`Required request parameter '${name}' for method parameter type String is not present`);
    }
    return value;
  }

  int(name: string, absent: number): number {
    return this.optionalInt(name) ?? absent;
  }

  /** @throws ApiError 500 when it is not an integer */
  optionalInt(name: string): number | undefined {
    const value = this.optional(name);
    return value === undefined ? undefined : parseInteger(name, value);
  }

  /** Epoch milliseconds and other large numbers. @throws ApiError 500 when it is not an integer */
  optionalLong(name: string): number | undefined {
    const value = this.optional(name);
    if (value === undefined) return undefined;
    if (/^[+-]?\d{1,16}$/.test(value)) return Number(value);
    throw notConvertible(name, 'long', value);
  }

  /** A part of the path that is an integer. @throws ApiError 500 when it is not */
  intParam(name: string): number {
    return parseInteger(name, this.param(name));
  }

  /** @throws ApiError 500 when it is none of `values` */
  oneOf<T extends string>(name: string, values: readonly T[], absent: T): T {
    const value = this.optional(name);
    if (value === undefined) return absent;
    if ((values as readonly string[]).includes(value)) return value as T;
    throw notConvertible(name, values.join(' | '), value);
  }

  flag(name: string, absent: boolean): boolean {
    const value = this.optional(name);
    if (value === undefined) return absent;
    // In any case of letters, as on the real server: Python's clients send `True`.
    const lower = value.toLowerCase();
    if (['true', 'on', 'yes', '1'].includes(lower)) return true;
    if (['false', 'off', 'no', '0'].includes(lower)) return false;
    throw internal(
      `Method parameter '${name}': Failed to convert value of type 'java.lang.String' to required type 'boolean'; Invalid boolean value [${value}]`,
    );
  }

  #bodyIsMissing(): Error {
    return internal(`Required request body is missing: ${this.method} ${this.path}`);
  }
}

/** @throws ApiError 500 that names the parameter */
export function parseInteger(name: string, value: string): number {
  if (/^[+-]?\d{1,10}$/.test(value)) return Number(value);
  throw notConvertible(name, 'int', value);
}

function notConvertible(name: string, type: string, value: string): Error {
  return internal(
    `Method parameter '${name}': Failed to convert value of type 'java.lang.String' to required type '${type}'; For input string: "${value}"`,
  );
}
