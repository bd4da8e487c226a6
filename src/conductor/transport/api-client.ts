import { TuttiError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Authentication } from './authentication.js';
import type { HttpOptions } from './http-options.js';
import { bodyError, describeAnswer, isHtml, statusError } from './http-response-error.js';
import { approximateJsonSize } from './json-size.js';
import type { Transport, TransportRequest, TransportResponse } from './transport.js';
import { USER_AGENT } from './user-agent.js';

/** A request to the API as the clients make it. */
export interface ApiRequest {
  readonly method: TransportRequest['method'];
  /** Below the base address, query included, its parts encoded. */
  readonly path: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as plain text. */
  readonly text?: string;
  /** @defaultValue the connection's `requestTimeoutMs` */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** In place of `signal` while the request waits for a token. */
  readonly unsentSignal?: AbortSignal | undefined;
  readonly lane?: 'poll' | 'request';
  readonly idempotent?: boolean;
  readonly maxAnswerBytes?: number;
}

/** Larger bodies are not sent: the server takes results of 10 MB, and the outbox keeps those of 64 MB. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

type Headers = Readonly<Record<string, string>>;

/** Sends requests with the token that the server wants, and turns what is not a good answer into an `HttpError`. */
export class ApiClient {
  readonly options: HttpOptions;
  readonly logger: Logger;
  readonly #transport: Transport;
  readonly #authentication: Authentication;
  #hasSucceeded = false;
  #headers: { token: string | undefined; plain: Headers; json: Headers; text: Headers };

  constructor(transport: Transport, authentication: Authentication, options: HttpOptions, logger: Logger) {
    this.options = options;
    this.logger = logger;
    this.#transport = transport;
    this.#authentication = authentication;
    this.#headers = this.#buildHeaders(undefined);
  }

