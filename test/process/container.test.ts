import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { canContain, containers, firstProcess, IMAGE_USER, MOUNTS_ONLY } from '../support/container.js';
import { commandOf, isAlive, killHard } from '../support/processes.js';
import { folderOfEachTest, stateIn } from '../support/reliability.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act');
const folder = folderOfEachTest();
const start = appProcesses();
const container = containers();
const image = containers(MOUNTS_ONLY);
const NO_HOME = { HOME: undefined, CONDUCTOR_WORKER_ACT_DURABLE: 'true' };

/** How often the program has written this. */
function times(app: AppProcess, text: string): number {
  return app.stderr.split(text).length - 1;
}

async function stops(app: AppProcess): Promise<void> {
  process.kill(firstProcess(app), 'SIGTERM');
  expect((await app.ended()).code).toBe(0);
  await app.allGone();
}

describe.skipIf(!canContain)(
  'as process 1 of a read-only container without a shell, for a user without a home',
  () => {
    test('workers run against a server; what is missing is logged once, and without a stack', async () => {
      const app = start('app', { serverUrl: server().url, env: NO_HOME, within: container() });
      const status = await app.ready();
      expect(status.pid).toBe(1);
      const tasks = [];
      for (let number = 0; number < 5; number++) tasks.push(await server().run('act', { action: 'echo' }));
      for (const taskId of tasks) await server().has(taskId, 'COMPLETED');
      expect(times(app, 'this is process 1 of a container')).toBe(1);
      expect(times(app, 'no folder for the outbox can be written')).toBe(1);
      expect(times(app, '`durable` has no effect')).toBe(1);
      expect(times(app, 'cannot be written down')).toBe(0);
      // The kernel ends a container with its first process: no guard is needed, and none is missed.
      expect(times(app, 'orphan guard')).toBe(0);
      expect(app.stderr).not.toMatch(/^ {4}at /m);
      await stops(app);
    });

    test('and with the embedded server', async () => {
      const app = start('embedded', { env: { ...NO_HOME, TUTTI_TEST_WORKFLOWS: '3' }, within: container() });
      await app.ready();
      await app.until(() => app.stdout.split('workflow COMPLETED').length === 4, 'three workflows to end');
      expect(times(app, 'the temporary folder cannot be written')).toBe(1);
      expect(times(app, '`durable` has no effect')).toBe(1);
      expect(app.stderr).not.toContain('ENOENT: no such file');
      expect(app.stderr).not.toMatch(/^ {4}at /m);
      await stops(app);
    });

    test('nothing outlives process 1 when it is killed', async () => {
      const app = start('app', { serverUrl: server().url, env: NO_HOME, within: container() });
      await app.ready();
      await app.began(await server().run('act', { action: 'busy', ms: 3_600_000 }));
      expect(app.alive().length).toBeGreaterThanOrEqual(3);
      killHard(firstProcess(app));
      await app.allGone();
      expect(app.alive()).toEqual([]);
    });

    test('two that share a volume and a host name leave each other alone; the next start takes over what is dead', async () => {
      const volume = join(folder(), 'volume');
      mkdirSync(volume);
      chownSync(volume, IMAGE_USER, IMAGE_USER);
      const launch = (): AppProcess =>
        start('app', {
          serverUrl: server().url,
          env: { ...NO_HOME, TUTTI_STATE_DIR: '/volume' },
          within: container(volume),
        });
      const runs = (): string[] =>
        readdirSync(volume).flatMap((name) =>
          readdirSync(join(volume, name)).filter((run) => run.startsWith('run-')),
        );
      const first = launch();
      await first.ready();
      const [own] = runs();
      const taskId = await server().run('act', { action: 'sleep', ms: 2_000 });
      await first.began(taskId);
      const second = launch();
      await second.ready();
      // It has looked around by then: tasks that it took for lost would be given back, and run twice.
      await server().has(taskId, 'COMPLETED');
      expect(runs()).toContain(own);
      expect(runs()).toHaveLength(2);
      expect((await server().task(taskId)).pollCount).toBe(1);
      killHard(firstProcess(first));
      await first.allGone();
      const third = launch();
      await third.ready();
      await third.until(() => !runs().includes(own!), 'the dead run to be taken over');
      expect(runs()).toHaveLength(2);
      await stops(second);
      await stops(third);
      expect(runs()).toEqual([]);
    });
  },
);

describe.skipIf(!canContain)('without a shell, and not as process 1', () => {
  test.each(['app', 'discovering'])(
    '%s: the missing orphan guard is one line, without a stack',
    async (program) => {
      const app = start(program, { serverUrl: server().url, env: NO_HOME, within: image() });
      const status = await app.ready();
      expect(status.pid).toBeGreaterThan(1);
      const line = app.stderr.split('\n').filter((one) => one.includes('orphan guard'));
      expect(line).toEqual([
        expect.stringMatching(
          / WARN .*no orphan guard: worker processes that hang may survive if this process is killed .*spawn \/bin\/sh ENOENT/,
        ),
      ]);
      expect(app.stderr).not.toMatch(/^ {4}at /m);
      app.signal('SIGTERM');
      expect((await app.ended()).code).toBe(0);
      await app.allGone();
      expect(times(app, 'orphan guard')).toBe(1);
    },
  );
});

describe.skipIf(!canContain)('a program that outlives its worker process, and then ends', () => {
  const NAMESPACE = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

  async function leavesZombie(within: readonly string[]): Promise<[boolean, AppProcess]> {
    const app = start('app', { serverUrl: server().url, env: stateIn(folder()), within });
    await app.ready();
    await app.began(await server().run('act', { action: 'exec' }));
    const sleeper = await app.until(
      () => app.alive().find(({ pid }) => commandOf(pid) === 'sleep 3600'),
      'the program to run',
    );
    killHard(sleeper.parent);
    await app.until(
      () => !app.alive().some(({ pid }) => pid === sleeper.parent),
      'the worker process to be gone',
    );
    killHard(sleeper.pid);
    await app.until(() => !isAlive(sleeper.pid), 'the program to end');
    // The next process of the worker is there: whoever waits for children has done so.
    await app.replica('act', ({ state }) => state === 'ready');
    const isZombie = existsSync(`/proc/${sleeper.pid}`);
    app.askToStop();
    expect((await app.ended()).code).toBe(0);
    return [isZombie, app];
  }

  test('is reaped by an init as process 1', async () => {
    const [isZombie, app] = await leavesZombie([...NAMESPACE, '/bin/sh', '-c', '"$@" & wait $!', 'sh']);
    expect(isZombie).toBe(false);
    expect(app.stderr).not.toContain('process 1');
  });

  test('stays as a zombie where Node.js itself is process 1, as the warning at the start says', async () => {
    const [isZombie, app] = await leavesZombie(NAMESPACE);
    expect(isZombie).toBe(true);
    expect(app.stderr).toContain('Start it with an init: `docker run --init`');
  });
});
