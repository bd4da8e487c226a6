import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError, describeThrown, TuttiError } from '../../core/errors.js';
import { HttpAccess } from '../../http/http-access.js';
import { BodyTooLargeError, createLimitedServer, readBody } from '../../http/http-limits.js';
import type { Logger } from '../../core/logger.js';
import { healthReport, type HealthCheck } from '../status/health-report.js';
import type { OrchestratorStatus } from '../status/status.js';

/** Where the health of the application is served, and who may send commands. */
export interface HealthOptions {
  /** 0: a free one, see `status().healthUrl`. */
  readonly port: number;
  readonly host: string;
  /** Names by which it may be called, besides `localhost`, addresses and `host`. */
  readonly allowedHosts: readonly string[];
  /** Whether commands are taken. */
  readonly commands: boolean;
  /** What commands must bring along; `undefined`: {@link HealthServer.makeToken} makes one. */
  readonly token: string | undefined;
}

/** Where a secret is kept that only the user of this program may read. */
export interface SecretFolder {
  /** @returns the path of the file */
  writeSecret(name: string, text: string): Promise<string>;
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
/** So many connections at a time: a probe needs one. */
const MAX_CONNECTIONS = 256;
const TOKEN_FILE = 'command-token';
const CHECKS = { '/livez': 'live', '/readyz': 'ready', '/startupz': 'started' } as const;

/** `/livez`, `/readyz`, `/startupz` and `/status` over HTTP, and `POST /commands/…` where that is allowed. */
export class HealthServer {
  readonly #options: HealthOptions;
  readonly #target: HealthTarget;
  readonly #commands: HealthCommands;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #access: HttpAccess;
  #token: string | undefined;

  constructor(options: HealthOptions, target: HealthTarget, commands: HealthCommands, logger: Logger) {
    this.#options = options;
    this.#target = target;
    this.#commands = commands;
    this.#logger = logger;
    this.#token = options.token;
    this.#access = new HttpAccess(options.host, options.allowedHosts, '`health.allowedHosts`');
    this.#server = createLimitedServer((request, response) => void this.#handle(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
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
    this.#logger.info(`health server listening on ${this.url}`);
  }

  /**
   * Makes the token that commands need, where they are allowed and none was given. Until then they are refused.
   *
   * @param folder - `undefined`, or one that cannot be written: commands stay refused, which is logged
   */
  async makeToken(folder: SecretFolder | undefined): Promise<void> {
    if (!this.#options.commands || this.#token !== undefined) return;
    const token = randomBytes(32).toString('base64url');
    try {
      if (folder === undefined) throw new Error('there is no folder for it');
      const file = await folder.writeSecret(TOKEN_FILE, `${token}\n`);
      this.#token = token;
      this.#logger.info('commands need the token in this file, as `Authorization: Bearer`', { file });
    } catch (error) {
      this.#logger.warn(
        'commands are refused: their token cannot be written to a file; give one (option `health.token`, TUTTI_HEALTH_TOKEN)',
        { error: describeThrown(error) },
      );
    }
  }

  /** `undefined` while it does not listen. */
  get url(): string | undefined {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) return undefined;
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** From now on it does not keep the process alive. */
  unref(): void {
    this.#server.unref();
    this.#server.on('connection', (socket) => socket.unref());
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
      const refusal = this.#access.refusal(request);
      if (refusal !== undefined) return send(response, refusal.status, { error: refusal.message });
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
    if (!this.#isAuthorised(request)) {
      return send(
        response,
        401,
        {
          error:
            'commands need the header `authorization: Bearer <token>`; the token is what `health.token` or TUTTI_HEALTH_TOKEN gives, else in the file that the log names',
        },
        { 'www-authenticate': 'Bearer' },
      );
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
    const result = await command(argumentsOf(await readBody(request, MAX_BODY_BYTES)));
    this.#logger.info('a command was taken', { command: name, result });
    send(response, 200, { result: result ?? 'ok' });
  }

  #isAuthorised({ headers }: IncomingMessage): boolean {
    const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    return given !== undefined && this.#token !== undefined && isSame(given, this.#token);
  }
}

/** Takes as long whatever they have in common. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function argumentsOf(bytes: Buffer): CommandArguments {
  const text = bytes.toString('utf8').trim();
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
  if (error instanceof BodyTooLargeError) return 413;
  if (TuttiError.is(error, 'WORKER_UNKNOWN')) return 404;
  if (TuttiError.is(error, 'CONFIG_INVALID')) return 400;
  return TuttiError.is(error, 'ILLEGAL_STATE') ? 409 : 500;
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
