import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveHttpOptions } from '../../src/conductor/transport/http-options.js';
import type { TransportRequest } from '../../src/conductor/transport/transport.js';
import { UndiciTransport } from '../../src/conductor/transport/undici-transport.js';
import { ScriptedServer } from '../support/scripted-server.js';

const get: TransportRequest = { method: 'GET', path: '/x', headers: {}, timeoutMs: 10_000 };
const post: TransportRequest = { method: 'POST', path: '/x', headers: {}, body: 'body', timeoutMs: 10_000 };

/** Answers the first request of each of the first `faulty` connections, and closes when the second one comes. */
function forgetfulServer(faulty: number): { server: Server; requests: string[] } {
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket: Socket) => {
    const isFaulty = ++connections <= faulty;
    let count = 0;
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        requests.push(chunk.toString());
        if (++count === 2 && isFaulty) socket.end();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
  });
  return { server, requests };
}

describe('a kept-alive connection that the server closes', () => {
  let server: Server;
  let requests: string[];
  let transport: UndiciTransport;
  const listen = async (faulty: number): Promise<void> => {
    ({ server, requests } = forgetfulServer(faulty));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connection = { serverUrl: `http://127.0.0.1:${port}`, updateConnections: 1 };
    transport = new UndiciTransport(resolveHttpOptions(connection, {}));
  };
  afterEach(async () => {
    await transport.close();
    server.close();
  });

  it('is replaced, and a request that does no harm twice is sent again', async () => {
    await listen(1);
    expect((await transport.request(get)).body).toBe('ok');
    expect((await transport.request(get)).body).toBe('ok');
    expect(requests).toHaveLength(3);
  });

  it('lets a POST fail that is not known to be harmless, and sends one again that is', async () => {
    await listen(2);
    await transport.request(post);
    await expect(transport.request(post)).rejects.toMatchObject({ code: 'HTTP_NETWORK' });
    expect(requests).toHaveLength(2);
    await transport.request(post);
    expect((await transport.request({ ...post, idempotent: true })).body).toBe('ok');
    expect(requests.at(-1)).toMatch(/body$/);
    expect(requests).toHaveLength(5);
  });
});

describe('an answer that a gateway has compressed unasked', () => {
  let transport: UndiciTransport;
  let server: HttpServer;
  const answering = async (encoding: string, body: Buffer, maxBytes?: number): Promise<void> => {
    server = createHttpServer((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    transport = new UndiciTransport(
      resolveHttpOptions({ serverUrl: `http://127.0.0.1:${port}` }, {}),
      maxBytes,
    );
  };
  afterEach(async () => {
    await transport.close();
    server.close();
  });

  it.each([
    ['gzip', gzipSync('größer')],
    ['GZIP', gzipSync('größer')],
    ['br', brotliCompressSync('größer')],
    ['deflate', deflateSync('größer')],
    ['identity', Buffer.from('größer')],
    ['gzip', Buffer.alloc(0)],
  ])('is read: %s', async (encoding, body) => {
    await answering(encoding, body);
    expect((await transport.request(get)).body).toBe(body.length === 0 ? '' : 'größer');
  });

  it.each([
    ['zstd', Buffer.from('x'), /answered 200 with a body encoded as "zstd", which is not known/],
    ['gzip', Buffer.from('plain'), /a body that is not "gzip" as it says/],
    ['gzip', gzipSync('x'.repeat(10_000)), /more than 1000 bytes/],
  ])('or refused, with an error that says why: %s', async (encoding, body, message) => {
    await answering(encoding, body, 1_000);
    const asked = transport.request(get);
    await expect(asked).rejects.toMatchObject({ code: 'HTTP_BODY', isRetryable: true });
    await expect(asked).rejects.toThrow(message);
  });
});

describe('an answer that is too large', () => {
  it('is given up, with an error that says so', async () => {
    const server = await ScriptedServer.start();
    const transport = new UndiciTransport(resolveHttpOptions({ serverUrl: server.url }, {}), 1_000);
    server.on('GET /x', { body: 'x'.repeat(1_000) }, { body: 'x'.repeat(100_000) });
    const request = { method: 'GET', path: '/x', headers: {}, timeoutMs: 60_000 } as const;
    expect((await transport.request(request)).body).toHaveLength(1_000);
    await expect(transport.request(request)).rejects.toMatchObject({
      code: 'HTTP_BODY',
      message: expect.stringContaining('more than 1000 bytes') as string,
    });
    await transport.close();
    await server.close();
  });
});

describe('lanes and queue', () => {
  let server: ScriptedServer;
  let transport: UndiciTransport;
  beforeEach(async () => {
    server = await ScriptedServer.start();
    const connection = { serverUrl: server.url, updateConnections: 1 };
    transport = new UndiciTransport(resolveHttpOptions(connection, {}));
    server.on('GET /poll', 'hang').on('GET /slow', 'hang').on('GET /x', { body: 'ok' });
  });
  afterEach(async () => {
    await server.close();
    await transport.close();
  });

  it('a poll that waits delays no request, nor another poll', async () => {
    const polls = [1, 2].map(() => transport.request({ ...get, path: '/poll', lane: 'poll' }));
    for (const poll of polls) poll.catch(() => undefined);
    await server.received(2);
    expect((await transport.request(get)).body).toBe('ok');
  });

  it('what is given up in the queue is not sent any more', async () => {
    const slow = transport.request({ ...get, path: '/slow', timeoutMs: 400 });
    const queued = transport.request({ ...get, timeoutMs: 100 });
    await expect(queued).rejects.toMatchObject({
      code: 'HTTP_TIMEOUT',
      message: expect.stringContaining('no free'),
    });
    const controller = new AbortController();
    const aborted = transport.request({ ...get, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(slow).rejects.toMatchObject({ code: 'HTTP_TIMEOUT' });
    expect((await transport.request({ ...get, path: '/x?last' })).body).toBe('ok');
    expect(server.requests.map((request) => request.path)).toEqual(['/api/slow', '/api/x?last']);
  });

  it('a time limit holds for a body that drips as well', async () => {
    server.on('GET /x', 'drip');
    await expect(transport.request({ ...get, timeoutMs: 200 })).rejects.toMatchObject({
      code: 'HTTP_TIMEOUT',
    });
  });
});
