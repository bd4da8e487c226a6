import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();

test('interceptors run in the worker process around each task, in order; one may answer for the worker', async () => {
  const app = start('intercepted', { serverUrl: server().url });
  await app.ready();
  const pid = await app.workerPid('act');
  const output = async (input: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const taskId = await server().run('act', input);
    return (await server().has(taskId, 'COMPLETED')).outputData;
  };
  const by = ['object', 'class', 'module'];
  expect(await output({ tenant: 'modest' })).toEqual({ by, executed: 1, pid });
  expect(await output({ tenant: 'greedy' })).toEqual({ refused: true, pid });
  // The idempotency key is the innermost: a kept result passes all the others.
  expect(await output({ order: 'o-1' })).toEqual({ by, executed: 2, pid });
  expect(await output({ order: 'o-1' })).toEqual({ by, executed: 2, pid });
  expect(await output({ order: 'o-2' })).toEqual({ by, executed: 3, pid });
  expect(app.stderr.match(/"message":"executing"/g)).toHaveLength(5);
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  await app.allGone();
});
