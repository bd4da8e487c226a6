import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { Debugger } from '../support/debugger.js';
import { isAlive } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'picky');
const start = appProcesses();
const BLOCKED_MS = 3_000;
/** Longer than a process that hangs is let live. */
const LONG_MS = 7_000;

function supervised(env: Record<string, string> = {}, workers = ['act', 'other']): AppProcess {
  return start('supervised', {
    serverUrl: server().url,
    workers,
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
    env: { CONDUCTOR_WORKER_ACT_BLOCKED_TIMEOUT: String(BLOCKED_MS), ...env },
  });
}

async function stopped(app: AppProcess, code = 0): Promise<void> {
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(code);
}

describe('a process that hangs is ended, its tasks are failed with the reason, and it is started again', () => {
  test.each([
    ['in Atomics.wait', { action: 'block' }],
    ['in a native call that waits', { action: 'sleepInNativeCode' }],
    ['with a program beside it that it does not wait for', { action: 'helperThenBlock' }],
  ])('%s', async (_what, input) => {
    const app = supervised();
    await app.ready();
    const pid = await app.workerPid('act');
    const kept = await server().run('other', { action: 'sleep', ms: LONG_MS });
    const taskId = await server().run('act', input);
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain(
      `act:act#1 (pid ${pid}) was killed: it hangs: for ${BLOCKED_MS} ms it neither answered nor used processor time`,
    );
    const replica = await app.replica('act', (one) => one.state === 'ready' && one.pid !== pid);
    expect(replica.restartsBy).toEqual({ blocked: 1 });
    const next = await server().run('act', { action: 'echo' });
    await server().has(next, 'COMPLETED');
    await server().has(kept, 'COMPLETED');
    expect((await app.replica('other')).restarts).toBe(0);
    await stopped(app);
  });

  test('stopped by a signal, idle or not', async () => {
    const app = supervised({ CONDUCTOR_WORKER_OTHER_BLOCKED_TIMEOUT: String(BLOCKED_MS) });
    await app.ready();
    const [pid, idlePid] = [await app.workerPid('act'), await app.workerPid('other')];
    const taskId = await server().run('act', { action: 'never' });
    await app.began(taskId);
    process.kill(pid, 'SIGSTOP');
    process.kill(idlePid, 'SIGSTOP');
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain(`was killed: a signal had stopped it for ${BLOCKED_MS} ms`);
    const idle = await app.replica('other', (one) => one.state === 'ready' && one.pid !== idlePid);
    expect(idle.restartsBy).toEqual({ stopped: 1 });
    await stopped(app);
  });

  test('computing beyond the execution time-out', async () => {
    const app = supervised({ CONDUCTOR_WORKER_ACT_EXECUTION_TIMEOUT: '1000' });
    await app.ready();
    const taskId = await server().run('act', { action: 'busy', ms: 600_000 });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain('ran longer than 1000 ms and did not end when it was told to');
    const replica = await app.replica('act', (one) => one.state === 'ready' && one.restarts === 1);
    expect(replica.restartsBy).toEqual({ 'execution-timeout': 1 });
    await stopped(app);
  });

  test('ignoring the signal of its execution time-out: it is replaced, and a neighbour may finish', async () => {
    const app = supervised({ CONDUCTOR_WORKER_ACT_EXECUTION_TIMEOUT: '5000' });
    await app.ready();
    const pid = await app.workerPid('act');
    const stubborn = await server().run('act', { action: 'never' });
    const { reasonForIncompletion } = await server().has(stubborn, 'FAILED');
    expect(reasonForIncompletion).toContain('execution time-out: the task ran longer than 5000 ms');
    const neighbours: string[] = [];
    // There is one at any moment, so one is there when the process is replaced.
    const replica = await app.until(async () => {
      neighbours.push(await server().run('act', { action: 'sleep', ms: 1_000 }));
      const one = await app.replica('act');
      return one.pid !== pid && one.state === 'ready' && one;
    }, 'the process to be replaced');
    expect(replica.restartsBy).toEqual({ 'execution-timeout': 1 });
    await app.until(() => !isAlive(pid), 'the old process to leave');
    for (const taskId of neighbours) await server().has(taskId, 'COMPLETED');
    await stopped(app);
  });

  test('not polling although its event loop answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'do-not-poll');
    writeFileSync(file, '');
    const app = start('supervised', {
      serverUrl: server().url,
      workers: ['act'],
      bootstrap: { http: { requestTimeoutMs: 100 } },
      env: { CONDUCTOR_WORKER_ACT_BLOCKED_TIMEOUT: '1000', TEST_TUTTI_DO_NOT_POLL: file },
    });
    await app.ready();
    const pid = await app.workerPid('act');
    rmSync(file);
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    const replica = await app.replica('act', (one) => one.pid !== pid);
    expect(replica.restartsBy).toEqual({ 'not-polling': 1 });
    expect(app.stderr).toContain('act:act has not polled for');
    // It waits for the answer to its poll for ever.
    process.kill(pid, 'SIGKILL');
    // Seen only after the signal to stop, its end would count as work that was cut off.
    await app.replica('act', ({ processes }) => processes.length === 1);
    await stopped(app);
  });
});

