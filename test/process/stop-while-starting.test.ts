import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();

test('a signal that comes while worker processes start ends them without waiting for the grace period', async () => {
  const stopGraceMs = 60_000;
  const app = start('app', {
    serverUrl: server().url,
    workers: ['act'],
    bootstrap: { stopGrace: stopGraceMs },
  });
  await app.until(() => app.alive().length >= 2, 'the worker process to be started');
  const signalledAt = Date.now();

  app.signal('SIGTERM');

  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect(Date.now() - signalledAt).toBeLessThan(stopGraceMs / 2);
  await app.allGone();
});
