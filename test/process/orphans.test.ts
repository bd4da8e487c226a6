import { describe, expect, onTestFinished, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { commandOf, isAlive, killHard } from '../support/processes.js';
import { needsSecondUser, processNamed } from '../support/second-user.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'third', 'twin', 'grouped', 'hangs');
const start = appProcesses();
const GRACE_MS = 2_000;
/** The guard looks once a second, and killing takes a moment: this is what it took beyond the grace, and some. */
const MARGIN_MS = 3_000;
const ENV = { TUTTI_ORPHAN_GRACE: String(GRACE_MS) };

describe('when the main process is killed', () => {
  test('idle processes leave by themselves', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['act', 'twin'], env: ENV });
    await app.ready();
    expect(app.alive().length).toBeGreaterThanOrEqual(4);
    killHard(app.pid);
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(app.alive()).toEqual([]);
  });

  test('a task that ends within the grace is delivered; its writing to standard error does no harm', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act'],
      env: { TUTTI_ORPHAN_GRACE: '20000' },
    });
    await app.ready();
    const sleeping = await server().run('act', { action: 'sleep', ms: 1_000 });
    const pid = await app.workerPid('act');
    const chattering = await server().run('act', { action: 'chatter', ms: 1_000 });
    await app.began(sleeping);
    await app.began(chattering);
    killHard(app.pid);
    await app.ended();
    expect((await server().has(sleeping, 'COMPLETED')).outputData).toEqual({ pid });
    expect((await server().has(chattering, 'COMPLETED')).outputData).toEqual({ pid });
    await app.allGone(20_000);
    expect(app.alive()).toEqual([]);
  });

  test('a task that takes longer is told, and reported when it ends', async () => {
    const app = start('app', { serverUrl: server().url, env: ENV });
    await app.ready();
    const taskId = await server().run('act', { action: 'obey' });
    await app.began(taskId);
    killHard(app.pid);
    const { outputData } = await server().has(taskId, 'COMPLETED');
    expect(outputData['obeyed']).toContain('the orchestrator is gone');
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(app.alive()).toEqual([]);
  });

  test('processes that compute, block, wait for a program or are stopped are gone after the grace', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'other', 'third', 'twin', 'grouped'],
      env: { ...ENV, CONDUCTOR_WORKER_TWIN_PROCESSES: '1' },
    });
    await app.ready();
    const tasks = {
      act: await server().run('act', { action: 'never' }),
      other: await server().run('other', { action: 'busy', ms: 3_600_000 }),
      third: await server().run('third', { action: 'block' }),
      twin: await server().run('twin', { action: 'exec' }),
      grouped: await server().run('grouped', { action: 'sleep', ms: 3_600_000 }),
    };
    for (const taskId of Object.values(tasks)) await app.began(taskId);
    process.kill(await app.workerPid('pair'), 'SIGSTOP');
    await app.until(
      () => app.alive().filter((entry) => entry.state === 'T').length === 1,
      'a process to be stopped',
    );
    // Main process, guard, five workers, and the command of one of them (and its shell, where there is one).
    await app.until(() => app.alive().length >= 8, 'all processes to be there');
    killHard(app.pid);
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(app.alive()).toEqual([]);
  });

  test('no other process is, whatever it calls itself; a list of processes shows whose guard it is', async (context) => {
    needsSecondUser(context);
    const app = start('app', { serverUrl: server().url, env: ENV });
    await app.ready();
    const guard = await app.until(
      () => app.alive().find(({ pid }) => commandOf(pid).includes('tutti orphan guard of app.js')),
      'the guard to be there',
    );
    expect(commandOf(guard.pid)).toBe('/bin/sh -c eval "$TUTTI_GUARD" tutti orphan guard of app.js 2');
    const worker = await app.workerPid('act');
    // Each looks like a child of the worker process to whoever reads one line, or up to the first parenthesis.
    const names = [`a) S ${worker} 1\n`, `) S ${worker} *`, 'b)\n) * * *'];
    const liars = await Promise.all(names.map((name) => processNamed(name)));
    onTestFinished(() => liars.forEach(({ end }) => end()));
    killHard(app.pid);
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(liars.map(({ pid }) => isAlive(pid))).toEqual([true, true, true]);
  });

  test('processes that are not ready yet are gone too', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['act', 'hangs'], env: ENV });
    await app.until(() => app.alive().length >= 4, 'the worker processes to be started');
    killHard(app.pid);
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(app.alive()).toEqual([]);
  });

  test('even while it stops', async () => {
    const app = start('app', { serverUrl: server().url, env: ENV, bootstrap: { stopGrace: 600_000 } });
    await app.ready();
    const taskId = await server().run('act', { action: 'never' });
    await app.began(taskId);
    app.signal('SIGTERM');
    await app.wrote('SIGTERM: stopping');
    killHard(app.pid);
    await app.allGone(GRACE_MS + MARGIN_MS);
    expect(app.alive()).toEqual([]);
  });

  test('by an error of its own, running tasks finish and nothing is left', async () => {
    const app = start('app', { serverUrl: server().url, env: { TUTTI_ORPHAN_GRACE: '20000' } });
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 600 });
    await app.began(taskId);
    app.crash();
    expect((await app.ended()).code).toBe(1);
    expect(app.stderr).toContain('a mistake in the main program');
    await server().has(taskId, 'COMPLETED');
    await app.allGone(20_000);
    expect(app.alive()).toEqual([]);
  });
});
