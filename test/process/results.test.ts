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
  const { counts, restarts } = await app.replica('act', (replica) => replica.tasks.length === 0);
  expect([counts.FAILED, counts.COMPLETED, restarts]).toEqual([1, 1, 0]);
  expect(server().updatesOf(taskId)).toHaveLength(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('status() has the counts and durations of each worker', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  for (const ms of [0, 300]) {
    const taskId = await server().run('act', { action: 'sleep', ms });
    await server().has(taskId, 'COMPLETED');
  }
  await server().has(await server().run('act', { action: 'fail' }), 'FAILED');
  const { workers } = await app.replica('act', (replica) => replica.workers[0]!.durations.count === 3);
  const { received, counts, durations } = workers[0]!;
  expect([received, counts.COMPLETED, counts.FAILED]).toEqual([3, 2, 1]);
  expect(durations.sumMs).toBeGreaterThanOrEqual(299);
  expect(durations.sumMs).toBeLessThan(60_000);
  expect(durations.buckets.reduce((sum, count) => sum + count, 0)).toBe(3);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a failed task is logged once, with all that is needed to find it, however it has failed', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const pid = await app.workerPid('act');
  const declined = await server().run('act', { action: 'declined' });
  expect((await server().has(declined, 'FAILED')).reasonForIncompletion).toBe(
    'declined; caused by: {"code":51}',
  );
  const foreign = await server().run('act', { action: 'foreignFailure' });
  expect(await server().has(foreign, 'FAILED')).toMatchObject({
    reasonForIncompletion: 'no stock',
    outputData: { left: 0 },
  });
  const lossy = await server().run('act', { action: 'lossy' });
  const { reasonForIncompletion } = await server().has(lossy, 'FAILED_WITH_TERMINAL_ERROR');
  expect(reasonForIncompletion).toBe(
    'the output cannot be written as JSON: outputData.items[0].tags: a Set; write [...set]',
  );
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
  for (const taskId of [declined, foreign, lossy]) {
    const lines = app.stderr.split('\n').filter((line) => line.includes(`taskId=${taskId}`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      / WARN {2}a task failed.* pid=\d+ worker=\S+ taskType=act taskId=\S+ workflowId=\S+ attempt=1 /,
    );
    expect(lines[0]).toContain(`pid=${pid} `);
  }
  expect(app.stderr).toContain('error="declined; caused by: {\\"code\\":51}"');
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
