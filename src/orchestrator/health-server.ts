import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError, describeThrown, TuttiError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { healthReport, type HealthCheck } from './health-report.js';
import type { OrchestratorStatus } from './status.js';

/** Where the health of the application is told, and who may change it. */
export interface HealthOptions {
  /** 0: a free one, see `status().healthUrl`. */
  readonly port: number;
  readonly host: string;
  /** Whether commands are taken. */
  readonly commands: boolean;
}

/** What a command may bring with it. */
export interface CommandArguments {
  readonly worker?: string | undefined;
  readonly concurrency?: number | undefined;
  readonly pollInterval?: number | undefined;
}

/** Commands by their names. */
export type HealthCommands = Readonly<Record<string, (given: CommandArguments) => unknown>>;

/** What the health server shows. */
export interface HealthTarget {
  status(): OrchestratorStatus;
}

const MAX_BODY_BYTES = 16_384;
const CHECKS = { '/livez': 'live', '/readyz': 'ready', '/startupz': 'started' } as const;

/** `/livez`, `/readyz`, `/startupz` and `/status` over HTTP, and `POST /commands/…` where that is allowed. */
export class HealthServer {
  readonly #options: HealthOptions;
  readonly #target: HealthTarget;
  readonly #commands: HealthCommands;
  readonly #logger: Logger;
  readonly #server: Server;

  constructor(options: HealthOptions, target: HealthTarget, commands: HealthCommands, logger: Logger) {
    this.#options = options;
    this.#target = target;
    this.#commands = commands;
    this.#logger = logger;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  /** @throws ConfigurationError when the address cannot be had */
  async start(): Promise<void> {
    const { port, host } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => reject(this.#unusable(error));
      this.#server.once('error', fail);
      // Exclusive: this process is a cluster primary, but the port is its own.
      this.#server.listen({ port, host, exclusive: true }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#logger.warn('the health server has a problem', { error }));
    this.#logger.info(`health is told on ${this.url}`);
  }

  /** `undefined` while it does not listen. */
  get url(): string | undefined {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) return undefined;
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #unusable(error: NodeJS.ErrnoException): ConfigurationError {
    const { port, host } = this.#options;
    const why = error.code === 'EADDRINUSE' ? 'the port is taken by another program' : error.message;
    return new ConfigurationError(
      'CONFIG_INVALID',
      `health: cannot listen on ${host}:${port}: ${why}; choose another port (option \`health.port\`, TUTTI_HEALTH_PORT)`,
      { cause: error, details: { host, port } },
    );
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const path = (request.url ?? '/').replace(/\?.*$/, '');
      if (path.startsWith('/commands/'))
        return await this.#command(path.slice('/commands/'.length), request, response);
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return send(response, 405, { error: 'use GET' });
      this.#show(path, response);
    } catch (error) {
      send(response, statusOf(error), { error: describeThrown(error) });
    }
  }

  #show(path: string, response: ServerResponse): void {
    const status = this.#target.status();
    const report = healthReport(status);
    if (path === '/status') return send(response, 200, { ...status, health: report });
    const check: HealthCheck | undefined = Object.hasOwn(CHECKS, path)
      ? report[CHECKS[path as keyof typeof CHECKS]]
      : undefined;
    if (check === undefined) {
      return send(response, 404, { error: `there are ${Object.keys(CHECKS).join(', ')} and /status` });
    }
    send(response, check.isOk ? 200 : 503, {
      status: check.isOk ? 'ok' : 'failing',
      reasons: check.reasons,
      notes: report.notes,
    });
  }

  async #command(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const commands = this.#commands;
    if (!this.#options.commands) {
      return send(response, 403, { error: 'commands are not allowed; option `health: { commands: true }`' });
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      return send(response, 404, {
        error: `there is no command "${name}"; there are ${Object.keys(commands).join(', ')}`,
      });
    }
    if (request.method !== 'POST') return send(response, 405, { error: 'use POST' });
    // A page in a browser can send no such request to another site unasked.
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
      return send(response, 415, { error: 'send `content-type: application/json`' });
    }
    const result = await command(await bodyOf(request));
    this.#logger.info('a command was taken', { command: name, result });
    send(response, 200, { result: result ?? 'ok' });
  }
}

async function bodyOf(request: IncomingMessage): Promise<CommandArguments> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new TuttiError('CONFIG_INVALID', 'the body is too long');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8').trim();
  const body: unknown = text === '' ? {} : parse(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw wrongBody();
  const { worker } = body as { worker?: unknown };
  if (worker !== undefined && typeof worker !== 'string') throw wrongBody();
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrongBody();
  }
}

function wrongBody(): TuttiError {
  return new TuttiError(
    'CONFIG_INVALID',
    'expected a JSON object such as {"worker": "greet", "concurrency": 5}',
  );
}

function statusOf(error: unknown): number {
  if (TuttiError.is(error, 'WORKER_UNKNOWN')) return 404;
  if (TuttiError.is(error, 'CONFIG_INVALID')) return 400;
  return TuttiError.is(error, 'ILLEGAL_STATE') ? 409 : 500;
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