  /**
   * The answer to `request`, when its status is 2xx. A token that the server refuses is renewed, and the same
   * request sent once more.
   *
   * @throws HttpError HTTP_STATUS, HTTP_AUTH, HTTP_TIMEOUT or HTTP_NETWORK; the signal's reason after an abort;
   *   TuttiError PAYLOAD_TOO_LARGE when the body has more than {@link MAX_REQUEST_BYTES}
   */
  async send(request: ApiRequest): Promise<TransportResponse> {
    const { unsentSignal = request.signal } = request;
    const pending = this.#authentication.token();
    const token = typeof pending === 'object' ? await untilAborted(pending, unsentSignal) : pending;
    const body = bodyOf(request);
    const response = await this.#transport.request(this.#prepare(request, body, token));
    if (response.status >= 200 && response.status < 300) {
      this.#hasSucceeded = true;
      return response;
    }
    // A server that seemed to have no authentication, as it was not there yet when it was asked for a token.
    const wantsToken = response.status === 403 && token === undefined && this.#authentication.hasCredentials;
    if (!wantsToken && !isTokenRefused(response)) throw this.#error(request, response);
    const renewed = await untilAborted(this.#authentication.replace(token), unsentSignal);
    // A server that turned out to have no authentication gives none: nothing would be different then.
    if (renewed === undefined) throw this.#error(request, response);
    const second = await this.#transport.request(this.#prepare(request, body, renewed));
    if (second.status >= 200 && second.status < 300) {
      this.#authentication.renewalHelped();
      return second;
    }
    throw this.#error(request, second);
  }

  /**
   * The JSON of the answer; undefined when the answer is empty.
   *
   * @throws HttpError as {@link ApiClient.send} does, and HTTP_BODY for what is not JSON
   */
  async json<T>(request: ApiRequest): Promise<T | undefined> {
    return this.parse<T>(request, await this.send(request));
  }

  /** The text of the answer, possibly empty. @throws HttpError HTTP_BODY for an HTML page */
  async text(request: ApiRequest): Promise<string> {
    const response = await this.send(request);
    if (isHtml(response)) throw bodyError(request, response, this.#describe(response));
    return response.body;
  }

  /** The JSON of an answer that {@link ApiClient.send} brought. */
  parse<T>(request: ApiRequest, response: TransportResponse): T | undefined {
    if (response.body === '') return undefined;
    try {
      // Some servers begin with a byte order mark.
      return JSON.parse(response.body.replace(/^\uFEFF/, '')) as T;
    } catch {
      if (isHtml(response)) throw bodyError(request, response, this.#describe(response));
      if (response.body.trim() === '') return undefined;
      // The body itself is payload of users and stays out of the message.
      throw bodyError(
        request,
        response,
        `a body of ${response.body.length} characters that is not JSON, or is cut off`,
      );
    }
  }

  /** An answer with JSON of the wrong shape. */
  shapeError(request: ApiRequest, expected: string): Error {
    return bodyError(
      request,
      { status: 200, headers: {}, body: '' },
      `JSON that is not ${this.redact(expected)}`,
    );
  }

  /** `text` without credentials: for what a server wrote. */
  redact(text: string): string {
    return this.#authentication.redact(text);
  }

  /** Gets a token if none is at hand. @throws HttpError HTTP_AUTH when the access key is refused */
  async checkAccess(): Promise<void> {
    await this.#authentication.token();
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #prepare(request: ApiRequest, body: string | undefined, token: string | undefined): TransportRequest {
    if (token !== this.#headers.token) this.#headers = this.#buildHeaders(token);
    const { plain, json, text } = this.#headers;
    return {
      method: request.method,
      path: request.path,
      headers: body === undefined ? plain : request.json === undefined ? text : json,
      timeoutMs: request.timeoutMs ?? this.options.requestTimeoutMs,
      ...(body === undefined ? undefined : { body }),
      ...(request.signal === undefined ? undefined : { signal: request.signal }),
      ...(request.lane === undefined ? undefined : { lane: request.lane }),
      ...(request.idempotent === undefined ? undefined : { idempotent: request.idempotent }),
      ...(request.maxAnswerBytes === undefined ? undefined : { maxAnswerBytes: request.maxAnswerBytes }),
    };
  }

  /** Built once for a token: headers are the same for thousands of requests a second. */
  #buildHeaders(token: string | undefined): {
    token: string | undefined;
    plain: Headers;
    json: Headers;
    text: Headers;
  } {
    const plain: Record<string, string> = { 'user-agent': USER_AGENT, accept: '*/*' };
    for (const [name, value] of Object.entries(this.options.headers)) plain[name.toLowerCase()] = value;
    if (token !== undefined) plain['x-authorization'] = token;
    return {
      token,
      plain,
      json: { ...plain, 'content-type': 'application/json' },
      text: { ...plain, 'content-type': 'text/plain; charset=utf-8' },
    };
  }

  #error(request: ApiRequest, response: TransportResponse): Error {
    return statusError(request, response, this.#hint(response), (text) => this.redact(text));
  }

  #describe(response: TransportResponse): string {
    return describeAnswer(response, (text) => this.redact(text)) ?? 'HTML';
  }

  #hint(response: TransportResponse): string {
    if (response.status === 401 && !this.#authentication.hasCredentials) {
      return 'the server wants an access key: set CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET';
    }
    if (response.status === 401) return 'the token was refused: does the access key belong to this server?';
    if (response.status === 403) return 'the access key may lack a permission';
    if (response.status === 407) return 'the proxy wants credentials: give them in its address';
    const isFirst = !this.#hasSucceeded && !isAboutContent(response);
    if (response.status === 404 && (isHtml(response) || isFirst))
      return `is the server URL right (${this.options.baseUrl})? It usually ends in /api`;
    return '';
  }
}

/** A 404 that speaks of a task, workflow or definition comes from an API that is there. */
function isAboutContent({ body }: TransportResponse): boolean {
  return /no such |not found (for|by)\b/i.test(body.slice(0, 4_096));
}

function bodyOf({ json, text, method, path }: ApiRequest): string | undefined {
  let body = text;
  let isTooLong = false;
  try {
    if (json !== undefined) body = JSON.stringify(json);
  } catch (error) {
    // What V8 says of a text that is longer than any text may be.
    if (!(error instanceof RangeError) || !/invalid string length/i.test(error.message)) throw error;
    isTooLong = true;
  }
  if (!isTooLong && (body === undefined || body.length * 3 <= MAX_REQUEST_BYTES)) return body;
  const bytes = isTooLong ? approximateJsonSize(json) : Buffer.byteLength(body!);
  if (bytes <= MAX_REQUEST_BYTES && !isTooLong) return body;
  throw new TuttiError(
    'PAYLOAD_TOO_LARGE',
    `${isTooLong ? 'about ' : ''}${inMb(bytes)} (${bytes} bytes) are more than the ${inMb(MAX_REQUEST_BYTES)} (${MAX_REQUEST_BYTES} bytes) that can be sent; keep large data elsewhere and send its address`,
    { details: { method, path, bytes, maxBytes: MAX_REQUEST_BYTES } },
  );
}

function inMb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function isTokenRefused(response: TransportResponse): boolean {
  return (
    response.status === 401 || (response.status === 403 && /\b(EXPIRED|INVALID)_TOKEN\b/.test(response.body))
  );
}

/** `promise`, unless `signal` aborts before: a renewal goes on for the others who wait for it. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
