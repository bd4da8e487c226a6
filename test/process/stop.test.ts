import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { isAlive } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'hangs');
const start = appProcesses();

describe('a signal', () => {
  let reports = '';
  beforeAll(() => void (reports = mkdtempSync(join(tmpdir(), 'tutti-reports-'))));
  afterAll(() => rmSync(reports, { recursive: true }));

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s lets tasks finish that wait or compute, and ends with code 0',
    async (signal) => {
      const app = start('app', { serverUrl: server().url, workers: ['act', 'other'] });
      await app.ready();
      const sleeping = await server().run('act', { action: 'sleep', ms: 1_200 });
      const computing = await server().run('other', { action: 'busy', ms: 1_200 });
      await app.began(sleeping);
      await app.began(computing);
      app.signal(signal);
      await app.wrote(`${signal}: stopping`);
      expect(await app.ended()).toEqual({ code: 0, signal: null });
      expect(app.stdout).toContain('joined');
      expect((await server().task(sleeping)).status).toBe('COMPLETED');
      expect((await server().task(computing)).status).toBe('COMPLETED');
    },
  );

  test.each(['SIGINT', 'SIGTERM'] as const)('%s to the whole group is the same', async (signal) => {
    const app = start('app', { serverUrl: server().url, workers: ['act', 'other'], detached: true });
    await app.ready();
    const sleeping = await server().run('act', { action: 'sleep', ms: 1_000 });
    const computing = await server().run('other', { action: 'busy', ms: 1_000 });
    await app.began(sleeping);
    await app.began(computing);
    app.signalGroup(signal);
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(sleeping)).status).toBe('COMPLETED');
    expect((await server().task(computing)).status).toBe('COMPLETED');
  });

  test('two at once, as a terminal and npm deliver them, are one', async () => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 600 });
    await app.began(taskId);
    app.signal('SIGINT');
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(taskId)).status).toBe('COMPLETED');
  });

  test('leaves no program behind that a task has started, but for those that are detached', async () => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const taskId = await server().run('act', { action: 'leavePrograms' });
    const { own, heir } = (await server().has(taskId, 'COMPLETED')).outputData as Record<string, number>;
    expect(isAlive(own!)).toBe(true);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    await app.until(() => !isAlive(own!), 'the program to be gone');
    expect(isAlive(heir!)).toBe(true);
    process.kill(heir!, 'SIGKILL');
  });

  test('a worker process that gets one directly goes on', async () => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const pid = await app.workerPid('act');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGQUIT'] as const) {
      process.kill(pid, signal);
    }
    const taskId = await server().run('act', { action: 'echo' });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('SIGUSR2 to every process, again and again, stops as SIGTERM does: nodemon restarts with it', async () => {
    const app = start('app', { serverUrl: server().url, detached: true });
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 1_500 });
    await app.began(taskId);
    app.signalGroup('SIGUSR2');
    await app.wrote('SIGUSR2: stopping');
    for (let i = 0; i < 3; i++) {
      // Two signals within a moment would count as one.
      await sleep(250);
      if ((await server().task(taskId)).status === 'IN_PROGRESS') app.signalGroup('SIGUSR2');
    }
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(taskId)).status).toBe('COMPLETED');
  });

  test('SIGUSR2 is left to a flag of Node or a listener of the program', async () => {
    const app = start('app', {
      serverUrl: server().url,
      execArgv: ['--report-on-signal', `--report-directory=${reports}`],
    });
    await app.ready();
    app.signal('SIGUSR2');
    await app.until(() => readdirSync(reports).length > 0, 'the report of Node to be written');
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    expect(app.stderr).not.toContain('SIGUSR2');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('a task that outlives the grace period is told, then killed and reported', async () => {
    const app = start('app', { serverUrl: server().url, bootstrap: { stopGrace: 2_000 } });
    await app.ready();
    const obedient = await server().run('act', { action: 'obey' });
    const stubborn = await server().run('act', { action: 'never' });
    await app.began(obedient);
    await app.began(stubborn);
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 1, signal: null });
    expect(app.stdout).toContain(`aborted ${obedient}`);
    const told = await server().task(obedient);
    expect(told.status).toBe('COMPLETED');
    expect(told.outputData['obeyed']).toContain('grace period is nearly over');
    const failed = await server().task(stubborn);
    expect(failed.status).toBe('FAILED');
    expect(failed.reasonForIncompletion).toMatch(/act:ActWorker#1 \(pid \d+\) was killed: .*2000 ms/);
  });

  test('blocked and stopped processes are killed at the end of the grace period', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'other'],
      bootstrap: { stopGrace: 1_000 },
    });
    await app.ready();
    const blocked = await server().run('act', { action: 'exec' });
    await app.began(blocked);
    process.kill(await app.workerPid('other'), 'SIGSTOP');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(1);
    expect((await server().task(blocked)).status).toBe('FAILED');
    await app.allGone();
  });

  test('a second signal ends everything at once', async () => {
    const app = start('app', { serverUrl: server().url, bootstrap: { stopGrace: 600_000 } });
    await app.ready();
    const taskId = await server().run('act', { action: 'never' });
    await app.began(taskId);
    app.signal('SIGTERM');
    await app.wrote('SIGTERM: stopping');
    // Two signals within a moment count as one: repeated until it counts.
    await app.until(() => {
      const isTaken = app.stderr.includes('SIGINT again: ending everything at once');
      if (!isTaken) app.signal('SIGINT');
      return isTaken;
    }, 'the second signal to count');
    expect(await app.ended()).toEqual({ code: 1, signal: null });
    const { status, reasonForIncompletion } = await server().task(taskId);
    expect(status).toBe('FAILED');
    expect(reasonForIncompletion).toContain('a second signal (SIGINT)');
  });

  test('reaches a process that is being started again', async () => {
    const app = start('app', {
      serverUrl: server().url,
      bootstrap: { stopGrace: 600_000, restart: { initialDelay: 1, maxDelay: 1 } },
    });
    await app.ready();
    const pid = await app.workerPid('act');
    process.kill(pid, 'SIGKILL');
    await app.replica('act', (replica) => replica.state === 'spawning');
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
  });

  test('while a process waits for its next start, there is none, and nothing waits for it', async () => {
    const app = start('app', {
      serverUrl: server().url,
      bootstrap: { stopGrace: 600_000, restart: { initialDelay: 600_000, maxDelay: 600_000 } },
    });
    await app.ready();
    process.kill(await app.workerPid('act'), 'SIGKILL');
    const { nextStartAt } = await app.replica('act', (replica) => replica.state === 'waiting');
    expect(nextStartAt).toBeGreaterThan(Date.now());
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect(app.messages.filter((one) => one.type === 'event' && one.event === 'restart')).toHaveLength(1);
  });

  test('while processes start, it ends them; one that has to be killed shows in the exit code', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'hangs'],
      bootstrap: { stopGrace: 1_000 },
    });
    await app.until(() => app.alive().length >= 3, 'the worker processes to be started');
    app.signal('SIGTERM');
    // The one that never gets ready is killed at the end of the grace: not everything has finished.
    expect(await app.ended()).toEqual({ code: 1, signal: null });
    await app.allGone();
  });
});

