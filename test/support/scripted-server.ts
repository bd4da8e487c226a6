import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
  /** The common name in the client's certificate. */
  readonly clientCertificate?: string | undefined;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/**
 * What a route does: answer, `drop` the connection before an answer, `cut` it after half of the body,
 * send a byte now and then for ever (`drip`), never answer (`hang`), or whatever a function says.
 */
export type Script =
  | ScriptedAnswer
  | 'drop'
  | 'cut'
  | 'drip'
  | 'hang'
  | ((request: RecordedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>);

/** A real HTTP server on loopback that answers what a test wrote down and records what it was asked. */
export class ScriptedServer {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #scheme: string;
  readonly #scripts = new Map<string, Script[]>();
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  #connections = 0;

  private constructor(tls?: { key: string; cert: string; ca?: string; requestCert?: boolean }) {
    const numbers = new WeakMap<object, number>();
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      if (!numbers.has(request.socket)) numbers.set(request.socket, ++this.#connections);
      void this.#handle(request, response, numbers.get(request.socket) ?? 0);
    };
    this.#server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer({ ...tls, rejectUnauthorized: false }, handle);
    this.#scheme = tls === undefined ? 'http' : 'https';
  }

  static async start(tls?: {
    key: string;
    cert: string;
    ca?: string;
    requestCert?: boolean;
  }): Promise<ScriptedServer> {
    const server = new ScriptedServer(tls);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address of the API, `/api` included. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/api`;
  }

  /** What `route` (`POST /tasks`, below /api, without query) does, one script a request; the last one stays. */
  on(route: string, ...scripts: readonly Script[]): this {
    this.#scripts.set(route, [...scripts]);
    return this;
  }

  /** The requests of a route so far. */
  of(route: string): RecordedRequest[] {
    return this.requests.filter((request) => routeOf(request) === route);
  }

  /** Resolves when `count` requests have come in all. */
  async received(count: number): Promise<void> {
    if (this.requests.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** May be called again. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse, connection: number): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise((resolve) => request.on('close', resolve).on('end', resolve));
    const recorded: RecordedRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      connection,
      clientCertificate:
        request.socket instanceof TLSSocket
          ? [request.socket.getPeerCertificate().subject?.CN].flat()[0]
          : undefined,
    };
    this.requests.push(recorded);
    for (const waiter of this.#waiting) if (this.requests.length >= waiter.count) waiter.resolve();
    const script = this.#next(routeOf(recorded));
    if (script === 'hang') return;
    if (script === 'drop') return void request.socket.destroy();
    if (script === 'drip') {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(timer));
      return;
    }
    if (script === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('[{"taskId":', () => request.socket.destroy());
      return;
    }
    send(response, typeof script === 'function' ? await script(recorded) : script);
  }

  #next(route: string): Script {
    const scripts = this.#scripts.get(route);
    if (scripts === undefined || scripts.length === 0) {
      const message = `No static resource ${route.replace(/^\S+ \//, '')}.`;
      return { status: 404, body: { status: 404, message, instance: 'scripted', retryable: false } };
    }
    return scripts.length === 1 ? scripts[0]! : scripts.shift()!;
  }
}

function routeOf(request: RecordedRequest): string {
  return `${request.method} ${request.path.replace(/\?.*$/, '').replace(/^\/api/, '')}`;
}

function send(response: ServerResponse, answer: ScriptedAnswer): void {
  const { status = 200, headers = {}, body = '' } = answer;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}
