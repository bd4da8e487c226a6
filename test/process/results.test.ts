import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();

test('a task that throws is counted and reported once, with a reason although its error has none', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const pid = await app.workerPid('act');
  const taskId = await server().run('act', { action: 'fail' });
  expect((await server().has(taskId, 'FAILED')).reasonForIncompletion).toBe('Error');
  expect(await server().logsOf(taskId)).toContain('actions.js');
  const next = await server().run('act', { action: 'echo' });
  expect((await server().has(next, 'COMPLETED')).outputData['pid']).toBe(pid);
  const { counts, restarts } = await app.slot('act', (slot) => slot.tasks.length === 0);
  expect([counts.FAILED, counts.COMPLETED, restarts]).toEqual([1, 1, 0]);
  expect(server().updatesOf(taskId)).toHaveLength(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test.each(['false', 'true'])(
  'output that JSON cannot carry fails its task for good and names the place (durable: %s)',
  async (durable) => {
    const app = start('app', { serverUrl: server().url, env: { CONDUCTOR_WORKER_ACT_DURABLE: durable } });
    await app.ready();
    const taskId = await server().run('act', { action: 'unserialisable' });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED_WITH_TERMINAL_ERROR');
    expect(reasonForIncompletion).toBe(
      'the output cannot be written as JSON: outputData.items[0].id: a BigInt',
    );
    const next = await server().run('act', { action: 'echo' });
    await server().has(next, 'COMPLETED');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  },
);
