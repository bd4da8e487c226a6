import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { killHard } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other');
const start = appProcesses();
let folder: string;
let trace: string;

/** Who has loaded what, as `<pid> <file>`. */
const loads = () => readFileSync(trace, 'utf8').trim().split('\n');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-trace-'));
  trace = join(folder, 'loads');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('each process loads the files of its own workers, the main process none', async () => {
  const app = start('discovering', { serverUrl: server().url, env: { TEST_TUTTI_TRACE: trace } });
  const { replicas } = await app.ready();
  expect(replicas.map((replica) => replica.replica)).toEqual(['act:AlphaWorker#1', 'other:beta#1']);
  expect(app.stderr).toContain('discovered/alpha.worker.js');
  const [alpha, beta] = replicas.map((replica) => replica.pid);
  // The first two are those of the process that looks what the files export.
  const looker = loads()[0]?.split(' ')[0];
  expect(loads().slice(0, 2)).toEqual([`${looker} alpha`, `${looker} beta`]);
  expect(loads().slice(2).sort()).toEqual([`${alpha} alpha`, `${beta} beta`].sort());
  expect([alpha, beta, app.pid]).not.toContain(Number(looker));

  for (const [type, pid] of [
    ['act', alpha],
    ['other', beta],
  ] as const) {
    const taskId = await server().run(type, { action: 'echo' });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
  }
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a process that is started again loads its own file again', async () => {
  const app = start('discovering', { serverUrl: server().url, env: { TEST_TUTTI_TRACE: trace } });
  await app.ready();
  const before = loads();
  const lost = await server().run('other', { action: 'kill' });
  await server().has(lost, 'FAILED');
  const { pid } = await app.replica('beta', (replica) => replica.state === 'ready' && replica.restarts === 1);
  expect(loads().slice(before.length)).toEqual([`${pid} beta`]);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('files that cannot be imported end the program with the code for wrong configuration', async () => {
  const throwing = start('discovering', { bootstrap: { discover: 'undiscoverable/throws.worker.js' } });
  expect(await throwing.ended()).toEqual({ code: 78, signal: null });
  expect(throwing.stderr).toContain('undiscoverable/throws.worker.js');
  expect(throwing.stderr).toContain('this file cannot be imported');
  const exiting = start('discovering', { bootstrap: { discover: ['undiscoverable/exits.worker.js'] } });
  expect(await exiting.ended()).toEqual({ code: 78, signal: null });
  expect(exiting.stderr).toMatch(/exits\.worker\.js ended the process that imports it \(exit code 0/);
});

test('patterns that match nothing, or no worker, do so too', async () => {
  const nothing = start('discovering', { bootstrap: { discover: 'nowhere/*.js' } });
  expect((await nothing.ended()).code).toBe(78);
  expect(nothing.stderr).toContain("no file matches 'nowhere/*.js'");
  const noWorker = start('discovering', { bootstrap: { discover: 'trace.js' } });
  expect((await noWorker.ended()).code).toBe(78);
  expect(noWorker.stderr).toContain('none exports a class with @Worker');
});

test.each(['waits', 'blocks'])(
  'when the main process is killed, a file that %s while it is imported ends too',
  async (name) => {
    const app = start('discovering', { bootstrap: { discover: `undiscoverable/${name}.worker.js` } });
    await app.wrote('importing');
    expect(app.alive().length).toBeGreaterThanOrEqual(2);
    killHard(app.pid);
    await app.allGone();
    expect(app.alive()).toEqual([]);
  },
);
