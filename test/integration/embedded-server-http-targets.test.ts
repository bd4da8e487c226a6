import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Workflow } from '../../src/conductor/wire/types.js';
import { embeddedServer, type HttpTargets, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

/** Answers on every address of this machine; `0.0.0.0` leads here, too, and is not loopback by its name. */
const target = createServer((request, response) => {
  requests.push(request);
  const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
  if (to === null) response.end('{"here":true}');
  else response.writeHead(302, { location: to }).end();
});
let requests: IncomingMessage[] = [];
let port: number;
beforeAll(async () => {
  await new Promise<void>((resolve) => target.listen(0, '0.0.0.0', resolve));
  port = (target.address() as AddressInfo).port;
});
afterAll(() => new Promise((resolve) => target.close(resolve)));

const running: RunningServer[] = [];
beforeEach(() => {
  requests = [];
});
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

async function fetched(uri: string, httpTargets?: HttpTargets): Promise<Workflow> {
  const server = await embeddedServer(httpTargets === undefined ? {} : { httpTargets }).start(
    new RecordingLogger(),
  );
  running.push(server);
  const client = new ConformanceClient(server.url);
  const headers = { authorization: 'Bearer hunter2', cookie: 'a=b', 'x-own': '1' };
  const http_request = { uri: uri.replace('PORT', String(port)), method: 'GET', headers };
  const id = await client.run([
    { name: 'h', taskReferenceName: 'h', type: 'HTTP', inputParameters: { http_request } },
  ]);
  return await client.waitFor(async () => {
    const workflow = await client.workflow(id);
    return workflow.status !== 'RUNNING' && workflow;
  }, 'the HTTP task to end');
}

it.each(['http://127.0.0.1:PORT/', 'http://localhost:PORT/', 'http://2130706433:PORT/'])(
  'an HTTP task reaches this machine: %s',
  async (uri) => {
    expect((await fetched(uri)).status).toBe('COMPLETED');
    expect(requests).toHaveLength(1);
  },
);

it.each([
  ['http://0.0.0.0:PORT/', '0.0.0.0'],
  ['http://10.0.0.1/', '10.0.0.1'],
  ['http://169.254.169.254/latest/meta-data/', '169.254.169.254'],
  ['http://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe'],
  ['http://metadata.example/', 'metadata.example'],
  ['http://localhost.example/', 'localhost.example'],
  ['http://127.0.0.1.example/', '127.0.0.1.example'],
  ['http://localhost@other.example/', 'other.example'],
])('an HTTP task to another machine is refused with the way to allow it: %s', async (uri, host) => {
  const workflow = await fetched(uri);
  expect(workflow.status).toBe('FAILED');
  expect(workflow.reasonForIncompletion).toContain(
    `${host} is not this machine; allow it with embeddedServer({ httpTargets: ['${host}'] }), or 'any' for all`,
  );
  expect(requests).toHaveLength(0);
});

it.each(['file:///etc/passwd', 'data:text/plain,x', 'ftp://127.0.0.1/'])(
  'an HTTP task with another protocol is refused, wherever it may go: %s',
  async (uri) => {
    const workflow = await fetched(uri, 'any');
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toContain(`the protocol ${uri.split(':')[0]}: is not supported`);
  },
);

it.each<[HttpTargets, uri: string, status: string]>([
  [['0.0.0.0'], 'http://0.0.0.0:PORT/', 'COMPLETED'],
  [['0.0.0.0'], 'http://127.0.0.1:PORT/', 'COMPLETED'],
  [['0.0.0.0'], 'http://other.example/', 'FAILED'],
  ['any', 'http://0.0.0.0:PORT/', 'COMPLETED'],
])('with httpTargets %j, %s is %s', async (httpTargets, uri, status) => {
  expect((await fetched(uri, httpTargets)).status).toBe(status);
});

it('a redirect leads no further than the HTTP task itself may go', async () => {
  const workflow = await fetched(`http://127.0.0.1:PORT/?to=http://0.0.0.0:${port}/`);
  expect(workflow.status).toBe('FAILED');
  expect(workflow.reasonForIncompletion).toContain('0.0.0.0 is not this machine');
  expect(requests).toHaveLength(1);
});

it('a redirect to another host gets no credentials, one to the same host does', async () => {
  await fetched(`http://127.0.0.1:PORT/?to=http://0.0.0.0:${port}/`, 'any');
  await fetched('http://127.0.0.1:PORT/?to=/elsewhere');
  expect(requests.map(({ headers }) => [headers.authorization, headers.cookie, headers['x-own']])).toEqual([
    ['Bearer hunter2', 'a=b', '1'],
    [undefined, undefined, '1'],
    ['Bearer hunter2', 'a=b', '1'],
    ['Bearer hunter2', 'a=b', '1'],
  ]);
});
