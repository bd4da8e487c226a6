import { describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'twin', 'grouped', 'grouped_too');
const start = appProcesses();

describe('the processes of an application', () => {
  test('a class worker and a function worker of one task type have processes of their own', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['act', 'actAgain'] });
    const { state, replicas } = await app.ready();
    expect(state).toBe('running');
    expect(replicas.map((replica) => [replica.replica, replica.state])).toEqual([
      ['act:ActWorker#1', 'ready'],
      ['act:actAgain#1', 'ready'],
    ]);
    const pids = replicas.map((replica) => replica.pid);
    expect(new Set([...pids, app.pid]).size).toBe(3);

    const taskId = await server().run('act', { action: 'echo', text: 'hello' });
    const { outputData, workerId } = await server().has(taskId, 'COMPLETED');
    expect(pids).toContain(outputData['pid']);
    expect(outputData['input']).toEqual({ action: 'echo', text: 'hello' });
    expect(replicas.flatMap((replica) => replica.workers.map((worker) => worker.workerId))).toContain(
      workerId,
    );

    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
  });

  test('workers of a group share one process', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['grouped', 'act', 'groupedToo'] });
    const { replicas } = await app.ready();
    expect(replicas.map((replica) => [replica.replica, replica.workers.map((worker) => worker.key)])).toEqual(
      [
        ['group pair#1', ['grouped:grouped', 'grouped_too:groupedToo']],
        ['act:ActWorker#1', ['act:ActWorker']],
      ],
    );
    const one = await server().run('grouped', { action: 'echo' });
    const two = await server().run('grouped_too', { action: 'echo' });
    const shared = replicas[0]?.pid;
    expect((await server().has(one, 'COMPLETED')).outputData['pid']).toBe(shared);
    expect((await server().has(two, 'COMPLETED')).outputData['pid']).toBe(shared);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('`processes: 2` makes two processes that both work', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['twin'] });
    const { replicas } = await app.ready();
    expect(replicas.map((replica) => replica.replica)).toEqual(['twin:twin#1', 'twin:twin#2']);
    // One process is blocked by a task, so that the other one has to do the next.
    const busy = await server().run('twin', { action: 'busy', ms: 1_500 });
    await app.began(busy);
    const quick = await server().run('twin', { action: 'echo' });
    const pids = [
      (await server().has(quick, 'COMPLETED')).outputData['pid'],
      (await server().has(busy, 'COMPLETED')).outputData['pid'],
    ];
    expect(new Set(pids)).toEqual(new Set(replicas.map((replica) => replica.pid)));
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('the boot table shows type, worker, file, processes and where the values come from', async () => {
    const env = { CONDUCTOR_WORKER_TWIN_POLL_INTERVAL: '321', CONDUCTOR_WORKER_ALL_CONCURRENCY: '4' };
    const app = start('app', { serverUrl: server().url, workers: ['act', 'twin'], env });
    const { replicas } = await app.ready();
    const lines = app.stderr.split('\n');
    expect(app.stderr).toContain(`app.js has started; its workers poll ${server().url}`);
    const act = lines.find((line) => line.includes('ActWorker'));
    expect(act).toMatch(/act .*ActWorker.*build\/test\/fixtures\/process\/workers\.js.* 1 \[default\]/);
    expect(act).toContain(String(replicas[0]?.pid));
    expect(act).toContain('4 [env CONDUCTOR_WORKER_ALL_CONCURRENCY]');
    expect(act).toContain('100 ms [default]');
    const twin = lines.find((line) => line.includes('twin'));
    expect(twin).toContain(`${replicas[1]?.pid}, ${replicas[2]?.pid}`);
    expect(twin).toContain('321 ms [env CONDUCTOR_WORKER_TWIN_POLL_INTERVAL]');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('programs that a task starts are not taken for worker processes', async () => {
    const app = start('app', { serverUrl: server().url });
    await app.ready();
    const taskId = await server().run('act', { action: 'marker' });
    expect((await server().has(taskId, 'COMPLETED')).outputData).toEqual({ own: 'none', ofChild: 'none' });
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('`entry` names the file that the worker processes run', async () => {
    const app = start('launcher', { serverUrl: server().url });
    await app.ready();
    const taskId = await server().run('act', { action: 'echo' });
    const { outputData } = await server().has(taskId, 'COMPLETED');
    expect(outputData['pid']).not.toBe(app.pid);
    expect(app.stdout.match(/launcher \d+/g)).toEqual([`launcher ${app.pid}`]);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});
