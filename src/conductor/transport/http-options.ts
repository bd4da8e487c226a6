import { integer, findProblems, rules, show, throwProblems } from '../../core/options.js';
import type { Environment } from '../../core/environment.js';
import { isLoopback, proxyFromEnvironment } from './proxy-environment.js';
import { SECRET_NAME } from './redaction.js';
import { readTlsFiles, type TlsFiles, type TlsSettings } from './tls-files.js';

/** How to reach a Conductor server. */
export interface ConductorConnection {
  /**
   * Address of the API, e.g. `http://localhost:8080/api`. `/api` is added to an address without a path; any other is used
   * as it is.
   */
  readonly serverUrl: string;
  /** Access key; together with `keySecret`. Without both, requests carry no token. */
  readonly keyId?: string | undefined;
  readonly keySecret?: string | undefined;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * HTTP proxy, including credentials if it needs any. An empty string disables the proxy.
   * @defaultValue from the environment variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`
   */
  readonly proxyUrl?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Time-out of a whole request in milliseconds; a long poll adds its waiting time. @defaultValue 30000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Time-out for connecting, including the TLS handshake, in milliseconds. @defaultValue 10000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Maximum number of connections for everything except polls; opened only when needed. @defaultValue 100 */
  readonly updateConnections?: number | undefined;
}

export interface Credentials {
  readonly keyId: string;
  readonly keySecret: string;
}

export interface ProxySettings {
  /** Scheme, host and port, without credentials. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

interface Resolved {
  readonly server: URL;
  readonly credentials: Credentials | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: ProxySettings | undefined;
  readonly tls: TlsSettings | undefined;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly updateConnections: number;
}

/**
 * A checked {@link ConductorConnection}: files read, environment looked at. Both transports obey it.
 * What may be secret is behind getters, so that it shows in no log of this object.
 */
export class HttpOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The path that all requests start with, without a slash at its end: `/api`, or empty. */
  readonly basePath: string;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly updateConnections: number;
  readonly #resolved: Resolved;

  /** @internal Use {@link resolveHttpOptions}. */
  constructor(resolved: Resolved) {
    this.#resolved = resolved;
    this.origin = resolved.server.origin;
    this.basePath = withApiPath(resolved.server).pathname.replace(/\/+$/, '');
    this.requestTimeoutMs = resolved.requestTimeoutMs;
    this.connectTimeoutMs = resolved.connectTimeoutMs;
    this.updateConnections = resolved.updateConnections;
    Object.freeze(this);
  }

  /** Origin and base path: what requests are relative to. */
  get baseUrl(): string {
    return this.origin + this.basePath;
  }
  /** The address that was given has no path: `/api` was added. */
  get isPathAdded(): boolean {
    return hasNoPath(this.#resolved.server);
  }
  get isHttps(): boolean {
    return this.#resolved.server.protocol === 'https:';
  }
  /** Whether key, secret or tokens go over the network in plain text. */
  get exposesSecrets(): boolean {
    if (this.isHttps || isLoopback(this.#resolved.server.hostname.replace(/^\[|\]$/g, ''))) return false;
    return this.credentials !== undefined || Object.keys(this.headers).some((name) => SECRET_NAME.test(name));
  }
  get credentials(): Credentials | undefined {
    return this.#resolved.credentials;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#resolved.headers;
  }
  get proxy(): ProxySettings | undefined {
    return this.#resolved.proxy;
  }
  get tls(): TlsSettings | undefined {
    return this.#resolved.tls;
  }
}

const API_PATH = '/api';

/** As users of the official SDKs write it: an address without a path means the API below it. */
export function withApiPath(server: URL): URL {
  return hasNoPath(server) ? new URL(API_PATH, server) : server;
}

function hasNoPath(server: URL): boolean {
  return /^\/*$/.test(server.pathname);
}

const WHERE = 'connection';
const duration = integer(1, 0x7fffffff);
const anything = { expected: 'anything', test: () => true };

export const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;

/** @throws ConfigurationError that lists everything that is wrong with `connection`, never a secret value */
export function resolveHttpOptions(
  connection: ConductorConnection,
  env: Environment = process.env,
): HttpOptions {
  const { problems, ...resolved } = check(connection, env);
  throwProblems(problems);
  return new HttpOptions({ ...resolved, server: resolved.server! });
}

/** The same, as sentences. */
export function connectionProblems(connection: ConductorConnection, env: Environment): readonly string[] {
  return check(connection, env).problems;
}

function check(
  connection: ConductorConnection,
  env: Environment,
): Omit<Resolved, 'server'> & { readonly server: URL | undefined; readonly problems: readonly string[] } {
  const problems = findProblems(
    WHERE,
    { ...connection },
    {
      // Checked below, where an error does not show the value.
      serverUrl: anything,
      keyId: anything,
      keySecret: anything,
      headers: rules.object,
      proxyUrl: anything,
      tls: rules.object,
      requestTimeoutMs: duration,
      connectTimeoutMs: duration,
      updateConnections: integer(1, 10_000),
    },
  );
  const server = checkServerUrl(connection.serverUrl, problems);
  const credentials = checkCredentials(connection, problems);
  checkHeaders(connection.headers ?? {}, problems);
  const proxy = checkProxy(connection.proxyUrl ?? proxyOf(server, env), problems);
  const tls =
    connection.tls === undefined ? undefined : readTlsFiles(connection.tls, `${WHERE}.tls`, problems);
  return {
    problems,
    server,
    credentials,
    headers: Object.freeze({ ...connection.headers }),
    proxy,
    tls,
    requestTimeoutMs: connection.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    connectTimeoutMs: connection.connectTimeoutMs ?? 10_000,
    updateConnections: connection.updateConnections ?? 100,
  };
}

function checkServerUrl(value: unknown, problems: string[]): URL | undefined {
  const url = parseHttpUrl(value);
  if (url === undefined) {
    const got = typeof value === 'string' ? show(withoutSecrets(value)) : show(value);
    problems.push(
      `${WHERE}: expected \`serverUrl\` (CONDUCTOR_SERVER_URL) to be an http or https address such as ` +
        `http://localhost:8080/api, got ${got}`,
    );
  } else if (url.username !== '' || url.password !== '') {
    problems.push(
      `${WHERE}: \`serverUrl\` must not hold credentials; give \`keyId\` and \`keySecret\` (CONDUCTOR_AUTH_KEY, ` +
        'CONDUCTOR_AUTH_SECRET), or an authorization header in `headers`',
    );
  } else if (url.search !== '' || url.hash !== '') {
    problems.push(
      `${WHERE}: \`serverUrl\` must not have a query or fragment, got ${url.origin}${url.pathname}?…`,
    );
  }
  return url;
}

