import { backoffDelay } from '../../core/backoff.js';
import { describeThrown, HttpError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { HttpOptions } from './http-options.js';
import { ANSWER_LIMITS } from './answer-limits.js';
import { bodyError, statusError } from './http-response-error.js';
import { redactSecrets, secretsOf } from './redaction.js';
import { tokenLifetimeMs } from './token-lifetime.js';
import type { Transport, TransportResponse } from './transport.js';
import { USER_AGENT } from './user-agent.js';

const REQUEST = { method: 'POST', path: '/token' } as const;
const BACKOFF = { initialMs: 1000, maxMs: 60_000 };
const FORGET_REFUSALS_MS = 5 * 60_000;
const CHECK_KEY = 'check CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET';

/**
 * Turns an access key into the token that requests carry, and renews it: one request at a time however many
 * wait, early and in the background where possible, with a pause after a failure. There is no timer: a token is
 * looked at when it is asked for.
 */
export class Authentication {
  readonly #transport: Transport;
  readonly #options: HttpOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #secrets: readonly string[];
  #token: string | undefined;
  /** Refused or replaced, and still to be kept out of messages. */
  #oldToken: string | undefined;
  #renewAt = 0;
  #expiresAt = 0;
  #renewal: Promise<string | undefined> | undefined;
  #isOpen = false;
  #toldOpen = false;
  #failures = 0;
  #lastFailure: unknown;
  #pauseUntil = 0;
  #refusals = 0;
  #lastRefusalAt = -Infinity;

  constructor(transport: Transport, options: HttpOptions, logger: Logger, now: () => number = Date.now) {
    this.#transport = transport;
    this.#options = options;
    this.#logger = logger;
    this.#now = now;
    this.#secrets = secretsOf(options);
  }

  /** Whether there is an access key at all. */
  get hasCredentials(): boolean {
    return this.#options.credentials !== undefined;
  }

  /**
   * The token for the next request, undefined when none is needed (no access key, or a server without
   * authentication). A promise only while there is no usable token.
   */
  token(): string | undefined | Promise<string | undefined> {
    if (this.#isOpen || !this.hasCredentials) return undefined;
    if (this.#token === undefined) return this.#renew();
    const now = this.#now();
    if (now < this.#renewAt) return this.#token;
    if (now >= this.#expiresAt) return this.#renew();
    if (now >= this.#pauseUntil) void this.#renew().catch(() => undefined); // was logged; the old token is still good
    return this.#token;
  }

  /**
   * After the server refused a request with the token `used`: the token to send the same request with again.
   * Undefined when that makes no sense: no access key, or new tokens are refused as well.
   */
  async replace(used: string | undefined): Promise<string | undefined> {
    if (!this.hasCredentials) return undefined;
    if (this.#token !== undefined && this.#token !== used) return this.#token;
    if (this.#renewal === undefined) {
      const now = this.#now();
      const sinceLast = now - this.#lastRefusalAt;
      if (sinceLast > FORGET_REFUSALS_MS) this.#refusals = 0;
      if (sinceLast < backoffDelay(this.#refusals, BACKOFF, 0)) return undefined;
      this.#refusals++;
      this.#lastRefusalAt = now;
      this.#isOpen = false;
      this.#oldToken = used;
      this.#token = undefined;
    }
    return this.#renew();
  }

  /**
   * The server took a request with a new token that it had refused with the old one: tokens are short-lived here, and
   * the next refusal is answered by a renewal without the growing pause for those that change nothing.
   */
  renewalHelped(): void {
    this.#refusals = Math.min(this.#refusals, 1);
  }

  /** `text` without key, secret, token and values of headers: for what a server wrote into its answer. */
  redact(text: string): string {
    const tokens = [this.#token, this.#oldToken].filter((token) => token !== undefined);
    return redactSecrets(text, [...tokens, ...this.#secrets]);
  }

  #renew(): Promise<string | undefined> {
    if (this.#renewal !== undefined) return this.#renewal;
    if (this.#now() < this.#pauseUntil) return Promise.reject(this.#failureUntilNextTry());
    const renewal = this.#fetch().finally(() => (this.#renewal = undefined));
    this.#renewal = renewal;
    return renewal;
  }

  async #fetch(): Promise<string | undefined> {
    try {
      const response = await this.#transport.request({
        ...REQUEST,
        headers: { ...this.#options.headers, 'content-type': 'application/json', 'user-agent': USER_AGENT },
        body: JSON.stringify(this.#options.credentials),
        timeoutMs: this.#options.requestTimeoutMs,
        idempotent: true,
        maxAnswerBytes: ANSWER_LIMITS.token,
      });
      this.#accept(response);
    } catch (error) {
      this.#pause(error);
      throw this.#failureUntilNextTry();
    }
    this.#failures = 0;
    this.#pauseUntil = 0;
    return this.#token;
  }

  #accept(response: TransportResponse): void {
    if (response.status === 404) {
      this.#isOpen = true;
      this.#token = undefined;
      if (!this.#toldOpen) this.#logger.info('the server has no authentication; the access key is not used');
      this.#toldOpen = true;
      return;
    }
    if (response.status < 200 || response.status > 299) throw this.#refusal(response);
    const token = readToken(response);
    const lifetime = tokenLifetimeMs(token, this.#now());
    this.#token = token;
    this.#renewAt = this.#now() + 0.8 * lifetime;
    this.#expiresAt = this.#now() + lifetime;
  }

  #refusal(response: TransportResponse): HttpError {
    const redact = (text: string): string => this.redact(text);
    if (![400, 401, 403].includes(response.status)) return statusError(REQUEST, response, '', redact);
    const error = statusError(REQUEST, response, `the access key was refused, ${CHECK_KEY}`, redact);
    return new HttpError('HTTP_AUTH', error.message, error, { details: error.details });
  }

  /** The last failure, with the time until the next try: sooner there is nothing to be had. */
  #failureUntilNextTry(): unknown {
    const failure = this.#lastFailure;
    if (!(failure instanceof HttpError)) return failure;
    const { code, message, method, path, status, details } = failure;
    const request = { method, path, status, retryAfterMs: Math.max(0, this.#pauseUntil - this.#now()) };
    return new HttpError(code, message, request, { details, cause: failure.cause });
  }

  #pause(error: unknown): void {
    const retryAfterMs = error instanceof HttpError ? (error.retryAfterMs ?? 0) : 0;
    const pauseMs = Math.max(backoffDelay(++this.#failures, BACKOFF), Math.min(retryAfterMs, BACKOFF.maxMs));
    this.#lastFailure = error;
    this.#pauseUntil = this.#now() + pauseMs;
    this.#logger.warn('no token from the server', {
      reason: describeThrown(error),
      failures: this.#failures,
      pauseMs,
    });
  }
}

function readToken(response: TransportResponse): string {
  let token: unknown;
  try {
    token = (JSON.parse(response.body) as { token?: unknown } | null)?.token;
  } catch {
    // The parser's message quotes the body, which may hold a token: it must not become the cause.
    throw bodyError(REQUEST, response, 'something that is not JSON');
  }
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
  throw bodyError(REQUEST, response, 'JSON that has no token');
}
