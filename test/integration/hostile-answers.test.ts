import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createConductorClients,
  createTaskClient,
  type ConductorClients,
} from '../../src/conductor/clients/conductor-clients.js';
import type { ConductorConnection } from '../../src/conductor/transport/http-options.js';
import { problemOf } from '../../src/conductor/wire/task-shape.js';
import type { TaskResultBody } from '../../src/conductor/wire/task-result.js';
import { HttpError, TuttiError } from '../../src/core/errors.js';
import { TRANSPORTS } from '../support/client-fixture.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedServer } from '../support/scripted-server.js';

const MB = 1024 * 1024;
const result: TaskResultBody = { taskId: 't-1', workflowInstanceId: 'w-1', status: 'COMPLETED' };

describe.each(TRANSPORTS)('hostile answers on $name', ({ Kind }) => {
  let server: Server;
  let clients: ConductorClients;
  let logger: RecordingLogger;
  const serve = async (
    listener: RequestListener,
    connection: Partial<ConductorConnection> = {},
    path = '/api',
  ): Promise<ConductorClients> => {
    server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    logger = new RecordingLogger();
    const serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    clients = await createConductorClients(
      { serverUrl, ...connection },
      { logger, transport: (options) => new Kind(options) },
    );
    return clients;
  };
  afterEach(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await clients.close();
  });
  const failure = async (promise: Promise<unknown>): Promise<HttpError> => {
    const error: unknown = await promise.then(
      () => new Error('it succeeded'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(HttpError);
    return error as HttpError;
  };

  /** A bomb: some kilobytes that become `bytes` of JSON. */
  const bomb = (bytes: number): Buffer => gzipSync(JSON.stringify('x'.repeat(bytes)));

  it.each<[string, number, (clients: ConductorClients) => Promise<unknown>]>([
    ['update', MB, ({ tasks }) => tasks.update(result)],
    ['heartbeat', MB, ({ tasks }) => tasks.extendLease(result)],
    ['search for tasks', 10 * MB, ({ tasks }) => tasks.search('')],
    ['search for workflows', 10 * MB, ({ workflows }) => workflows.search('')],
    ['task', 32 * MB, ({ tasks }) => tasks.getTask('t-1')],
    ['task definition', 10 * MB, ({ metadata }) => metadata.getTaskDef('greet')],
    [
      'request for all task definitions, where the caller has a limit,',
      10 * MB,
      ({ metadata }) => metadata.getTaskDefs({ maxAnswerBytes: 10 * MB }),
    ],
    [
      'poll for one',
      32 * MB,
      ({ tasks }) => tasks.poll({ taskType: 'a', workerId: 'w', count: 1, timeoutMs: 1 }),
    ],
  ])('the answer to a %s is read up to a limit, also when it is compressed', async (_, limit, ask) => {
    const body = bomb(limit + 1);
    expect(body.length).toBeLessThan(MB / 2);
    await serve((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(body));
    const error = await failure(ask(clients));
    expect(error).toMatchObject({ code: 'HTTP_BODY', details: { maxAnswerBytes: limit } });
    expect(error.message).toContain(`the server answered 200 with more than ${limit} bytes`);
  });

  it('the answer to a request for a token is read up to 1 MB', async () => {
    const body = bomb(MB + 1);
    await serve((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(body), {
      keyId: 'key-id-of-the-test',
      keySecret: 'secret-of-the-test',
    });
    expect(await failure(clients.tasks.update(result))).toMatchObject({
      code: 'HTTP_BODY',
      path: '/token',
      details: { maxAnswerBytes: MB },
    });
  });

  it('an answer without an end is given up at the limit, compressed as it comes', async () => {
    let sent = 0;
    await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      // Parts of nothing: decompressed it never grows.
      const nothing = Buffer.concat(Array.from({ length: 3_000 }, () => gzipSync('')));
      const more = (): void => {
        if (response.destroyed) return;
        sent += nothing.length;
        response.write(nothing, () => setImmediate(more));
      };
      more();
    });
    expect(await failure(clients.tasks.update(result))).toMatchObject({ code: 'HTTP_BODY' });
    // What the buffers on the way hold comes on top.
    expect(sent).toBeLessThan(20 * MB);
  });

  it.each([401, 502])('with an error status, %i, it is the status that counts', async (status) => {
    await serve((_request, response) => response.writeHead(status).end('x'.repeat(2 * MB)));
    expect((await failure(clients.tasks.update(result))).status).toBe(status);
    server
      .removeAllListeners('request')
      .on('request', (_request, response) =>
        response.writeHead(status, { 'content-encoding': 'zstd' }).end('not zstd'),
      );
    expect((await failure(clients.tasks.update(result))).status).toBe(status);
  });

  it('a page of 400 KB that begins with <title again and again does not hold up the process', async () => {
    await serve((_request, response) =>
      response.writeHead(502, { 'content-type': 'text/html' }).end('<title'.repeat(70_000)),
    );
    const from = performance.now();
    expect((await failure(clients.tasks.update(result))).message).toContain('HTML: a page without a title');
    expect(performance.now() - from).toBeLessThan(2_000);
  });

  it('values of headers, and their parts, are in no message and no log when they are echoed', async () => {
    const headers = {
      authorization: 'Bearer bearer-token-of-the-test',
      cookie: 'sid=session-id-of-the-test; theme=dark-and-light',
      'x-tenant': 'tenant-of-the-test',
    };
    await serve(
      (request, response) => {
        const { authorization = '', cookie, 'x-tenant': tenant } = request.headers;
        const echo = [authorization.split(' ')[1], authorization, cookie, cookie?.split(/[=;]/)[1], tenant];
        response.writeHead(502, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ message: `${echo.join(' | ')} ${JSON.stringify(request.headers)}` }));
      },
      { headers },
    );
    const error = await failure(clients.tasks.update(result));
    expect(error.message).toContain('***');
    expect(error.message + JSON.stringify(error) + String(error.stack) + logger.text).not.toMatch(
      /bearer-token|session-id|tenant-of|dark-and/,
    );
  });

  it('fields that cannot be used mark a task as one that must not be executed', async () => {
    const ids = { taskId: 't-1', workflowInstanceId: 'w-1' };
    const deep = '['.repeat(5_000) + ']'.repeat(5_000);
    const entries = [
      { ...ids, referenceTaskName: 'DEEP' },
      { ...ids, taskDefinition: { timeoutSeconds: 'abc' } },
      { ...ids, responseTimeoutSeconds: 1e-6 },
      { ...ids, taskDefinition: { timeoutSeconds: '30' }, responseTimeoutSeconds: '10' },
    ];
    await serve((_request, response) => response.end(JSON.stringify(entries).replace('"DEEP"', deep)));
    const { tasks } = await clients.tasks.poll({ taskType: 'a', workerId: 'w', count: 4, timeoutMs: 1 });
    expect(tasks.map(problemOf)).toEqual([
      'expected `referenceTaskName` to be a string, got an array',
      'expected `taskDefinition.timeoutSeconds` to be a number, got "abc" (string)',
      undefined,
      undefined,
    ]);
    expect(tasks).toMatchObject([
      { referenceTaskName: '' },
      { taskDefinition: {} },
      { responseTimeoutSeconds: 1 },
      { taskDefinition: { timeoutSeconds: 30 }, responseTimeoutSeconds: 10 },
    ]);
  });

  describe('the address', () => {
    it('without a path means the API below it', async () => {
      const paths: (string | undefined)[] = [];
      await serve((request, response) => void (paths.push(request.url), response.end('t-1')), {}, '');
      await clients.tasks.update(result);
      expect(paths).toEqual(['/api/tasks']);
      expect(logger.at('debug').join()).toContain('the server URL has no path: /api is added');
    });

    it.each([
      ['JSON', 'application/json', '{"status":404,"error":"Not Found"}'],
      ['HTML', 'text/html', '<html><title>Not here</title></html>'],
    ])('that is wrong gets a hint with the first 404 (%s)', async (_, type, body) => {
      let isThere = false;
      await serve(
        (_request, response) =>
          isThere ? response.end('t-1') : response.writeHead(404, { 'content-type': type }).end(body),
        {},
        '/wrong',
      );
      const { message } = await failure(clients.tasks.update(result));
      expect(message).toMatch(
        /is the server URL right \(http:\/\/127\.0\.0\.1:\d+\/wrong\)\? It usually ends in \/api$/,
      );
      if (type === 'text/html') return;
      isThere = true;
      await clients.tasks.update(result);
      isThere = false;
      expect((await failure(clients.tasks.update(result))).message).not.toContain('server URL');
    });

    it('gets no hint where the server speaks of what was asked for', async () => {
      const body = JSON.stringify({ status: 404, message: 'No such workflow found by id: x' });
      await serve((_request, response) => response.writeHead(404).end(body));
      expect((await failure(clients.workflows.get('x'))).message).not.toContain('server URL');
    });
  });
});

describe('a result that is too large', () => {
  const tooLarge = async (outputData: Record<string, unknown>): Promise<TuttiError> => {
    const server = await ScriptedServer.start();
    const client = createTaskClient({ serverUrl: server.url }, { logger: new RecordingLogger() });
    const error: unknown = await client.update({ ...result, outputData }).catch((reason: unknown) => reason);
    expect(server.requests).toEqual([]);
    await client.close();
    await server.close();
    expect(TuttiError.is(error, 'PAYLOAD_TOO_LARGE')).toBe(true);
    return error as TuttiError;
  };

  it('to be sent is not, and says how large it is', async () => {
    const { message, details } = await tooLarge({ text: 'x'.repeat(64 * MB) });
    expect(message).toContain('64.0 MB (67108864 bytes) that can be sent');
    expect(details['bytes']).toBeGreaterThan(64 * MB);
  });

  it('to be written at all (800 MB) is not sent either', async () => {
    const part = 'x'.repeat(100 * MB);
    const { message } = await tooLarge({ parts: Array.from({ length: 8 }, () => part) });
    expect(message).toMatch(/^about 800\.0 MB \(8388\d+ bytes\) are more than the 64\.0 MB/);
  });
});
