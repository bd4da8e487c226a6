import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedServer, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

const SECRET = 'hunter2-hunter2';

let server: RunningServer;
let client: ConformanceClient;
beforeAll(async () => {
  const environment = {
    CONDUCTOR_SECRET_TOKEN: SECRET,
    CONDUCTOR_SECRET_JSON: JSON.stringify({ user: 'me', list: [SECRET] }),
    REGION: 'eu',
  };
  server = await embeddedServer({ environment }).start(new RecordingLogger());
  client = new ConformanceClient(server.url);
});
afterAll(() => server.close());

it('a worker gets secrets in the input of its task; what is stored and shown only names them', async () => {
  const type = await client.defineTask();
  const inputParameters = {
    whole: '${workflow.secrets.TOKEN}',
    part: 'Bearer ${workflow.secrets.TOKEN}!',
    user: '${workflow.secrets.JSON.user}',
    deep: [{ first: '${workflow.secrets.JSON.list[0]}' }],
    missing: '${workflow.secrets.NOTHING}',
    notSecret: '${workflow.secrets.REGION}',
  };
  const id = await client.run([{ name: type, taskReferenceName: 't', inputParameters }]);
  const taken = await client.take(type);
  expect(taken.inputData).toEqual({
    whole: SECRET,
    part: `Bearer ${SECRET}!`,
    user: 'me',
    deep: [{ first: SECRET }],
    missing: null,
    notSecret: null,
  });
  await client.report(taken, 'COMPLETED', {});
  const done = await client.waitForStatus(id, 'COMPLETED');
  expect(done.tasks[0]?.inputData).toEqual(inputParameters);
  for (const path of [`/workflow/${id}`, `/tasks/${taken.taskId}`, `/workflow/search`, `/tasks/search`])
    expect((await client.expectOk('GET', path)).text).not.toContain(SECRET);
});

it('a worker gets the secrets and variables that its definition names', async () => {
  const type = client.name('task');
  const runtimeMetadata = ['TOKEN', 'REGION', 'NOTHING'];
  await client.expectOk('POST', '/metadata/taskdefs', [{ name: type, runtimeMetadata }]);
  const id = await client.run([type]);
  const { body } = await client.expectOk<{ runtimeMetadata: unknown }[]>('GET', `/tasks/poll/batch/${type}`);
  expect(body[0]?.runtimeMetadata).toEqual({ TOKEN: SECRET, REGION: 'eu' });
  expect((await client.expectOk('GET', `/workflow/${id}`)).text).not.toContain(SECRET);
});

it('an HTTP task sends a secret that its input only names', async () => {
  let authorization: string | undefined;
  const target = createServer((request, response) => {
    authorization = request.headers.authorization;
    response.end('{}');
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const http_request = {
    uri: `http://127.0.0.1:${(target.address() as AddressInfo).port}/`,
    method: 'GET',
    headers: { authorization: 'Bearer ${workflow.secrets.TOKEN}' },
  };
  const task = { name: 'h', taskReferenceName: 'h', type: 'HTTP', inputParameters: { http_request } };
  const id = await client.run([task]);
  await client.waitForStatus(id, 'COMPLETED');
  target.close();
  expect(authorization).toBe(`Bearer ${SECRET}`);
  expect((await client.expectOk('GET', `/workflow/${id}`)).text).not.toContain(SECRET);
});
