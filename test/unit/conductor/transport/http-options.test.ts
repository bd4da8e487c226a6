import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  resolveHttpOptions,
  type ConductorConnection,
} from '../../../../src/conductor/transport/http-options.js';
import { ConfigurationError } from '../../../../src/core/errors.js';

const serverUrl = 'http://localhost:8080/api';

function failure(connection: Record<string, unknown>, env: Record<string, string> = {}): string {
  try {
    resolveHttpOptions(connection as unknown as ConductorConnection, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('resolveHttpOptions', () => {
  it.each([
    ['http://localhost:8080/api', 'http://localhost:8080', '/api'],
    ['http://localhost:8080/api/', 'http://localhost:8080', '/api'],
    ['https://c.example.com', 'https://c.example.com', '/api'],
    ['https://c.example.com//', 'https://c.example.com', '/api'],
    ['https://c.example.com/conductor', 'https://c.example.com', '/conductor'],
    ['https://c.example.com:443/a/b//', 'https://c.example.com', '/a/b'],
    ['HTTP://[::1]:80/api', 'http://[::1]', '/api'],
  ])('splits %s', (url, origin, basePath) => {
    const options = resolveHttpOptions({ serverUrl: url }, {});
    expect(options).toMatchObject({ origin, basePath });
    expect(options.baseUrl).toBe(origin + basePath);
  });

  it.each([
    ['http://conductor:8080/api', { keyId: 'k', keySecret: 's' }, true],
    ['http://192.0.2.1/api', { headers: { Authorization: 'Bearer x' } }, true],
    ['http://conductor/api', { headers: { 'X-Team': 'blue' } }, false],
    ['http://conductor/api', {}, false],
    ['https://conductor/api', { keyId: 'k', keySecret: 's' }, false],
    ['http://localhost:8080/api', { keyId: 'k', keySecret: 's' }, false],
    ['http://127.0.0.1/api', { keyId: 'k', keySecret: 's' }, false],
    ['http://[::1]/api', { keyId: 'k', keySecret: 's' }, false],
  ])('knows whether secrets go to %s in plain text (%j): %s', (url, secrets, expected) => {
    expect(resolveHttpOptions({ serverUrl: url, ...secrets }, {}).exposesSecrets).toBe(expected);
  });

  it('has defaults and is frozen', () => {
    const options = resolveHttpOptions({ serverUrl }, {});
    expect(options).toMatchObject({
      requestTimeoutMs: 30_000,
      connectTimeoutMs: 10_000,
      updateConnections: 100,
    });
    expect(options.proxy).toBeUndefined();
    expect(options.tls).toBeUndefined();
    expect(options.credentials).toBeUndefined();
    expect(Object.isFrozen(options)).toBe(true);
  });

  it.each([undefined, '', 'localhost:8080', 'ftp://x/api', 'http://', 42])(
    'refuses the address %s',
    (url) => {
      expect(failure({ serverUrl: url })).toMatch(
        /expected `serverUrl` \(CONDUCTOR_SERVER_URL\) to be an http or https address/,
      );
    },
  );

  it.each([
    'http://me:hunter2@host/api',
    'me:hunter2@host:8080',
    'ftp://me:hunter2@host',
    'host/?token=hunter2',
    'http://me:hunter2@host/?x',
  ])('does not repeat what may be a password: %s', (url) => {
    const message = failure({ serverUrl: url });
    expect(message).toContain('serverUrl');
    expect(message).not.toContain('hunter2');
  });

  it('refuses a query', () => {
    expect(failure({ serverUrl: 'http://h/api?a=1' })).toContain('must not have a query');
  });

  it('lists all mistakes in one error, with a guess for unknown keys', () => {
    const message = failure({
      serverUrl: 'x',
      requestTimeout: 5,
      connectTimeoutMs: -1,
      updateConnections: 0,
    });
    expect(message).toContain('4 problems');
    expect(message).toContain('unknown option `requestTimeout`, did you mean `requestTimeoutMs`?');
    expect(message).toContain('`connectTimeoutMs`');
    expect(message).toContain('`updateConnections`');
  });

  it('wants key and secret together, and never shows them', () => {
    expect(failure({ serverUrl, keyId: 'hunter2' })).toMatch(
      /`keySecret` \(CONDUCTOR_AUTH_SECRET\) is missing/,
    );
    expect(failure({ serverUrl, keySecret: 'hunter2' })).toMatch(/`keyId` \(CONDUCTOR_AUTH_KEY\) is missing/);
    expect(failure({ serverUrl, keyId: 'k', keySecret: 4711 })).not.toContain('4711');
    expect(resolveHttpOptions({ serverUrl, keyId: '', keySecret: '' }, {}).credentials).toBeUndefined();
  });

  it('refuses headers that HTTP does not allow or that are not the user’s', () => {
    expect(failure({ serverUrl, headers: { 'a b': 'x' } })).toContain('not the name of a header');
    expect(failure({ serverUrl, headers: { 'content-length': '1' } })).toContain('set by the client itself');
    const message = failure({ serverUrl, headers: { authorization: 'hunter2\n' } });
    expect(message).toContain('authorization');
    expect(message).not.toContain('hunter2');
  });

  it('takes credentials out of the proxy address', () => {
    const { proxy } = resolveHttpOptions({ serverUrl, proxyUrl: 'http://me:p%40ss@proxy:3128/' }, {});
    expect(proxy).toEqual({ url: 'http://proxy:3128', username: 'me', password: 'p@ss' });
    expect(resolveHttpOptions({ serverUrl, proxyUrl: 'proxy:3128' }, {}).proxy).toEqual({
      url: 'http://proxy:3128',
    });
    expect(failure({ serverUrl, proxyUrl: 'socks5://me:hunter2@proxy' })).not.toContain('hunter2');
  });

  it('looks for a proxy in the environment unless one is given', () => {
    const remote = 'http://conductor.example.com/api';
    const env = { HTTP_PROXY: 'http://env-proxy:1' };
    expect(resolveHttpOptions({ serverUrl: remote }, env).proxy?.url).toBe('http://env-proxy:1');
    expect(resolveHttpOptions({ serverUrl: remote, proxyUrl: 'http://own:2' }, env).proxy?.url).toBe(
      'http://own:2',
    );
    expect(resolveHttpOptions({ serverUrl: remote, proxyUrl: '' }, env).proxy).toBeUndefined();
  });

  it('shows no secret when it is printed', () => {
    const options = resolveHttpOptions(
      {
        serverUrl,
        keyId: 'hunter2',
        keySecret: 'hunter2',
        headers: { a: 'hunter2' },
        proxyUrl: 'http://u:hunter2@p',
      },
      {},
    );
    expect(inspect(options, { depth: 9, showHidden: true }) + JSON.stringify(options)).not.toContain(
      'hunter2',
    );
  });
});

describe('tls files', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-tls-'));
    writeFileSync(path('text.pem'), 'hunter2');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('names the option, the path and the reason', () => {
    const message = failure({ serverUrl, tls: { caPath: path('none.pem') } });
    expect(message).toContain('`caPath`');
    expect(message).toContain(path('none.pem'));
    expect(message).toContain('ENOENT');
  });

  it('refuses files that are not PEM, without showing what is in them', () => {
    const tls = { caPath: path('text.pem'), certPath: path('text.pem'), keyPath: path('text.pem') };
    const message = failure({ serverUrl, tls });
    expect(message).toContain('3 problems');
    expect(message).toContain('no PEM private key');
    expect(message).not.toContain('hunter2');
  });

  it('wants certificate and key together, and knows its keys', () => {
    expect(failure({ serverUrl, tls: { certPath: 'a' } })).toContain('belong together');
    expect(failure({ serverUrl, tls: { ca: 'a' } })).toContain('unknown option `ca`');
  });

  it('finds a key that belongs to another certificate', ({ skip }) => {
    try {
      for (const name of ['a', 'b']) {
        execFileSync(
          'openssl',
          ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`].concat(
            '-keyout',
            path(`${name}.key`),
            '-out',
            path(`${name}.crt`),
          ),
          { stdio: 'ignore' },
        );
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      skip('NOT RUN: there is no openssl on this machine');
    }
    expect(failure({ serverUrl, tls: { certPath: path('a.crt'), keyPath: path('b.key') } })).toContain(
      'together',
    );
    const options = resolveHttpOptions(
      { serverUrl, tls: { certPath: path('a.crt'), keyPath: path('a.key') } },
      {},
    );
    expect(options.tls?.rejectUnauthorized).toBe(true);
    expect(options.tls?.key).toContain('PRIVATE KEY');
    expect(inspect(options, { depth: 9, showHidden: true })).not.toContain('PRIVATE KEY');
  });
});
