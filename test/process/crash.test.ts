import { describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { isAlive, killHard } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'grouped', 'grouped_too', 'die', 'doomed');
const start = appProcesses();
/** Starts again at once, and never gives up. */
const RESTART = { initialDelay: 1, maxDelay: 1, maxDeaths: 100_000 };

describe('a worker process that dies', () => {
  test('by kill -9: its tasks are reported at once, it is started again, others are not touched', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'other'],
      bootstrap: { restart: RESTART },
    });
    await app.ready();
    const lost = [
      await server().run('act', { action: 'never' }),
      await server().run('act', { action: 'never' }),
    ];
    const kept = await server().run('other', { action: 'sleep', ms: 2_000 });
    for (const taskId of [...lost, kept]) await app.began(taskId);
    const otherPid = await app.workerPid('other');
    const pid = await app.workerPid('act');
    killHard(pid);
    for (const taskId of lost) {
      const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
      expect(reasonForIncompletion).toContain(
        `worker process act:ActWorker#1 (pid ${pid}) died of signal SIGKILL`,
      );
    }
    const again = await app.replica('act', (replica) => replica.state === 'ready' && replica.pid !== pid);
    expect(again).toMatchObject({ restarts: 1, lostToCrashes: 2, tasks: [] });
    const next = await server().run('act', { action: 'echo' });
    expect((await server().has(next, 'COMPLETED')).outputData['pid']).toBe(again.pid);

    expect((await server().has(kept, 'COMPLETED')).outputData['pid']).toBe(otherPid);
    expect(await app.replica('other')).toMatchObject({ pid: otherPid, restarts: 0 });
    expect(app.messages).toContainEqual(
      expect.objectContaining({
        event: 'exit',
        data: expect.objectContaining({ replica: 'act:ActWorker#1', pid, signal: 'SIGKILL', failedTasks: 2 }),
      }),
    );
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test.each([
    ['SIGKILL', { action: 'kill', signal: 'SIGKILL' }, 'died of signal SIGKILL', 'last words: SIGKILL'],
    ['SIGSEGV', { action: 'kill', signal: 'SIGSEGV' }, 'died of signal SIGSEGV', 'last words: SIGSEGV'],
    ['SIGABRT', { action: 'kill', signal: 'SIGABRT' }, 'died of signal SIGABRT', 'last words: SIGABRT'],
    ['process.exit(3)', { action: 'exit', code: 3 }, 'exited with code 3', 'last words: process.exit'],
    ['process.exit(0)', { action: 'exit', code: 0 }, 'exited with code 0', 'last words: process.exit'],
    ['an exception in a stray timer', { action: 'throwLater' }, 'failed: stray timer', 'actions.js'],
    ['an unhandled rejection', { action: 'rejectLater' }, 'failed: stray promise', 'actions.js'],
  ])(
    'by %s: the reason and its last words are reported, and it is started again',
    async (_what, input, reason, words) => {
      const app = start('app', { serverUrl: server().url, bootstrap: { restart: RESTART } });
      await app.ready();
      const pid = await app.workerPid('act');
      const taskId = await server().run('act', input);
      expect((await server().has(taskId, 'FAILED')).reasonForIncompletion).toContain(
        `worker process act:ActWorker#1 (pid ${pid}) ${reason}`,
      );
      expect(await server().logsOf(taskId)).toContain(words);
      // Passed on live as well.
      expect(app.stderr).toContain(words);
      const next = await server().run('act', { action: 'echo' });
      expect((await server().has(next, 'COMPLETED')).outputData['pid']).not.toBe(pid);
      app.signal('SIGTERM');
      expect((await app.ended()).code).toBe(0);
    },
  );

  test('with a group of workers: the tasks of all of them are reported', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['grouped', 'groupedToo'],
      bootstrap: { restart: RESTART },
    });
    const { replicas } = await app.ready();
    const one = await server().run('grouped', { action: 'never' });
    const two = await server().run('grouped_too', { action: 'never' });
    await app.began(one);
    await app.began(two);
    killHard(await app.workerPid('pair'));
    for (const [index, taskId] of [one, two].entries()) {
      const { reasonForIncompletion, workerId } = await server().has(taskId, 'FAILED');
      expect(reasonForIncompletion).toContain('worker process group pair#1');
      expect(workerId).toBe(replicas[0]?.workers[index]?.workerId);
    }
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('of memory: the reason says so', async () => {
    const app = start('app', {
      serverUrl: server().url,
      execArgv: ['--max-old-space-size=48'],
      bootstrap: { restart: RESTART },
    });
    await app.ready();
    const taskId = await server().run('act', { action: 'heap' });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain('died: JavaScript heap out of memory');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('and leaves a program behind that holds its standard error: the report does not wait for it', async () => {
    const app = start('app', { serverUrl: server().url, bootstrap: { restart: RESTART } });
    await app.ready();
    const taskId = await server().run('act', { action: 'leaveHeir' });
    const heir = Number(/\d+/.exec(await app.wrote(/heir \d+\n/))?.[0]);
    await server().has(taskId, 'FAILED');
    expect(isAlive(heir)).toBe(true);
    killHard(heir);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('in the first statement of a task, again and again: no task is ever unknown to the orchestrator', async () => {
    // Nothing but the orchestrator's report ends these tasks: their lease is an hour.
    const taskIds: string[] = [];
    for (let count = 0; count < 200; count++) taskIds.push(await server().run('die'));
    const app = start('app', { serverUrl: server().url, workers: ['die'], bootstrap: { restart: RESTART } });
    await app.ready();
    for (const taskId of taskIds) {
      const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
      expect(reasonForIncompletion).toMatch(/die:die#[12] \(pid \d+\) died of signal SIGKILL/);
    }
    expect(await server().queued('die')).toBe(0);
    app.signal('SIGTERM');
    await app.ended();
  });
});

describe('a worker whose process dies again and again', () => {
  const restart = { initialDelay: 1, maxDelay: 5, maxDeaths: 3 };

  test('is given up; the others go on, and the exit code tells it', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['act', 'doomed'], bootstrap: { restart } });
    await app.ready();
    const replica = await app.replica('doomed', (one) => one.state === 'failed');
    expect(replica.restarts).toBe(2);
    expect([replica.pid, replica.nextStartAt]).toEqual([undefined, undefined]);
    expect(app.messages).toContainEqual({
      type: 'event',
      event: 'givenUp',
      data: {
        replica: 'doomed:DoomedWorker#1',
        code: 'PROCESS_GIVEN_UP',
        message: expect.stringContaining('given up after 3 deaths in a row') as string,
      },
    });
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    app.signal('SIGTERM');
    expect(await app.ended()).toEqual({ code: 70, signal: null });
  });

  test('ends the program with code 70 when no other is left', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['doomed'], bootstrap: { restart } });
    expect(await app.ended()).toEqual({ code: 70, signal: null });
    expect(app.stderr).toContain('every worker was given up');
    expect(app.stderr).toContain('doomed:DoomedWorker#1 is given up after 3 deaths in a row');
    // A line says nothing of tasks where there were none.
    expect(app.stderr).toContain('doomed:DoomedWorker#1 (pid ');
    expect(app.stderr).not.toContain('failedTasks');
  });

  test('is not started again after exit code 78', async () => {
    const app = start('app', {
      serverUrl: server().url,
      workers: ['act', 'other'],
      bootstrap: { restart: RESTART },
    });
    await app.ready();
    const taskId = await server().run('act', { action: 'exit', code: 78 });
    expect((await server().has(taskId, 'FAILED')).reasonForIncompletion).toContain('exited with code 78');
    const replica = await app.replica('act', (one) => one.state === 'failed');
    expect(replica.restarts).toBe(0);
    expect(replica.nextStartAt).toBeUndefined();
    const other = await server().run('other', { action: 'echo' });
    await server().has(other, 'COMPLETED');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(70);
  });
});
