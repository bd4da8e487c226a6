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
    const { state, counts, lastError } = await app.replica('act', ({ tasks }) => tasks.length === 0);
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
  const { lastError } = await app.replica('act', (replica) => replica.lastError !== undefined);
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

test('what is not a valid message ends that worker process only, with a reason that names it', async () => {
  const app = start('app', {
    serverUrl: server().url,
    workers: ['act', 'other'],
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
  });
  await app.ready();
  const otherPid = await app.workerPid('other');
  for (const [action, reason] of [
    ['forge', 'was killed: it sent a message that is not valid: tasks.started must be a list, got undefined'],
    ['garble', 'was killed: it wrote something to its channel that is not JSON'],
    ['babble', 'was killed: it sent a message of more than 16 MB over its channel'],
  ] as const) {
    const taskId = await server().run('act', { action });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain(reason);
    expect(app.stderr).toContain(reason);
  }
  expect(await app.replica('other')).toMatchObject({ pid: otherPid, restarts: 0 });

  // The other direction: code of the main program.
  const pid = (await app.replica('act', (replica) => replica.state === 'ready')).pid!;
  app.tellWorkers({ hello: 'workers' });
  app.tellWorkers({ tutti: { type: 'cancel', ref: 'all' } });
  const replica = await app.replica('act', (one) => one.state === 'ready' && one.pid !== pid);
  expect(replica.lastError).toContain(
    'failed: the orchestrator sent a message that is not valid: cancel.ref must be a whole number of 0 or more, got "all"',
  );
  const next = await server().run('act', { action: 'echo' });
  await server().has(next, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('progress without measure is cut off, and neither holds the application up nor gets lost', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const taskId = await server().run('act', { action: 'boast', ms: 3_000 });
  const { tasks } = await app.replica('act', (replica) =>
    String(replica.tasks[0]?.progress).startsWith('19999 x'),
  );
  expect(String(tasks[0]!.progress)).toHaveLength(500);
  expect((await app.status()).loopDelayMs).toBeLessThan(1_000);
  await server().has(taskId, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
