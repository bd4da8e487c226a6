import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'unlucky');
const start = appProcesses();

test.each([
  ['throws while it is imported', 'throws', /this file cannot be imported here/],
  ['ends with code 0 at once', 'exits', /exited with code 0/],
  ['crashes while it starts', 'crashes', /died of signal SIGSEGV/],
  ['uses up its memory while it starts', 'leaks', /JavaScript heap out of memory/],
])('a worker whose file %s is given up, while another one works on', async (_what, trouble, reason) => {
  const app = start('discovering', {
    serverUrl: server().url,
    bootstrap: {
      discover: ['discovered/alpha.worker.js', 'unlucky/*.worker.js'],
      onStartupFailure: 'continue',
      restart: { initialDelay: 1, maxDelay: 5, maxDeaths: 3 },
    },
    env: { TROUBLE: trouble, CONDUCTOR_WORKER_UNLUCKY_HEAP_LIMIT: '48' },
  });
  await app.ready();
  const pid = await app.workerPid('AlphaWorker');
  // One after the other, for as long as the bad one is tried.
  let done = 0;
  const replica = await app.until(async () => {
    const taskId = await server().run('act', { action: 'echo' });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    done++;
    const bad = await app.replica('unlucky');
    return bad.state === 'failed' && bad;
  }, 'the worker to be given up');
  expect(replica).toMatchObject({ restarts: 2, deathsInARow: 3 });
  expect([replica.pid, replica.nextStartAt]).toEqual([undefined, undefined]);
  expect(replica.lastError).toMatch(reason);
  expect(done).toBeGreaterThan(0);
  expect(await app.replica('AlphaWorker')).toMatchObject({ pid, state: 'ready', restarts: 0 });
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 70, signal: null });
});
