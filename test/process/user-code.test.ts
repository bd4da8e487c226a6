import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { killHard } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other');
const start = appProcesses();

test.each(['chat', 'muteChannel'])(
  'what a worker does to the channel of its process changes nothing: %s',
  async (action) => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const pid = await app.workerPid('act');
    for (const input of [{ action }, { action: 'echo' }]) {
      const taskId = await server().run('act', input);
      expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    }
    const { state, counts, lastError } = await app.slot('act', ({ tasks }) => tasks.length === 0);
    expect([state, counts.COMPLETED, lastError]).toEqual(['ready', 2, undefined]);
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
  },
);

test('an error that nobody caught is told whatever its name, and its message is shortened', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const taskId = await server().run('act', { action: 'throwOddly' });
  expect((await server().has(taskId, 'FAILED')).reasonForIncompletion).toContain('failed: stray xxx');
  const { lastError } = await app.slot('act', (slot) => slot.lastError !== undefined);
  expect(lastError?.length).toBeLessThan(11_000);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('nobody reads the standard error of the application any more: it goes on', async () => {
  const app = start('app', { serverUrl: server().url, workers: ['act', 'other'] });
  await app.ready();
  const lost = await server().run('act', { action: 'never' });
  await app.began(lost);
  app.leaveStderr();
  // The main process has something to say now.
  killHard(await app.workerPid('act'));
  await server().has(lost, 'FAILED');
  const next = await server().run('other', { action: 'echo' });
  await server().has(next, 'COMPLETED');
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
});
