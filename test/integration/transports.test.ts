import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AxiosTransport } from '../../src/conductor/transport/axios-transport.js';
import { resolveHttpOptions, type ConductorConnection } from '../../src/conductor/transport/http-options.js';
import type { Transport, TransportRequest } from '../../src/conductor/transport/transport.js';
import { UndiciTransport } from '../../src/conductor/transport/undici-transport.js';
import { HttpError } from '../../src/core/errors.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { TestProxy } from '../support/test-proxy.js';

const kinds = [
  { name: 'UndiciTransport', Kind: UndiciTransport },
  { name: 'AxiosTransport', Kind: AxiosTransport },
] as const;

const get: TransportRequest = {
  method: 'GET',
  path: '/x',
  headers: { 'x-authorization': 'hunter2' },
  timeoutMs: 10_000,
};
const post: TransportRequest = {
  method: 'POST',
  path: '/tasks',
  headers: { 'content-type': 'application/json', 'x-authorization': 'hunter2' },
  body: '{"name":"hunter2 ä€😀"}',
  timeoutMs: 10_000,
};

async function failure(promise: Promise<unknown>): Promise<HttpError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HttpError);
  expect(inspect(error, { depth: 12, showHidden: true }) + JSON.stringify(error)).not.toContain('hunter2');
  return error as HttpError;
}