describe('`signals: false`', () => {
  test('leaves signals and exit code to the program', async () => {
    const app = start('app', {
      serverUrl: server().url,
      listens: true,
      bootstrap: { signals: false, stopGrace: 1_000 },
    });
    await app.ready();
    app.signal('SIGTERM');
    await app.wrote('own SIGTERM');
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    expect((await app.status()).state).toBe('running');

    const stubborn = await server().run('act', { action: 'never' });
    await app.began(stubborn);
    app.askToStop();
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(stubborn)).status).toBe('FAILED');
  });
});

describe('stop()', () => {
  test('finishes what runs, resolves join() and lets the program end', async () => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 800 });
    await app.began(taskId);
    app.askToStop();
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect(app.stdout).toContain('joined');
    expect((await server().task(taskId)).status).toBe('COMPLETED');
  });

  test('leaves no listener or timer behind; disposing stops; the program can start again', async () => {
    const app = start('lifecycle', { serverUrl: server().url });
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    const own = app.stdout
      .split('\n')
      .filter((line) => /^(in use|after|both|waiting|started|third|again)/.test(line));
    // The first lines come from the worker processes as well, which run the same file.
    const before = /before: (.*)/.exec(app.stdout)?.[1];
    expect(before).toMatch(/SIGTERM 0.*; timers 0/);
    expect(own).toEqual([
      'in use: running, SIGTERM 1',
      `after: ${before}`,
      'both: made, ILLEGAL_STATE',
      'waiting: created, 0 replicas, SIGTERM 0',
      'started: running, 1 replicas',
      'third: ILLEGAL_STATE',
      `again: stopped; ${before}`,
    ]);
  });

  test('hands back what a poll in flight brings', async () => {
    // As Conductor: dropping the poll would lose its task, so it is awaited.
    server().hidesAbortablePolls = true;
    const app = start('app', { serverUrl: server().url, env: { CONDUCTOR_LOG_LEVEL: 'debug' } });
    await app.ready();
    await longPollOf(app);
    app.signal('SIGTERM');
    await app.wrote(/worker process state.*draining/);
    const taskId = await server().run('act', { action: 'echo' });
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect(app.hasBegun(taskId)).toBe(false);
    expect(server().updatesOf(taskId)).toMatchObject([{ status: 'IN_PROGRESS', callbackAfterSeconds: 0 }]);
    expect(await server().queued('act')).toBe(1);
  });

  test('hands back the task that comes with the answer to an update', async () => {
    const first = await server().run('act', { action: 'echo' });
    const second = await server().run('act', { action: 'echo' });
    const release = server().hold('/tasks/update-v2');
    const app = start('app', {
      serverUrl: server().url,
      env: { CONDUCTOR_WORKER_ACT_CONCURRENCY: '1', CONDUCTOR_LOG_LEVEL: 'debug' },
    });
    await app.ready();
    await server().has(second, 'IN_PROGRESS');
    app.signal('SIGTERM');
    await app.wrote(/worker process state.*draining/);
    release();
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(first)).status).toBe('COMPLETED');
    expect(app.hasBegun(second)).toBe(false);
    expect(server().updatesOf(second)).toMatchObject([{ status: 'IN_PROGRESS', callbackAfterSeconds: 0 }]);
    expect(await server().queued('act')).toBe(1);
  });
});

/** Waits until a long poll is under way. */
async function longPollOf(app: AppProcess): Promise<void> {
  await app.until(
    () =>
      server()
        .of('/tasks/poll/batch/')
        .some((poll) => poll.status === undefined && Number(poll.query.get('timeout')) > 1_000),
    'a long poll',
  );
}
