import { Pool, ProxyAgent, type Dispatcher } from 'undici';
import { ANSWER_LIMITS } from './answer-limits.js';
import { isGood, textOfAnswer, tooLargeError } from './content-encoding.js';
import { Deadlines, type Expiring } from './deadlines.js';
import type { HttpOptions } from './http-options.js';
import { networkError, timeoutError } from './network-error.js';
import { Transport, type TransportRequest, type TransportResponse } from './transport.js';

/**
 * The transport of the data plane (poll, update, heartbeat): kept-alive connections and as little work a request
 * as possible. It retries nothing, except a request that met a kept-alive connection which the server had just
 * closed. Opens no connection before the first request, keeps no process alive when idle.
 */
export class UndiciTransport extends Transport {
  readonly #options: HttpOptions;
  readonly #polls: Dispatcher;
  readonly #requests: Dispatcher;
  readonly #deadlines = new Deadlines();
  readonly #maxAnswerBytes: number;
  #closing: Promise<void> | undefined;

  constructor(options: HttpOptions, maxAnswerBytes: number = ANSWER_LIMITS.other) {
    super();
    this.#options = options;
    this.#maxAnswerBytes = maxAnswerBytes;
    this.#polls = createDispatcher(options, null);
    this.#requests = createDispatcher(options, options.updateConnections);
  }

  override request(request: TransportRequest): Promise<TransportResponse> {
    if (request.signal?.aborted === true) return Promise.reject(request.signal.reason);
    const dispatcher = request.lane === 'poll' ? this.#polls : this.#requests;
    return new Promise((resolve, reject) => {
      const maxBytes = Math.min(request.maxAnswerBytes ?? Infinity, this.#maxAnswerBytes);
      const limits = { deadlines: this.#deadlines, maxBytes };
      new Exchange(request, this.#options, dispatcher, limits, resolve, reject).start();
    });
  }

  override close(): Promise<void> {
    this.#closing ??= Promise.all([this.#polls.close(), this.#requests.close()]).then(() => undefined);
    return this.#closing;
  }
}

function createDispatcher(options: HttpOptions, connections: number | null): Dispatcher {
  const connect = { timeout: options.connectTimeoutMs, ...options.tls };
  if (options.proxy === undefined) return new Pool(options.origin, { connections, connect });
  const { url, username, password = '' } = options.proxy;
  return new ProxyAgent({
    uri: url,
    ...(username === undefined
      ? {}
      : { token: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }),
    // Plain HTTP is forwarded: proxies as a rule refuse CONNECT to other ports than 443.
    proxyTunnel: options.isHttps,
    requestTls: connect,
    proxyTls: { timeout: options.connectTimeoutMs },
    ...(connections === null ? {} : { connections }),
  });
}

/** What an exchange is held to. */
interface Limits {
  readonly deadlines: Deadlines;
  readonly maxBytes: number;
}

/** One request on its way, from the queue of the pool to the end of the answer. */
class Exchange implements Dispatcher.DispatchHandler, Expiring {
  readonly deadline: number;
  readonly #request: TransportRequest;
  readonly #options: HttpOptions;
  readonly #dispatcher: Dispatcher;
  readonly #limits: Limits;
  readonly #resolve: (response: TransportResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: TransportResponse['headers'] = {};
  #body: Buffer | Buffer[] | undefined;
  #bytes = 0;
  #isSettled = false;
  #wasResent = false;
  #onAbort: (() => void) | undefined;

  constructor(
    request: TransportRequest,
    options: HttpOptions,
    dispatcher: Dispatcher,
    limits: Limits,
    resolve: (response: TransportResponse) => void,
    reject: (reason: unknown) => void,
  ) {
    this.deadline = performance.now() + request.timeoutMs;
    this.#request = request;
    this.#options = options;
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal } = this.#request;
    if (signal !== undefined) {
      this.#onAbort = () => this.#giveUp(signal.reason);
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    this.#limits.deadlines.add(this);
    this.#dispatch();
  }

  expire(): void {
    this.#giveUp(timeoutError(this.#request, this.#options.baseUrl, this.#controller !== undefined));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited in the pool's queue: it must not be sent any more.
    if (this.#isSettled) controller.abort(new Error('the request was given up before it was sent'));
  }

  onResponseStart(_: unknown, status: number, headers: TransportResponse['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.maxBytes) return this.#endEarly();
    if (this.#body === undefined) this.#body = chunk;
    else if (Array.isArray(this.#body)) this.#body.push(chunk);
    else this.#body = [this.#body, chunk];
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    const bytes = Array.isArray(this.#body) ? Buffer.concat(this.#body) : this.#body;
    const head = { status: this.#status, headers: this.#headers };
    try {
      const body = bytes === undefined ? '' : textOfAnswer(this.#request, head, bytes, this.#limits.maxBytes);
      this.#resolve({ ...head, body });
    } catch (error) {
      this.#reject(error);
    }
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#isSettled) return;
    if (this.#mayResend(error)) {
      this.#wasResent = true;
      this.#controller = undefined;
      this.#dispatch();
    } else if (this.#settle()) {
      this.#reject(networkError(this.#request, this.#options.baseUrl, error));
    }
  }

  #dispatch(): void {
    const { method, path, headers, body } = this.#request;
    const options: Dispatcher.DispatchOptions = {
      method,
      path: this.#options.basePath + path,
      headers,
      body: body ?? null,
      // One limit for the whole exchange is kept here instead; these would cost a timer each.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    if (this.#options.proxy !== undefined) {
      options.origin = this.#options.origin;
      options.headers = { ...headers }; // the proxy agent writes into it
    }
    this.#dispatcher.dispatch(options, this);
  }

  /**
   * A server may close an idle connection at the very moment when a request is written to it. With EPIPE the
   * server had closed before the request came, so nobody has read it. Otherwise that is likely, but not certain,
   * when the connection has brought answers before: only a request that does no harm twice goes again.
   */
  #mayResend(error: Error & { code?: string; socket?: { bytesRead?: number } }): boolean {
    if (this.#wasResent || this.#status !== 0) return false;
    if (error.code === 'EPIPE') return true;
    const { method, idempotent = method !== 'POST' } = this.#request;
    return idempotent && error.code === 'UND_ERR_SOCKET' && (error.socket?.bytesRead ?? 0) > 0;
  }

  /** The answer is too large: nothing more of it is read. */
  #endEarly(): void {
    const head = { status: this.#status, headers: this.#headers };
    if (!isGood(head)) {
      if (!this.#settle()) return;
      this.#resolve({ ...head, body: '' });
      this.#controller?.abort(new Error('the rest of the answer is not wanted'));
    } else this.#giveUp(tooLargeError(this.#request, head, this.#limits.maxBytes));
  }

  #giveUp(reason: unknown): void {
    if (!this.#settle()) return;
    this.#reject(reason);
    this.#controller?.abort(new Error('the request was given up'));
  }

  /** Whether this call settled the exchange. */
  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#limits.deadlines.delete(this);
    if (this.#onAbort !== undefined) this.#request.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