describe.each(kinds)('$name', ({ Kind }) => {
  let server: ScriptedServer;
  let transport: Transport;
  const open = (more: Partial<ConductorConnection> = {}): Transport =>
    (transport = new Kind(resolveHttpOptions({ serverUrl: server.url, ...more }, {})));

  beforeEach(async () => void (server = await ScriptedServer.start()));
  afterEach(async () => {
    await server.close();
    await transport.close();
  });

  it('sends method, path, headers and body whole, and brings the answer whatever its status', async () => {
    server.on('POST /tasks', { status: 418, headers: { 'x-a': 'b' }, body: 'ü€😀'.repeat(100_000) });
    const response = await open().request({ ...post, path: '/tasks?q=%2F' });
    expect(response.status).toBe(418);
    expect(response.headers['x-a']).toBe('b');
    expect(response.body).toBe('ü€😀'.repeat(100_000));
    const [seen] = server.requests;
    expect(seen).toMatchObject({ method: 'POST', path: '/api/tasks?q=%2F', body: post.body });
    expect(seen?.headers).toMatchObject({ 'content-type': 'application/json', 'x-authorization': 'hunter2' });
    expect(seen?.headers['content-length']).toBe(String(Buffer.byteLength(post.body!)));
    expect(seen?.headers['transfer-encoding']).toBeUndefined();
  });

  it('keeps connections alive', async () => {
    server.on('GET /x', { body: '[]' });
    open();
    for (let i = 0; i < 10; i++) await transport.request(get);
    // undici takes a second one for what is sent before the first is free again, at the end of the turn.
    expect(new Set(server.requests.map((request) => request.connection)).size).toBeLessThanOrEqual(2);
  });

  it('follows no redirect', async () => {
    server.on('GET /x', { status: 302, headers: { location: '/api/y' } });
    expect((await open().request(get)).status).toBe(302);
    expect(server.requests).toHaveLength(1);
  });

  it('answers an empty body with an empty string', async () => {
    server.on('GET /x', { status: 204 });
    expect(await open().request(get)).toMatchObject({ status: 204, body: '' });
  });

  it('reports a server that is not there', async () => {
    open();
    await server.close();
    const error = await failure(transport.request(post));
    expect(error).toMatchObject({ code: 'HTTP_NETWORK', status: undefined, method: 'POST', path: '/tasks' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it.each(['drop', 'cut'] as const)(
    'reports a connection that breaks (%s), without asking again',
    async (script) => {
      server.on('GET /x', script);
      const error = await failure(open().request(get));
      expect(error.code).toBe('HTTP_NETWORK');
      expect(server.requests).toHaveLength(1);
    },
  );

  it('ends a request after its time', async () => {
    server.on('POST /tasks', 'hang');
    const error = await failure(open().request({ ...post, timeoutMs: 150 }));
    expect(error).toMatchObject({ code: 'HTTP_TIMEOUT', status: undefined });
    expect(error.message).toContain('within 150 ms');
  });

  it('rejects with the reason of an abort, before and while', async () => {
    server.on('GET /x', 'hang');
    open();
    const before = AbortSignal.abort(new Error('before'));
    await expect(transport.request({ ...get, signal: before })).rejects.toThrow('before');
    const controller = new AbortController();
    const promise = transport.request({ ...get, signal: controller.signal });
    await server.received(1);
    controller.abort(new Error('while'));
    await expect(promise).rejects.toThrow('while');
  });

  it('close waits for what is under way, and refuses what comes after', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    server.on('GET /x', async () => {
      await held;
      return { body: 'late' };
    });
    open();
    const answer = transport.request(get);
    await server.received(1);
    const closed = transport.close();
    expect((await failure(transport.request(get))).code).toBe('HTTP_NETWORK');
    release();
    expect((await answer).body).toBe('late');
    await closed;
    await transport.close();
  });

  it('gives up when a connection is not made in time', async () => {
    const silent = createServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    // TLS: the connection counts as made after the handshake, which never comes.
    const error = await failure(
      open({ serverUrl: `https://127.0.0.1:${port}`, connectTimeoutMs: 200 }).request(get),
    );
    expect(error.code).toBe('HTTP_NETWORK');
    expect(error.message).toContain('no connection within the time limit');
    silent.close();
  });

  describe('through a proxy', () => {
    let proxy: TestProxy;
    const authorization = `Basic ${Buffer.from('me:hunter2').toString('base64')}`;
    const proxyUrl = (): string => `http://me:hunter2@${proxy.address}`;
    beforeEach(async () => void (proxy = await TestProxy.start()));
    afterEach(async () => {
      await transport.close();
      await proxy.close();
    });

    it('forwards plain HTTP, with the proxy’s credentials for the proxy only', async () => {
      server.on('POST /tasks', { body: 'ok' });
      expect((await open({ proxyUrl: proxyUrl() }).request(post)).body).toBe('ok');
      expect(proxy.requests).toEqual([{ kind: 'forward', target: `${server.url}/tasks`, authorization }]);
      expect(server.requests[0]).toMatchObject({ path: '/api/tasks', body: post.body });
      expect(server.requests[0]?.headers['x-authorization']).toBe('hunter2');
    });

    it('takes the same frozen headers again and again', async () => {
      server.on('GET /x', { body: 'ok' });
      open({ proxyUrl: proxyUrl() });
      const headers = Object.freeze({ ...get.headers });
      for (let i = 0; i < 2; i++) expect((await transport.request({ ...get, headers })).body).toBe('ok');
    });

    it('reports a proxy that is not there', async () => {
      const error = await failure(open({ proxyUrl: 'http://me:hunter2@127.0.0.1:1' }).request(get));
      expect(error.code).toBe('HTTP_NETWORK');
      expect(error.message).toContain('ECONNREFUSED');
    });
  });

  describe('over TLS', () => {
    let folder: string;
    let isReady = false;
    const file = (name: string): string => join(folder, name);
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tutti-tls-'));
      try {
        for (const name of ['server', 'client']) {
          execFileSync(
            'openssl',
            ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`].concat(
              '-addext',
              'subjectAltName=IP:127.0.0.1',
              '-keyout',
              file(`${name}.key`),
              '-out',
              file(`${name}.crt`),
            ),
            { stdio: 'ignore' },
          );
        }
        isReady = true;
      } catch (error) {
        if ((error as { code?: string }).code !== 'ENOENT') throw error;
        console.warn('NOT RUN: the TLS tests need openssl, which is not on this machine');
      }
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    beforeEach(async ({ skip }) => {
      if (!isReady) skip('NOT RUN: there is no openssl on this machine');
      await server.close();
      const read = (name: string): string => readFileSync(file(name), 'utf8');
      server = await ScriptedServer.start({
        key: read('server.key'),
        cert: read('server.crt'),
        ca: read('client.crt'),
        requestCert: true,
      });
      server.on('GET /x', { body: 'ok' });
    });

    it('trusts the authority of the file and shows its own certificate', async () => {
      const tls = { caPath: file('server.crt'), certPath: file('client.crt'), keyPath: file('client.key') };
      expect((await open({ tls }).request(get)).body).toBe('ok');
      expect(server.requests[0]?.clientCertificate).toBe('client');
    });

    it('refuses a certificate it does not know, and says what to do', async () => {
      const error = await failure(open().request(get));
      expect(error.code).toBe('HTTP_NETWORK');
      expect(error.message).toContain('tls.caPath');
      expect(server.requests).toHaveLength(0);
    });

    it('takes any certificate when it is told to', async () => {
      expect((await open({ tls: { rejectUnauthorized: false } }).request(get)).body).toBe('ok');
    });

    it('goes through the tunnel of a proxy', async () => {
      const proxy = await TestProxy.start();
      const connection = {
        proxyUrl: `http://me:p%40ss@${proxy.address}`,
        tls: { caPath: file('server.crt') },
      };
      expect((await open(connection).request(get)).body).toBe('ok');
      const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
      expect(proxy.requests).toEqual([{ kind: 'tunnel', target: `127.0.0.1:${server.port}`, authorization }]);
      await transport.close();
      await proxy.close();
    });
  });
});
