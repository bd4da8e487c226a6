import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import axios, { type AxiosInstance, type AxiosProxyConfig, type AxiosRequestConfig } from 'axios';
import { HttpError } from '../../core/errors.js';
import { ANSWER_LIMITS } from './answer-limits.js';
import { isGood, textOfAnswer, tooLargeError } from './content-encoding.js';
import type { HttpOptions, ProxySettings } from './http-options.js';
import { networkError, timeoutError } from './network-error.js';
import { Transport, type TransportRequest, type TransportResponse } from './transport.js';

/**
 * The transport of the management clients. Give it an axios instance of your own to hook interceptors in; agents
 * and proxy that the instance sets stay, everything else comes from the connection.
 */
export class AxiosTransport extends Transport {
  readonly #options: HttpOptions;
  readonly #axios: AxiosInstance;
  readonly #defaults: AxiosRequestConfig<string>;
  readonly #agents: readonly [HttpAgent, HttpsAgent];
  readonly #underWay = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: HttpOptions, instance: AxiosInstance = axios.create()) {
    super();
    this.#options = options;
    this.#axios = instance;
    this.#agents = [
      limitConnecting(new HttpAgent({ keepAlive: true }), 'connect', options.connectTimeoutMs),
      limitConnecting(
        new HttpsAgent({ keepAlive: true, ...options.tls }),
        'secureConnect',
        options.connectTimeoutMs,
      ),
    ];
    const own = instance.defaults;
    this.#defaults = {
      httpAgent: own.httpAgent ?? this.#agents[0],
      httpsAgent: own.httpsAgent ?? this.#agents[1],
      proxy: own.proxy ?? axiosProxy(options.proxy),
      // Decompressed and made a text here, within the limit of the request.
      responseType: 'arraybuffer',
      decompress: false,
      transformRequest: (data: unknown) => data,
      validateStatus: () => true,
      // A redirect is an answer to report: following it would turn a POST into a GET and send the token along.
      maxRedirects: 0,
      maxBodyLength: Infinity,
      timeout: 0,
    };
  }

  override request(request: TransportRequest): Promise<TransportResponse> {
    const exchange = this.#exchange(request);
    const settled: Promise<void> = exchange.then(
      () => void this.#underWay.delete(settled),
      () => void this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return exchange;
  }

  async #exchange(request: TransportRequest): Promise<TransportResponse> {
    request.signal?.throwIfAborted();
    if (this.#isClosed) throw networkError(request, this.#options.baseUrl, new Error('the client is closed'));
    const limit = AbortSignal.timeout(request.timeoutMs);
    const maxBytes = request.maxAnswerBytes ?? ANSWER_LIMITS.other;
    try {
      const answer = await this.#axios.request<unknown>({
        ...this.#defaults,
        maxContentLength: maxBytes,
        // Interceptors of a given instance see the text.
        transformResponse: (data: unknown, headers: object, status = 200) =>
          asText(data, (bytes) =>
            textOfAnswer(request, { status, headers: lowerCased(headers) }, bytes, maxBytes),
          ),
        method: request.method,
        url: this.#options.baseUrl + request.path,
        headers: { ...request.headers },
        ...(request.body === undefined ? {} : { data: request.body }),
        signal: request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]),
      });
      const { data } = answer;
      const body =
        typeof data === 'string' ? data : data === undefined || data === null ? '' : JSON.stringify(data);
      return { status: answer.status, headers: lowerCased(answer.headers), body };
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof HttpError) throw error;
      const head = headOfTooLarge(error);
      if (head !== undefined && isGood(head)) throw tooLargeError(request, head, maxBytes);
      if (head !== undefined) return { ...head, body: '' };
      if (limit.aborted) throw timeoutError(request, this.#options.baseUrl, true);
      throw networkError(request, this.#options.baseUrl, withoutConfig(error));
    }
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#underWay);
    for (const agent of this.#agents) agent.destroy();
  }
}

/** Only Node's own adapter gives a `Buffer`, as it came; others have decompressed what they give. */
function asText(data: unknown, textOf: (bytes: Buffer) => string): unknown {
  if (Buffer.isBuffer(data)) return textOf(data);
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data;
}

/** What is known of an answer that axios has given up as too large. */
function headOfTooLarge(error: unknown): Pick<TransportResponse, 'status' | 'headers'> | undefined {
  if (!axios.isAxiosError(error) || !error.message.startsWith('maxContentLength size of')) return undefined;
  const { res } = (error.request ?? {}) as { res?: { statusCode?: number; headers?: object } };
  return { status: res?.statusCode ?? 200, headers: lowerCased(res?.headers ?? {}) };
}

/** Node writes header names like that, an adapter or interceptor of the user may not. */
function lowerCased(headers: object): TransportResponse['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function axiosProxy(proxy: ProxySettings | undefined): AxiosProxyConfig | false {
  if (proxy === undefined) return false;
  const { protocol, hostname, port } = new URL(proxy.url);
  const { username, password = '' } = proxy;
  return {
    protocol: protocol.slice(0, -1),
    host: hostname,
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    ...(username === undefined ? {} : { auth: { username, password } }),
  };
}

/** An axios error holds the whole request, token included; what goes on as a cause is the error below it. */
function withoutConfig(error: unknown): unknown {
  if (!axios.isAxiosError(error)) return error;
  return (
    error.cause ??
    Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code })
  );
}

/** Node has no limit for connecting of its own; axios has one for the whole request only. */
function limitConnecting<A extends HttpAgent>(
  agent: A,
  connected: 'connect' | 'secureConnect',
  limitMs: number,
): A {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback);
    const expire = (): void => {
      socket?.destroy(Object.assign(new Error(`no connection within ${limitMs} ms`), { code: 'ETIMEDOUT' }));
    };
    const timer = setTimeout(expire, limitMs);
    socket?.once(connected, () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    return socket;
  };
  return agent;
}
