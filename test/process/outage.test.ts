import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();

test('a server that is not there yet is no failure: polls back off, and work once it comes', async () => {
  await server().down();
  const app = start('app', { serverUrl: server().url });
  expect((await app.ready()).state).toBe('running');
  await app.wrote('a poll failed; trying again');
  const { workers } = await app.replica('act', (replica) => replica.workers[0]?.lastPollError !== undefined);
  expect(workers[0]?.lastPollError).toContain('ECONNREFUSED');
  const taskId = await server().run('act', { action: 'echo' });
  await server().up();
  await server().has(taskId, 'COMPLETED');
  await app.wrote('polls succeed again');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a server that goes away while tasks run gets their results when it is back', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const tasks = [
    await server().run('act', { action: 'sleep', ms: 300, text: 'one' }),
    await server().run('act', { action: 'sleep', ms: 600, text: 'two' }),
  ];
  for (const taskId of tasks) await app.began(taskId);
  await server().down();
  await app.wrote('the server did not take a result');
  await server().up();
  for (const taskId of tasks) await server().has(taskId, 'COMPLETED');
  const next = await server().run('act', { action: 'echo' });
  await server().has(next, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('Retry-After of a server that is overloaded is obeyed, and the result is sent again', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  server().refuse('/tasks', { status: 503, headers: { 'retry-after': '1' }, body: 'overloaded' });
  server().refuse('/tasks/update-v2', { status: 503, headers: { 'retry-after': '1' }, body: 'overloaded' });
  const taskId = await server().run('act', { action: 'echo', text: 'kept' });
  const { outputData } = await server().has(taskId, 'COMPLETED');
  expect(outputData['input']).toMatchObject({ text: 'kept' });
  const updates = server().requests.filter(({ body }) => body.includes(taskId));
  expect(updates.map((update) => update.status)).toEqual([503, 200]);
  const [first, second] = updates;
  expect(second!.at - first!.at).toBeGreaterThanOrEqual(990);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a stop while the server is away does not take longer than its grace', async () => {
  const app = start('app', { serverUrl: server().url, bootstrap: { stopGrace: 1_500 } });
  await app.ready();
  await server().down();
  await app.wrote('a poll failed; trying again');
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
});
