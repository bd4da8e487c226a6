import {
  Agent,
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach } from 'vitest';
import type { JsonObject, Task } from '../../src/conductor/wire/types.js';
import { TaskServer } from './task-server.js';

export interface FaultyRequest {
  readonly method: string;
  /** Below `/api`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** What was answered; `undefined` while it waits, and when the connection was cut. */
  status: number | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What happens to a request that a rule applies to. */
export type Fault =
  /** Somebody else answers; the server never hears of it. */
  | { readonly answer: Answer }
  /** The server takes it, and somebody else answers. */
  | { readonly answerAfter: Answer }
  /** The connection is cut before or after the server took the request. */
  | { readonly cut: 'before' | 'after' }
  /** The request waits: so many milliseconds, or for this promise. */
  | { readonly delay: number | Promise<void> }
  /** The server's answer is changed on its way. */
  | { readonly rewrite: (body: string, request: FaultyRequest) => string };

export interface Match {
  readonly method?: string;
  readonly path?: string | RegExp;
  /** Of the request's body. */
  readonly body?: string | RegExp;
  /** Share of the requests that match, 0 to 1, evenly spread. */
  readonly share?: number;
}

export interface Rule {
  /** How often it was applied. */
  readonly hits: number;
  end(): void;
}

/** Gives tokens, and lets nobody in without a valid one. */
interface Gatekeeper {
  readonly lifetimeMs: number;
  readonly refuses: (count: number) => boolean;
  /** Requests for tokens, by the port of the client. */
  readonly counts: Map<number | undefined, number>;
  readonly tokens: Map<string, number>;
}

const HTML: Answer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!doctype html><html><head><title>Please wait</title></head><body>…</body></html>',
};

/** Answers as servers, proxies and load balancers give them. */
export const answers = {
  unavailable: { status: 503, body: 'upstream connect error' },
  badGateway: {
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<html><title>502 Bad Gateway</title></html>',
  },
  tooMany: (seconds: number): Answer => ({
    status: 429,
    headers: { 'retry-after': String(seconds) },
    body: 'slow down',
  }),
  unauthorized: {
    status: 401,
    headers: { 'content-type': 'application/json' },
    body: '{"error":"EXPIRED_TOKEN"}',
  },
  html: HTML,
  /** An ingress that knows no server at the moment. */
  noBackend: {
    status: 404,
    headers: { 'content-type': 'text/html' },
    body: '<html><title>404 Not Found</title></html>',
  },
  noTask: (taskId: string): Answer => ({
    status: 404,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: 404, message: `No such task found by id: ${taskId}`, retryable: false }),
  }),
  noEndpoint: {
    status: 405,
    headers: { 'content-type': 'application/json' },
    body: '{"status":405,"message":"Method Not Allowed"}',
  },
} as const;

/**
 * The embedded server behind a network that breaks as networks do. Nothing of the server's behaviour is imitated: a rule
 * says what happens on the way to it and back.
 */
export class FaultyConductor {
  readonly server: TaskServer;
  readonly requests: FaultyRequest[] = [];
  readonly #rules: { match: Match; fault: Fault; left: number; seen: number; hits: number }[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  #proxy: Server | undefined;
  #port = 0;
  #gatekeeper: Gatekeeper | undefined;
  /** How far the server's clock is ahead of this machine's, in milliseconds. */
  skewMs = 0;
  tokenRequests = 0;

  private constructor(server: TaskServer) {
    this.server = server;
  }

  static async start(): Promise<FaultyConductor> {
    const faulty = new FaultyConductor(await TaskServer.start());
    await faulty.up();
    return faulty;
  }

  /** Where the programs under test find it. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  /** From now on this happens to the requests that match, `times` times. Earlier rules go first. */
  on(match: Match, fault: Fault, times = Infinity): Rule {
    const rule = { match, fault, left: times, seen: 0, hits: 0 };
    this.#rules.push(rule);
    return {
      get hits() {
        return rule.hits;
      },
      end: () => (rule.left = 0),
    };
  }

  /** Connections are refused from now on, those that are open are cut. */
  async down(): Promise<void> {
    const proxy = this.#proxy;
    this.#proxy = undefined;
    if (proxy === undefined) return;
    const closed = new Promise((resolve) => proxy.close(resolve));
    proxy.closeAllConnections();
    await closed;
  }

