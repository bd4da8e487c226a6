import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { executions, folderOfEachTest, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('step');
const folder = folderOfEachTest();
const start = appProcesses();

/** Changes the next answer to a poll that brings a task. */
function rewriteNext(change: (body: string) => string): void {
  const rule = faulty().on(
    { path: /^\/tasks\/poll\/batch\// },
    {
      rewrite: (body) => {
        if (!body.includes('"taskId"')) return body;
        rule.end();
        return change(body);
      },
    },
  );
}

test('tasks with fields that cannot be used, or of another type, harm neither their process nor the next task', async () => {
  const app = start('../reliability/app', {
    serverUrl: faulty().url,
    workers: ['step'],
    env: stateIn(folder(), {}),
  });
  await app.ready();
  const pid = await app.workerPid('step');
  const { server } = faulty();

  const deep = '['.repeat(5_000) + ']'.repeat(5_000);
  rewriteNext((body) => body.replace(/"referenceTaskName":"[^"]*"/, `"referenceTaskName":${deep}`));
  const nameless = await server.run('step');
  expect((await server.has(nameless, 'FAILED')).reasonForIncompletion).toContain(
    'the server sent a task that cannot be executed: expected `referenceTaskName` to be a string, got an array',
  );

  rewriteNext((body) => body.replaceAll(/"timeoutSeconds":\d+/g, '"timeoutSeconds":"abc"'));
  const timeless = await server.run('step');
  expect((await server.has(timeless, 'FAILED')).reasonForIncompletion).toContain(
    'expected `taskDefinition.timeoutSeconds` to be a number, got "abc" (string)',
  );

  rewriteNext((body) => body.replaceAll(/"(taskType|taskDefName)":"step"/g, '"$1":"pay"'));
  const foreign = await server.run('step');
  expect((await server.has(foreign, 'COMPLETED')).pollCount).toBe(2);
  expect(app.stderr).toContain('the server sent a task of another type; it is handed back');

  rewriteNext((body) => body.replaceAll(/"responseTimeoutSeconds":\d+/g, '"responseTimeoutSeconds":1e-6'));
  const brief = await server.run('step', { ms: 2_000 });
  await server.has(brief, 'COMPLETED');
  // Every 0.1 s before; the shortest lease is a second.
  expect(faulty().heartbeatsOf(brief).length).toBeLessThanOrEqual(8);

  const counts = executions(join(folder(), 'executions'));
  expect([nameless, timeless].map((taskId) => counts.get(taskId))).toEqual([undefined, undefined]);
  expect([foreign, brief].map((taskId) => counts.get(taskId))).toEqual([1, 1]);
  expect(await app.workerPid('step')).toBe(pid);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