describe('a process that only seems to hang is left alone', () => {
  const cases: [string, string, object][] = [
    ['computing', 'act', { action: 'busy', ms: LONG_MS }],
    ['waiting for a program of its own that waits', 'act', { action: 'execFor', ms: LONG_MS }],
    ['waiting for a program of its own that computes', 'act', { action: 'execBusy', ms: LONG_MS }],
    ['blocking for less than it has declared', 'other', { action: 'blockFor', ms: LONG_MS }],
  ];
  test.each(cases)('%s', async (_what, type, input) => {
    const app = supervised();
    await app.ready();
    const pid = await app.workerPid(type);
    const taskId = await server().run(type, { ...input });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    expect(await app.replica(type)).toMatchObject({ pid, restarts: 0, leasesLost: 0 });
    await stopped(app);
  });

  test('with a result that is on its way for longer than its task might run', async () => {
    const app = supervised({ CONDUCTOR_WORKER_ACT_EXECUTION_TIMEOUT: '1000' });
    await app.ready();
    const pid = await app.workerPid('act');
    const release = [server().hold('/tasks'), server().hold('/tasks/update-v2')];
    const taskId = await server().run('act', { action: 'echo' });
    // Long after the grace of the execution time-out.
    await app.replica('act', ({ tasks: [task] }) => (task?.ageMs ?? 0) > 15_000);
    release.forEach((letGo) => letGo());
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    const replica = await app.replica('act', ({ tasks }) => tasks.length === 0);
    expect(replica).toMatchObject({ pid, restarts: 0 });
    await stopped(app);
  });

  test('closing its services for a while', async () => {
    const app = supervised({ CONDUCTOR_WORKER_PICKY_BLOCKED_TIMEOUT: '1000', TEST_TUTTI_CLOSE_MS: '4500' }, [
      'picky',
    ]);
    await app.ready();
    await stopped(app);
    expect(app.stdout).toContain('closed');
    expect(app.stderr).not.toContain('was killed');
  });

  test('stopped at a breakpoint, right after the inspector was opened', async () => {
    const app = supervised();
    await app.ready();
    const pid = await app.workerPid('act');
    const taskId = await server().run('act', { action: 'inspect', ms: 500 });
    const url = /ws:\S+/.exec(await app.wrote(/inspector ws:\S+/))![0];
    const remote = await Debugger.connect(url);
    await remote.call('Debugger.enable');
    await remote.call('Debugger.pause');
    await remote.paused;
    // Held until it would have been ended, twice over.
    await app.replica('act', (replica) => (replica.processes[0]?.silentMs ?? 0) > 2 * BLOCKED_MS + 4_000);
    expect(await app.replica('act')).toMatchObject({ pid, restarts: 0 });
    await remote.call('Debugger.resume');
    remote.close();
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    await stopped(app);
  });
});
