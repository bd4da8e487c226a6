import { describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const start = appProcesses();

describe('a worker process that does not get ready ends the start', () => {
  test.each([
    [
      'exits in a constructor',
      'quits',
      1,
      /- quits:QuitsInConstructor#1: exited with code 5\n[^]*giving up in the constructor/,
    ],
    [
      'throws in a constructor',
      'throws',
      1,
      /- throws:ThrowsInConstructor#1: building worker ThrowsInConstructor failed in the constructor of ThrowsInConstructor: no database\n/,
    ],
    [
      'needs what nobody bound',
      'unbound',
      78,
      /- unbound:NeedsAService#1: parameter 0 of NeedsAService\(\?\) needs .*Clock.*Fix: bind/,
    ],
  ])('%s', async (_what, worker, code, text) => {
    const app = start('app', { serverUrl: server().url, workers: ['act', worker] });
    expect(await app.ended()).toEqual({ code, signal: null });
    expect(app.stderr).toContain('1 worker process did not get ready');
    expect(app.stderr).toMatch(text);
    expect(app.messages).toEqual([]);
    await app.allGone();
  });

  test('hangs in @postConstruct', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['hangs'],
      bootstrap: { readyTimeout: 1_500 },
    });
    expect(await app.ended()).toEqual({ code: 1, signal: null });
    expect(app.stderr).toMatch(
      /- hangs:HangsInPostConstruct#1: was killed: it was not ready within 1500 ms \(readyTimeout\)/,
    );
  });

  test.each([
    [
      'throws while it is imported',
      'throw',
      1,
      /- act:ActWorker#1: the main file failed before bootstrap\(\): cannot be imported twice\n/,
    ],
    [
      'ends with code 0 while it is imported',
      'exit',
      1,
      /- act:ActWorker#1: exited with code 0 before its main file called bootstrap\(\)\n[^]*nothing to do here/,
    ],
    [
      'has other workers',
      'differ',
      78,
      /started for act:ActWorker, but bootstrap\(\) was given other:other here/,
    ],
  ])('%s', async (_what, trouble, code, text) => {
    const app = start('troubled', { serverUrl: server().url, env: { TROUBLE: trouble } });
    expect(await app.ended()).toEqual({ code, signal: null });
    expect(app.stderr).toMatch(/1 worker process did not get ready/);
    expect(app.stderr).toMatch(text);
  });

  test('every reason is told', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['quits', 'throws', 'unbound'] });
    // Not only mistakes in the configuration: another start may help.
    expect((await app.ended()).code).toBe(1);
    expect(app.stderr).toContain('3 worker processes did not get ready');
    for (const text of ['exited with code 5', 'no database', 'NeedsAService(?)'])
      expect(app.stderr).toContain(text);
  });

  test('mistakes in environment and options are told together, before any process starts', async () => {
    const app = start('app', {
      serverUrl: server().url,
      env: { CONDUCTOR_WORKER_ACT_CONCURRENCY: 'many', TUTTI_STOP_GRACE: 'soon' },
      bootstrap: { orphanGrace: -1 },
    });
    expect(await app.ended()).toEqual({ code: 78, signal: null });
    expect(app.stderr).toContain('CONDUCTOR_WORKER_ACT_CONCURRENCY');
    expect(app.stderr).toContain('"many"');
    expect(app.stderr).toContain('TUTTI_STOP_GRACE');
    expect(app.stderr).toContain('`orphanGrace`');
  });
});

describe("onStartupFailure: 'continue'", () => {
  test('goes on without a worker whose configuration is wrong, and never starts it again', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'unbound'],
      bootstrap: { onStartupFailure: 'continue' },
    });
    const { state } = await app.ready();
    expect(state).toBe('running');
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    const replica = await app.replica('unbound');
    expect(replica).toMatchObject({ state: 'failed', restarts: 0 });
    expect([replica.pid, replica.nextStartAt]).toEqual([undefined, undefined]);
    expect(replica.lastError).toContain('NeedsAService');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(70);
  });

  test('starts a worker again whose process has died', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'quits'],
      bootstrap: {
        onStartupFailure: 'continue',
        restart: { initialDelay: 10, maxDelay: 20, maxDeaths: 1_000 },
      },
    });
    await app.ready();
    await app.replica('quits', (replica) => replica.restarts >= 2);
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    app.signal('SIGTERM');
    await app.ended();
    expect(app.stdout).toContain('joined');
  });

  test('fails all the same when no worker gets ready', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['unbound'],
      bootstrap: { onStartupFailure: 'continue' },
    });
    expect((await app.ended()).code).toBe(78);
    expect(app.stderr).toContain('1 worker process did not get ready');
  });
});
