import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { HTTP_LIMITS } from '../../src/http/http-limits.js';
import { embeddedServer, type EmbeddedServerOptions, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { rawRequest } from '../support/raw-http.js';
import { RecordingLogger } from '../support/recording-logger.js';

/** Far above what an honest request takes, far below what these attacks took. */
const SOON_MS = 3_000;

let server: RunningServer;
let client: ConformanceClient;

beforeAll(async () => {
  server = await embeddedServer().start(new RecordingLogger());
  client = new ConformanceClient(server.url);
});
afterAll(() => server.close());

async function another(options: EmbeddedServerOptions): Promise<ConformanceClient> {
  const other = await embeddedServer(options).start(new RecordingLogger());
  onTestFinished(() => other.close());
  return new ConformanceClient(other.url);
}

async function outputOf(
  one: ConformanceClient,
  expression: string,
  input: Record<string, unknown> = {},
): Promise<unknown> {
  const type = await one.defineTask();
  const tasks = [{ name: type, taskReferenceName: 't', inputParameters: { v: expression } }];
  const id = await one.run(tasks, { input });
  return (await one.workflow(id)).tasks[0]?.inputData['v'];
}

describe('the environment of the process', () => {
  it('cannot be read by a workflow, but for CONDUCTOR_ENV_*', async () => {
    process.env['SECRET_TOKEN'] = 'hunter2';
    process.env['CONDUCTOR_ENV_REGION'] = 'eu';
    onTestFinished(() => {
      delete process.env['SECRET_TOKEN'];
      delete process.env['CONDUCTOR_ENV_REGION'];
    });
    const task = {
      name: 't',
      taskReferenceName: 't',
      inputParameters: { v: '${SECRET_TOKEN}', w: '${workflow.input.${SECRET_TOKEN}}' },
    };
    const refused = await client.request('POST', '/metadata/workflow', { name: 'leak', tasks: [task] });
    expect(refused.text).not.toContain('hunter2');
    expect(refused.status).toBe(400);
    expect(await outputOf(client, '${workflow.env.REGION}')).toBe('eu');
    expect(await outputOf(client, '${CONDUCTOR_ENV_REGION}')).toBe('eu');
    expect(await outputOf(client, '${workflow.env.SECRET_TOKEN}')).toBe(null);
    expect(await outputOf(client, '${workflow.env.constructor}')).toBe(null);
  });

  it.each([
    ['the name', '${${workflow.input.x}}', 'SECRET_TOKEN', 'CONDUCTOR_ENV_REGION'],
    ['the name below workflow.env', '${workflow.env.${workflow.input.x}}', 'SECRET_TOKEN', 'REGION'],
    ['the whole path', '${${workflow.input.x}}', 'workflow.env.SECRET_TOKEN', 'workflow.env.REGION'],
  ])('nor when the input of the workflow makes %s', async (_, expression, secret, open) => {
    process.env['SECRET_TOKEN'] = 'hunter2';
    process.env['CONDUCTOR_ENV_REGION'] = 'eu';
    onTestFinished(() => {
      delete process.env['SECRET_TOKEN'];
      delete process.env['CONDUCTOR_ENV_REGION'];
    });
    expect(await outputOf(client, expression, { x: secret })).toBe(null);
    // The expression does read the environment.
    expect(await outputOf(client, expression, { x: open })).toBe('eu');
  });

  it('is what the option says', async () => {
    const open = await another({ environment: { SECRET_TOKEN: 'given', CONDUCTOR_ENV_A: '1' } });
    expect(await outputOf(open, '${SECRET_TOKEN}')).toBe('given');
    expect(await outputOf(open, '${workflow.env.A}')).toBe('1');
    expect(await outputOf(open, '${workflow.env.REGION}')).toBe(null);
  });
});

describe('a page in a browser', () => {
  const post = (headers: readonly string[], path: string, body: string): Promise<{ status: number }> =>
    rawRequest(server.port, [`POST /api${path} HTTP/1.1`, ...headers], body);

  it('whose name was made to resolve to this machine (DNS rebinding) gets nothing', async () => {
    const { status, body } = await rawRequest(server.port, [
      'GET /api/metadata/workflow HTTP/1.1',
      `host: evil.example:${server.port}`,
    ]);
    expect(status).toBe(421);
    expect(JSON.parse(body)).toMatchObject({
      status: 421,
      message: expect.stringContaining('`allowedHosts` of embeddedServer()'),
    });
  });

  it.each([
    ['a form', ['origin: http://evil.example', 'content-type: text/plain']],
    ['a sandboxed frame', ['origin: null', 'content-type: text/plain']],
    ['a form without an origin', ['sec-fetch-site: cross-site', 'content-type: text/plain']],
    ['another port of this machine', ['origin: http://localhost:3000', 'sec-fetch-site: same-site']],
  ])('writes no log of a task: %s', async (_, headers) => {
    const taskId = client.name('task');
    const sent = await post([`host: localhost:${server.port}`, ...headers], `/tasks/${taskId}/log`, 'spam');
    expect(sent.status).toBe(403);
    expect((await client.request('GET', `/tasks/${taskId}/log`)).status).toBe(204);
  });

  it('takes no task away by an image', async () => {
    const type = await client.defineTask();
    await client.run([type]);
    const { status } = await rawRequest(server.port, [
      `GET /api/tasks/poll/${type} HTTP/1.1`,
      `host: 127.0.0.1:${server.port}`,
      'sec-fetch-site: cross-site',
    ]);
    expect(status).toBe(403);
    expect(await client.take(type)).toMatchObject({ pollCount: 1 });
  });

  it('of the server itself, and of an allowed host, is served', async () => {
    const allowed = await another({ allowedHosts: ['ui.example'] });
    const { port } = new URL(allowed.url);
    const get = (...headers: string[]): Promise<{ status: number }> =>
      rawRequest(Number(port), ['GET /api/metadata/taskdefs HTTP/1.1', ...headers]);
    const own = [
      `host: localhost:${port}`,
      `origin: http://localhost:${port}`,
      'sec-fetch-site: same-origin',
    ];
    expect((await get(...own)).status).toBe(200);
    expect((await get('host: ui.example', 'origin: https://ui.example')).status).toBe(200);
    expect((await get('host: other.example')).status).toBe(421);
  });
});

describe('bodies', () => {
  it('a task log of 30 MB is refused, and the server goes on', async () => {
    const path = `/tasks/${client.name('task')}/log`;
    const headers = { 'content-type': 'text/plain' };
    const answer = await client.request('POST', path, 'x'.repeat(30_000_000), { headers });
    expect(answer.status).toBe(413);
    expect(answer.body).toMatchObject({
      status: 413,
      message:
        'the body is larger than the 16777216 bytes that this server takes (option `maxBodyBytes` of embeddedServer())',
    });
    expect((await client.request('GET', path)).status).toBe(204);
  });

  it('the limit is an option', async () => {
    const small = await another({ maxBodyBytes: 2_000 });
    const path = '/tasks/t/log';
    expect((await small.request('POST', path, 'x'.repeat(2_000))).status).toBe(200);
    expect((await small.request('POST', path, 'x'.repeat(2_001))).status).toBe(413);
  });

  it.each([
    ['arrays', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['objects', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
  ])('JSON of %s nested 10,000 deep is refused', async (_, deep) => {
    const type = await client.defineTask();
    const workflow = await client.defineWorkflow([type]);
    const answer = await client.request('POST', `/workflow/${workflow}`, `{"x":${deep}}`);
    expect(answer.status).toBe(500);
    expect(answer.text).toContain('Document nesting depth exceeds the maximum allowed (1000)');
    const nearly = '['.repeat(990) + ']'.repeat(990);
    expect((await client.request('POST', `/workflow/${workflow}`, `{"x":${nearly}}`)).status).toBe(200);
    expect((await client.take(type)).inputData).toEqual({});
  });

  it('a flood of headers is refused', async () => {
    const flood = Array.from({ length: 400 }, (_, index) => `x-${index}: ${'y'.repeat(60)}`);
    const { status } = await rawRequest(server.port, ['GET /health HTTP/1.1', 'host: localhost', ...flood]);
    expect(status).toBe(431);
  });
});

describe('clients that send slowly', () => {
  it.each([
    ['half a head', 'POST /api/workflow HTTP/1.1\r\nhost: localhost\r\nx-slow: '],
    ['half a body', 'POST /api/workflow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{"a":'],
  ])('%s each, 200 of them, hold up neither other requests nor the end of the server', async (_, text) => {
    const other = await embeddedServer().start(new RecordingLogger());
    const slow = Array.from({ length: 200 }, () => connect(other.port, '127.0.0.1'));
    for (const socket of slow) socket.on('error', () => undefined);
    await Promise.all(slow.map((socket) => once(socket, 'connect')));
    await Promise.all(slow.map((socket) => new Promise((sent) => socket.write(text, sent))));
    // Not `once` of node:events: it rejects when a write meets the end of the server, which is one way for a socket to close.
    const closed = Promise.all(slow.map((socket) => new Promise((ended) => socket.once('close', ended))));
    const drip = setInterval(() => {
      for (const socket of slow) socket.write('x');
    }, 20);
    onTestFinished(() => clearInterval(drip));
    const honest = new ConformanceClient(other.url);
    for (let count = 0; count < 10; count++)
      expect((await honest.request('GET', '/metadata/taskdefs')).ms).toBeLessThan(SOON_MS);
    await other.close();
    await closed;
  });

  it('have as long as the limits say, which the unit tests try with shorter ones', () => {
    expect(HTTP_LIMITS).toMatchObject({ headersTimeoutMs: 10_000, requestTimeoutMs: 30_000 });
  });
});

describe('what is written to be slow is not', () => {
  async function expectQuick<T>(act: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await act();
    expect(performance.now() - from).toBeLessThan(SOON_MS);
    return result;
  }

  it('a search with stars', async () => {
    const type = await client.defineTask();
    const id = await client.run([type]);
    // Like the real server, this one finds tasks that have changed since they were made.
    await client.take(type);
    const query = encodeURIComponent(`workflowId=${'*a'.repeat(400)}*zzz`);
    const found = await expectQuick(() => client.expectOk('GET', `/tasks/search?query=${query}`));
    expect(found.body).toMatchObject({ totalHits: 0 });
    const star = encodeURIComponent(`workflowId=${id.slice(0, 4)}*${id.slice(-4)}`);
    expect((await client.expectOk('GET', `/tasks/search?query=${star}`)).body).toMatchObject({
      totalHits: 1,
    });
  });

  it('a path of slashes', async () => {
    const path = `/${'/'.repeat(15_000)}x`;
    expect((await expectQuick(() => client.request('GET', path))).status).toBe(404);
  });

  it.each([
    ['unclosed expressions', '${'.repeat(500_000)],
    ['unclosed filters', '${[?('.repeat(200_000)],
    ['nested expressions', '${'.repeat(300_000) + '}'.repeat(300_000)],
    ['spaces in a bracket', `\${t[${' '.repeat(500_000)}x}`],
    ['escapes', '$${'.repeat(300_000)],
  ])('a workflow with %s', async (_, text) => {
    const type = await client.defineTask();
    const task = { name: type, taskReferenceName: 't', inputParameters: { v: text } };
    await expectQuick(() =>
      client.request('POST', '/workflow', { name: 'x', workflowDef: { name: 'x', tasks: [task] } }),
    );
  });

  it('a path that doubles what it finds with each step', async () => {
    const type = await client.defineTask();
    const deep = JSON.parse('['.repeat(900) + '1' + ']'.repeat(900)) as unknown;
    const task = {
      name: type,
      taskReferenceName: 't',
      inputParameters: {
        v: `\${workflow.input.deep${'[0,0]'.repeat(900)}}`,
        w: '${workflow.input..*..*..*}',
      },
    };
    const id = await expectQuick(() => client.run([task], { input: { deep } }));
    expect((await client.workflow(id)).tasks[0]?.inputData).toEqual({ v: null, w: null });
  });
});