  /** Answers again, at the same address. */
  async up(): Promise<void> {
    const proxy = createServer(
      (request, response) => void this.#handle(request, response).catch(() => response.destroy()),
    );
    await new Promise<void>((resolve, reject) => {
      proxy.once('error', reject);
      proxy.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (proxy.address() as AddressInfo).port;
    this.#proxy = proxy;
  }

  /**
   * From now on a token is needed, valid for so long.
   *
   * @param refuses - whether the nth request of a connection for one is refused
   */
  requireTokens(lifetimeMs: number, refuses: (count: number) => boolean = () => false): void {
    this.#gatekeeper = { lifetimeMs, refuses, counts: new Map(), tokens: new Map() };
  }

  /** The requests to `path` so far. */
  of(path: string): FaultyRequest[] {
    return this.requests.filter((request) => request.path.startsWith(path));
  }

  /** The updates that were sent for a task, by either endpoint, heartbeats left out. */
  resultsOf(taskId: string): (JsonObject & { status: string })[] {
    return this.#updates(taskId).filter((body) => body['extendLease'] !== true);
  }

  heartbeatsOf(taskId: string): FaultyRequest[] {
    return this.of('/tasks').filter(
      ({ body }) => body.includes(taskId) && body.includes('"extendLease":true'),
    );
  }

  async close(): Promise<void> {
    await this.down();
    this.#agent.destroy();
    await this.server.close();
  }

  #updates(taskId: string): (JsonObject & { status: string })[] {
    return this.requests
      .filter(({ method, path }) => method === 'POST' && (path === '/tasks' || path === '/tasks/update-v2'))
      .map((request) => JSON.parse(request.body) as JsonObject & { status: string })
      .filter((body) => body['taskId'] === taskId);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', this.url);
    const recorded: FaultyRequest = {
      method: request.method ?? '',
      path: url.pathname.replace(/^\/api/, ''),
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      at: Date.now(),
      status: undefined,
    };
    this.requests.push(recorded);
    response.once('finish', () => (recorded.status = response.statusCode));
    const refusal =
      this.#gatekeeper === undefined
        ? undefined
        : this.#admit(this.#gatekeeper, recorded, request.socket.remotePort);
    if (refusal !== undefined) return send(response, refusal);
    const fault = this.#take(recorded, false);
    if (fault === undefined) return this.#pass(request, response, recorded);
    if ('answer' in fault) return send(response, fault.answer);
    if ('delay' in fault) {
      const { delay } = fault;
      await (typeof delay === 'number' ? new Promise((resolve) => setTimeout(resolve, delay)) : delay);
      return this.#pass(request, response, recorded);
    }
    if ('cut' in fault && fault.cut === 'before') return void request.socket.destroy();
    this.#pass(request, response, recorded, fault);
  }

  #admit(gatekeeper: Gatekeeper, { path, headers }: FaultyRequest, port?: number): Answer | undefined {
    if (path === '/token') {
      this.tokenRequests++;
      // By connection: by a common count, one of two processes could always be the one that is refused.
      const count = (gatekeeper.counts.get(port) ?? 0) + 1;
      gatekeeper.counts.set(port, count);
      if (gatekeeper.refuses(count)) return answers.unavailable;
      const token = `token-${this.tokenRequests}-${Math.random().toString(36).slice(2)}`;
      gatekeeper.tokens.set(token, Date.now() + gatekeeper.lifetimeMs);
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      };
    }
    const validUntil = gatekeeper.tokens.get(String(headers['x-authorization'])) ?? 0;
    return Date.now() < validUntil ? undefined : answers.unauthorized;
  }

  /** The next fault for a request, or for its answer. */
  #take(request: FaultyRequest, isAnswered: boolean): Fault | undefined {
    for (const rule of this.#rules) {
      if ('rewrite' in rule.fault !== isAnswered) continue;
      if (rule.left <= 0 || !matches(rule.match, request)) continue;
      const { share = 1 } = rule.match;
      rule.seen++;
      if (Math.floor(rule.seen * share) === Math.floor((rule.seen - 1) * share)) continue;
      rule.left--;
      rule.hits++;
      return rule.fault;
    }
    return undefined;
  }

  #pass(request: IncomingMessage, response: ServerResponse, recorded: FaultyRequest, fault?: Fault): void {
    const { method, headers } = request;
    const target = new URL(request.url ?? '/', this.server.url);
    const onward = forward(target, { method, headers, agent: this.#agent }, (answer) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk as Buffer);
        if (fault !== undefined && 'cut' in fault) return request.socket.destroy();
        if (fault !== undefined && 'answerAfter' in fault) return send(response, fault.answerAfter);
        let text = this.#onItsWay(Buffer.concat(chunks).toString(), answer.statusCode);
        // Only now, so that it also holds for a poll that was under way.
        const change = fault === undefined ? this.#take(recorded, true) : undefined;
        if (change !== undefined && 'rewrite' in change) text = change.rewrite(text, recorded);
        const { 'content-length': _, 'transfer-encoding': __, ...rest } = answer.headers;
        response.writeHead(answer.statusCode ?? 500, { ...rest, 'content-length': Buffer.byteLength(text) });
        return response.end(text);
      })().catch(() => response.destroy());
    });
    onward.on('error', () => response.destroy());
    // Whoever drops a request here drops it at the server too.
    response.once('close', () => {
      if (!response.writableFinished && fault === undefined) onward.destroy();
    });
    onward.end(recorded.body);
  }

  /** Sets the clock of the server. */
  #onItsWay(text: string, status: number | undefined): string {
    if (status !== 200 || text === '' || this.skewMs === 0) return text;
    const body = JSON.parse(text) as Task | Task[];
    for (const task of [body].flat()) shift(task as unknown as Record<string, unknown>, this.skewMs);
    return JSON.stringify(body);
  }
}

const TIMES = ['scheduledTime', 'startTime', 'endTime', 'updateTime', 'firstStartTime'];

function shift(task: Record<string, unknown>, ms: number): void {
  for (const name of TIMES) {
    const time = task[name];
    if (typeof time === 'number' && time > 0) task[name] = time + ms;
  }
}

function matches({ method, path, body }: Match, request: FaultyRequest): boolean {
  if (method !== undefined && method !== request.method) return false;
  if (typeof path === 'string' && path !== request.path) return false;
  if (path instanceof RegExp && !path.test(request.path)) return false;
  if (typeof body === 'string' && !request.body.includes(body)) return false;
  return !(body instanceof RegExp) || body.test(request.body);
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}

/** One for each test of a file, with a definition for each of these task types. Call it before `appProcesses()`. */
export function faultyConductorOfEachTest(...types: readonly string[]): () => FaultyConductor {
  let faulty: FaultyConductor;
  beforeEach(async () => {
    faulty = await FaultyConductor.start();
    for (const type of types) await faulty.server.define(type);
  });
  afterEach(() => faulty.close());
  return () => faulty;
}
