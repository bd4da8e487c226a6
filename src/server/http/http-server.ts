import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpAccess } from '../../http/http-access.js';
import { BodyTooLargeError, createLimitedServer, readBody } from '../../http/http-limits.js';
import { within } from '../../core/sleep.js';
import { testRunner } from '../../core/test-runner.js';
import { ApiError, internal } from '../model/api-error.js';
import { credentialOf, type Authentication } from './authentication.js';
import { errorReply } from './errors.js';
import { EMPTY, type Reply } from './reply.js';
import { ApiRequest } from './request.js';
import type { Router } from './router.js';

/** Longer than clients keep idle connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 75_000;
/** How long a close waits for answers under way. */
const CLOSE_GRACE_MS = 1000;

/** Speaks HTTP: reads requests, asks the router, writes answers, and notices when one does not arrive. */
export class HttpServer {
  readonly #router: Router;
  readonly #access: HttpAccess;
  readonly #authentication: Authentication | undefined;
  readonly #maxBodyBytes: number;
  readonly #server: Server;
  /** Connections whose last answer gave out tasks; the next request on them shows that it arrived. */
  readonly #watched = new WeakMap<Socket, () => void>();
  /** Requests that have not been answered to the end. */
  #active = 0;
  #onIdle: (() => void) | undefined;
  #isClosing = false;

  constructor(options: {
    readonly router: Router;
    readonly access: HttpAccess;
    /** Absent: everybody is let in. */
    readonly authentication: Authentication | undefined;
    readonly maxBodyBytes: number;
  }) {
    this.#router = options.router;
    this.#access = options.access;
    this.#authentication = options.authentication;
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#server = createLimitedServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    if (testRunner(process.env) !== undefined) this.#unref();
  }

  /** @returns the port, also when a free one was asked for with 0 */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening, waits a moment for the answers under way, and closes all connections. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const answered = new Promise<void>((resolve) => (this.#onIdle = resolve));
    if (this.#active > 0) await within(answered, CLOSE_GRACE_MS);
    this.#server.closeAllConnections();
    await closed;
  }

  /** A server that tests have forgotten must not keep their runner from ending; whoever waits for an answer does. */
  #unref(): void {
    this.#server.unref();
    this.#server.on('connection', (socket: Socket) => socket.unref());
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#watched.get(incoming.socket)?.();
    this.#active += 1;
    const hungUp = new AbortController();
    const hangUp = (): void => {
      if (!response.writableFinished) hungUp.abort();
    };
    // The end of what the client sends comes some turns of the loop before the response's own `close`.
    incoming.socket.once('end', hangUp);
    response.once('close', () => {
      incoming.socket.off('end', hangUp);
      hangUp();
      this.#active -= 1;
      if (this.#active === 0) this.#onIdle?.();
    });
    let reply: Reply;
    try {
      reply = await this.#answer(incoming, hungUp.signal);
    } catch (error) {
      reply = errorReply(error);
    }
    if (reply.isDropped === true) {
      incoming.socket.destroy();
      return;
    }
    if (hungUp.signal.aborted) {
      reply.onLost?.();
      return;
    }
    if (reply.onLost !== undefined) this.#watchDelivery(incoming.socket, hungUp.signal, reply.onLost);
    this.#write(incoming, response, reply);
  }

  /**
   * Calls `onLost` once when an answer cannot be written, or when the client resets the connection instead of going
   * on with it: then the answer met a closed socket. A client that closes in peace has read it.
   */
  #watchDelivery(socket: Socket, hungUp: AbortSignal, onLost: () => void): void {
    const stop = (): void => {
      hungUp.removeEventListener('abort', lost);
      socket.off('error', lost);
      socket.off('close', stopLater);
      this.#watched.delete(socket);
    };
    // A broken connection aborts `hungUp` on its close, which comes after that of the socket.
    const stopLater = (): void => void setImmediate(stop);
    const lost = (): void => {
      stop();
      onLost();
    };
    hungUp.addEventListener('abort', lost, { once: true });
    socket.once('error', lost);
    socket.once('close', stopLater);
    this.#watched.set(socket, stop);
  }

  async #answer(incoming: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    const refusal = this.#access.refusal(incoming);
    if (refusal !== undefined) throw new ApiError(refusal.status, refusal.message);
    const method = incoming.method ?? 'GET';
    const [path, query] = split(incoming.url ?? '/');
    if (method !== 'OPTIONS') this.#authentication?.check(path, incoming.headers);
    const rawBody = await this.#textOf(incoming);
    if (method === 'OPTIONS') return EMPTY;
    const { handler, params } = this.#router.find(method, path);
    const contentType = incoming.headers['content-type'];
    return handler(
      new ApiRequest({
        method,
        path,
        query,
        params,
        signal,
        token: credentialOf(incoming.headers),
        contentType,
        rawBody,
      }),
    );
  }

  async #textOf(incoming: IncomingMessage): Promise<string> {
    if (incoming.method === 'GET' || incoming.method === 'HEAD') return '';
    try {
      return textOf(await readBody(incoming, this.#maxBodyBytes));
    } catch (error) {
      if (error instanceof BodyTooLargeError)
        throw new ApiError(413, `${error.message} (option \`maxBodyBytes\` of embeddedServer())`);
      throw error;
    }
  }

  #write(incoming: IncomingMessage, response: ServerResponse, reply: Reply): void {
    const headers: Record<string, string | number> = { ...reply.headers };
    if (reply.contentType !== undefined) headers['content-type'] = reply.contentType;
    if (reply.status !== 204) headers['content-length'] = Buffer.byteLength(reply.body ?? '');
    if (this.#isClosing) headers['connection'] = 'close';
    response.writeHead(reply.status, headers);
    response.end(incoming.method === 'HEAD' ? undefined : reply.body);
  }
}

function split(url: string): [string, string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** @throws ApiError 500, as on the real server, when it is not UTF-8 */
function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw internal('JSON parse error: Invalid UTF-8');
  return body.toString('utf8');
}
