import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { commandOf } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface LogEntry {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

test('as JSON, each line of the application is an object, from its start to its stop', async () => {
  const app = start('app', {
    serverUrl: server().url,
    env: { CONDUCTOR_LOG_FORMAT: 'json', TUTTI_STOP_GARCE: '5000' },
  });
  await app.ready();
  const pid = await app.workerPid('act');
  const taskId = await server().run('act', { action: 'declined' });
  await server().has(taskId, 'FAILED');
  await app.replica('act', ({ counts }) => counts.FAILED === 1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);

  const entries = app.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogEntry);
  for (const { time, level, message } of entries) {
    expect(Date.parse(time)).toBeGreaterThan(0);
    expect(level).toMatch(/^(?:error|warn|info)$/);
    expect(message).not.toBe('');
  }
  const find = (message: string): LogEntry | undefined =>
    entries.find((entry) => entry.message.includes(message));
  expect(find('TUTTI_STOP_GARCE')).toMatchObject({
    level: 'warn',
    message: 'TUTTI_STOP_GARCE is set, but there is no such variable; did you mean TUTTI_STOP_GRACE?',
  });
  expect(find('its workers poll')?.['table']).toMatch(/^task type +worker/);
  expect(entries.filter((entry) => entry['taskId'] === taskId)).toEqual([
    expect.objectContaining({
      level: 'warn',
      message: 'a task failed',
      pid,
      worker: expect.stringContaining('ActWorker') as string,
      taskType: 'act',
      workflowId: expect.any(String) as string,
      attempt: 1,
      error: 'declined; caused by: {"code":51}',
      stack: expect.stringContaining('actions.js') as string,
    }),
  ]);
  expect(entries.at(-1)?.message).toMatch(/^stopped: 0 tasks finished, 0 given back in \d+\.\d s$/);
  // Nothing more than this: a start, a failed task and a stop.
  expect(entries.map((entry) => entry.message.replace(/[:;].*/, ''))).toEqual([
    'TUTTI_STOP_GARCE is set, but there is no such variable',
    expect.stringContaining('app.js has started'),
    'a task failed',
    'SIGTERM',
    'stopped',
  ]);
});

test('a list of processes shows which process is which worker, and the main process as it was started', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const pid = await app.workerPid('act');
  expect(commandOf(pid)).toMatch(/^tutti: \S*ActWorker\S* of app\.js$/);
  expect(commandOf(app.pid)).toMatch(/app\.js$/);
  const others = app.alive().filter((entry) => entry.pid !== pid && entry.pid !== app.pid);
  expect(others.map((entry) => commandOf(entry.pid))).toEqual([
    expect.stringMatching(/^\/bin\/sh -c eval "\$TUTTI_GUARD" tutti orphan guard of app\S* \d+$/),
  ]);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a stop says what it did with the tasks', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const taskId = await server().run('act', { action: 'sleep', ms: 500 });
  await app.began(taskId);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
  expect(app.stderr).toMatch(/ INFO {2}stopped: 1 task finished, 0 given back in \d+\.\d s\n$/);
});

test('a signal while the program waits for a workflow ends the wait, says which, and the exit code is that of the stop', async () => {
  const app = start('waiting', { serverUrl: server().url });
  const [, workflowId] = /waiting for (\S+)/.exec(await app.wrote(/waiting for \S+/))!;
  app.signal('SIGINT');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect(app.stderr).toContain(
    `waitFor() did not see the end of the workflow ${workflowId}, its status is RUNNING`,
  );
  expect(app.stderr).not.toContain('something keeps the program alive');
  expect(app.stdout).not.toContain('not reached');
});

test('a program that something else keeps alive after a signal is ended, and the log names what that was', async () => {
  const app = start('waiting', { serverUrl: server().url, env: { GOES_ON: '1' } });
  await app.wrote('waiting for');
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect(app.stderr).toMatch(
    /WARN {2}all workers have stopped, but something keeps the program alive; ending it exitCode=0 open=\S*Timeout/,
  );
});

test('two copies of the package in one process share the running task and the logger', async () => {
  // Inside of the repository, so that the copy finds its dependencies.
  const folder = mkdtempSync(join(ROOT, 'build/test/copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const copy = join(folder, 'node_modules/tutti');
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "an-application", "type": "module" }');
  writeFileSync(
    join(folder, 'main.js'),
    `import { bootstrap, functionWorker, Logger as OurLogger } from '${pathToFileURL(join(ROOT, 'dist/index.js')).href}';
import { Logger, taskContext } from 'tutti';
const execute = (task, context, logger) => {
  logger.info('said by a service of the copy');
  return { isSameContext: taskContext() === context, isSameClass: Logger === OurLogger };
};
const orchestrator = await bootstrap({ workers: [functionWorker('act', execute, { name: 'twin', inject: [Logger] })] });
await orchestrator.join();
`,
  );
  const app = start(undefined, { serverUrl: server().url, args: [join(folder, 'main.js')] });
  const taskId = await server().run('act', {});
  const { outputData } = await server().has(taskId, 'COMPLETED');
  expect(outputData).toEqual({ isSameContext: true, isSameClass: false });
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
  expect(app.stderr).toMatch(
    new RegExp(
      `said by a service of the copy .*worker=\\S+ taskType=act taskId=${taskId} workflowId=\\S+ attempt=1\\n`,
    ),
  );
});
