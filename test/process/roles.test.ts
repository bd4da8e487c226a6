import { fileURLToPath } from 'node:url';
import { bootstrap, type WorkerClass } from 'tutti';
import { afterEach, describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { isAlive } from '../support/processes.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { serverOfEachTest } from '../support/task-server.js';
import { until } from '../support/until.js';

const server = serverOfEachTest('act');
const start = appProcesses();
const built = (file: string) =>
  fileURLToPath(new URL(`../../build/test/fixtures/process/${file}`, import.meta.url));

describe('where forking would run the wrong file, an error says what to do', () => {
  test('under node:test', async () => {
    const app = start(undefined, { execArgv: ['--test', '--test-reporter=tap'], args: [built('role.js')] });
    await app.ended();
    expect(app.stdout).toContain('ROLE_UNCLEAR: bootstrap() was called under the test runner node:test');
    expect(app.stdout).toContain('pass `entry: new URL(');
  });

  test('with code from the command line', async () => {
    const code = "import { bootstrap } from 'tutti'; await bootstrap({ workers: [] });";
    const app = start(undefined, { execArgv: ['--input-type=module', '--eval', code] });
    expect((await app.ended()).code).toBe(78);
    expect(app.stderr).toContain('ROLE_UNCLEAR');
    expect(app.stderr).toContain('there is no main file');
  });

  test("in somebody else's cluster child", async () => {
    const app = start('role', { args: ['fork'] });
    expect((await app.ended()).code).toBe(0);
    expect(app.stdout).toContain('ROLE_UNCLEAR: this process is a cluster child of another program');
  });

  test('under vitest', async () => {
    await expect(bootstrap({ workers: [] })).rejects.toMatchObject({
      code: 'ROLE_UNCLEAR',
      message: expect.stringContaining('test runner vitest') as string,
    });
  });
});

describe('with `entry`, a test runner can start the application', () => {
  const variable = process.env['CONDUCTOR_SERVER_URL'];
  afterEach(() => {
    if (variable === undefined) delete process.env['CONDUCTOR_SERVER_URL'];
    else process.env['CONDUCTOR_SERVER_URL'] = variable;
  });

  test('and stop it, with nothing left', async () => {
    process.env['CONDUCTOR_SERVER_URL'] = server().url;
    const { ActWorker } = (await import(built('workers.js'))) as { ActWorker: WorkerClass };
    const listeners = process.listenerCount('SIGTERM');
    const orchestrator = await bootstrap({
      workers: [ActWorker],
      entry: built('app.js'),
      signals: false,
      logger: new RecordingLogger(),
    });
    const [replica] = orchestrator.status().replicas;
    const taskId = await server().run('act', { action: 'echo' });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(replica?.pid);
    expect(process.listenerCount('SIGTERM')).toBe(listeners);
    await orchestrator.stop();
    expect(orchestrator.state).toBe('stopped');
    await until(() => !isAlive(replica!.pid!), 'the worker process to be gone');
  });
});
