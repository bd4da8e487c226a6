import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { killHard } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other');
const start = appProcesses();

// The short way through all parts, for `npm run test:quick`.
test('an application runs tasks, reports the task of a process that dies, goes on, and stops without leaving anything', async () => {
  const app = start('app', {
    serverUrl: server().url,
    workers: ['act', 'other'],
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
  });
  const { replicas } = await app.ready();
  const pids = replicas.map((replica) => replica.pid);
  expect(new Set([...pids, app.pid]).size).toBe(3);
  for (const [index, type] of ['act', 'other'].entries()) {
    const taskId = await server().run(type, { action: 'echo', text: type });
    const { outputData } = await server().has(taskId, 'COMPLETED');
    expect(outputData).toMatchObject({ pid: pids[index], input: { text: type } });
  }

  const lost = await server().run('act', { action: 'never' });
  await app.began(lost);
  killHard(pids[0]!);
  expect((await server().has(lost, 'FAILED')).reasonForIncompletion).toContain('died of signal SIGKILL');
  const { pid } = await app.replica('act', (replica) => replica.state === 'ready' && replica.restarts === 1);
  const next = await server().run('act', { action: 'echo' });
  expect((await server().has(next, 'COMPLETED')).outputData['pid']).toBe(pid);

  const last = await server().run('other', { action: 'sleep', ms: 300 });
  await app.began(last);
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect((await server().task(last)).status).toBe('COMPLETED');
  await app.allGone();
});
