import type { Server, ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createLimitedServer, HTTP_LIMITS, readBody } from '../../../src/http/http-limits.js';
import { rawBytes, rawRequest } from '../../support/raw-http.js';

const FAST = { ...HTTP_LIMITS, headersTimeoutMs: 100, requestTimeoutMs: 200, checkIntervalMs: 20 };
let server: Server | undefined;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-length': text.length }).end(text);
}

async function start(limits = HTTP_LIMITS): Promise<number> {
  const created = createLimitedServer((request, response) => {
    readBody(request, 1_000).then(
      (body) => answer(response, 200, String(body.length)),
      (error: Error) => answer(response, 413, error.message),
    );
  }, limits);
  server = created;
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve));
  return (created.address() as AddressInfo).port;
}

it('a body up to the limit is read, a longer one is answered after it was sent', async () => {
  const port = await start();
  const post = ['POST / HTTP/1.1', 'host: localhost'];
  expect(await rawRequest(port, post, 'x'.repeat(1_000))).toEqual({ status: 200, body: '1000' });
  const tooLong = await rawRequest(port, post, 'x'.repeat(10_000));
  expect(tooLong).toEqual({
    status: 413,
    body: 'the body is larger than the 1000 bytes that this server takes',
  });
});

it('a body without an end is cut off', async () => {
  const port = await start();
  const head = 'POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n';
  const socket = connect(port, '127.0.0.1', () => void socket.write(head));
  const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
  const timer = setInterval(() => socket.write(chunk), 1);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(timer);
  expect(socket.bytesWritten).toBeLessThan(10_000_000);
});

it.each([
  ['nothing', ''],
  ['half a head', 'GET / HTTP/1.1\r\nhost: loc'],
  ['half a body', 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n123'],
])('a client that sends %s loses its connection', async (_, text) => {
  const port = await start(FAST);
  // Resolves when the server closes: with the default limits of Node that is minutes later.
  const received = await rawBytes(port, [Buffer.from(text)]);
  expect(received === '' || received.startsWith('HTTP/1.1 408')).toBe(true);
});

it('more headers than the limit are answered 431', async () => {
  const port = await start();
  const flood = Array.from({ length: 400 }, (_, index) => `x-${index}: ${'y'.repeat(60)}`);
  const { status } = await rawRequest(port, ['GET / HTTP/1.1', 'host: localhost', ...flood]);
  expect(status).toBe(431);
});