function checkCredentials(connection: ConductorConnection, problems: string[]): Credentials | undefined {
  const { keyId = '', keySecret = '' } = connection;
  for (const [name, value] of [
    ['keyId', keyId],
    ['keySecret', keySecret],
  ] as const) {
    if (typeof value !== 'string')
      problems.push(`${WHERE}: expected \`${name}\` to be a string, got a ${typeof value}`);
  }
  if ((keyId === '') !== (keySecret === '')) {
    const [missing, variable] =
      keyId === '' ? ['keyId', 'CONDUCTOR_AUTH_KEY'] : ['keySecret', 'CONDUCTOR_AUTH_SECRET'];
    problems.push(
      `${WHERE}: \`keyId\` and \`keySecret\` belong together; \`${missing}\` (${variable}) is missing`,
    );
  }
  return keyId === '' || keySecret === '' ? undefined : { keyId, keySecret };
}

function checkHeaders(headers: Readonly<Record<string, unknown>>, problems: string[]): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      problems.push(`${WHERE}: ${show(name)} in \`headers\` is not the name of a header`);
    } else if (/^(content-length|transfer-encoding|connection|keep-alive|upgrade|expect|host)$/i.test(name)) {
      problems.push(
        `${WHERE}: the header ${show(name)} is set by the client itself; take it out of \`headers\``,
      );
    } else if (typeof value !== 'string' || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      problems.push(`${WHERE}: the value of header ${show(name)} is not a string that HTTP allows`);
    }
  }
}

function proxyOf(server: URL | undefined, env: Environment): string | undefined {
  return server === undefined ? undefined : proxyFromEnvironment(server, env);
}

function checkProxy(value: unknown, problems: string[]): ProxySettings | undefined {
  if (value === undefined || value === '') return undefined;
  // As curl and most programs do: a proxy without a scheme is an HTTP one.
  const url = parseHttpUrl(typeof value === 'string' && !value.includes('://') ? `http://${value}` : value);
  if (url === undefined) {
    const got = typeof value === 'string' ? show(withoutSecrets(value)) : show(value);
    problems.push(
      `${WHERE}: expected the proxy to be an http or https address such as http://proxy:3128, got ${got}`,
    );
    return undefined;
  }
  if (url.username === '') return { url: url.origin };
  return { url: url.origin, username: decode(url.username), password: decode(url.password) };
}

function parseHttpUrl(value: unknown): URL | undefined {
  if (typeof value !== 'string' || !/^https?:\/\//i.test(value) || !URL.canParse(value)) return undefined;
  return new URL(value);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** An address for an error message: what may be a password or token is taken out. */
function withoutSecrets(address: string): string {
  return address.replace(/\?.*$/s, '?***').replace(/^([a-z]+:\/\/)?.*@/is, '$1***@');
}
