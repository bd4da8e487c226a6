import { describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { executions, folderOfEachTest, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('act', 'other', 'third', 'block', 'step');
const folder = folderOfEachTest();
const start = appProcesses();

/** One retry, so that a second delivery shows. */
async function define(type: string, responseTimeoutSeconds: number): Promise<void> {
  await faulty().server.define(type, { responseTimeoutSeconds, retryCount: 1, retryDelaySeconds: 0 });
}

describe('a lease is kept for more than five times its length', () => {
  test('while a task waits, computes in a loop, or blocks its thread', async () => {
    const types = ['act', 'other', 'block'];
    for (const type of types) await define(type, 1);
    const app = start('../reliability/app', {
      serverUrl: faulty().url,
      workers: types,
      env: stateIn(folder(), { CONDUCTOR_WORKER_ALL_BLOCKED_TIMEOUT: '20000' }),
    });
    await app.ready();
    const taskIds = [
      await faulty().server.run('act', { action: 'sleep', ms: 6_000 }),
      await faulty().server.run('other', { action: 'busy', ms: 6_000 }),
      await faulty().server.run('block', { ms: 6_000 }),
    ];
    for (const taskId of taskIds) {
      await faulty().server.has(taskId, 'COMPLETED');
      const beats = faulty().heartbeatsOf(taskId);
      expect(beats.length).toBeGreaterThanOrEqual(10);
      const results = faulty()
        .of('/tasks')
        .filter(({ body }) => body.includes(taskId) && body.includes('COMPLETED'));
      expect(results).toHaveLength(1);
      // One may be on its way when the result is sent, and none follows.
      expect(beats.at(-1)!.at).toBeLessThanOrEqual(results[0]!.at + 50);
    }
    // Delivered once: the server never took them back.
    expect(app.stdout.match(/begun /g)).toHaveLength(3);
    expect((await app.status()).custody).toMatchObject({ leasesLapsed: 0 });
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('while heartbeats are refused and time out now and then', async () => {
    await define('act', 2);
    // Every second heartbeat: unavailable, or without an answer.
    const unavailable = faulty().on(
      { body: '"extendLease":true', share: 1 / 3 },
      { answer: answers.unavailable },
    );
    const silent = faulty().on({ body: '"extendLease":true', share: 1 / 3 }, { delay: 30_000 }, 4);
    const app = start('app', { serverUrl: faulty().url, env: stateIn(folder()) });
    await app.ready();
    const taskId = await faulty().server.run('act', { action: 'busy', ms: 10_500 });
    await faulty().server.has(taskId, 'COMPLETED');
    expect(unavailable.hits).toBeGreaterThan(1);
    expect(silent.hits).toBeGreaterThan(1);
    expect(app.stdout.match(/begun /g)).toHaveLength(1);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('during a drain', async () => {
    await define('act', 1);
    const app = start('app', { serverUrl: faulty().url, env: stateIn(folder()) });
    await app.ready();
    const taskId = await faulty().server.run('act', { action: 'busy', ms: 5_500 });
    await app.began(taskId);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    expect(await faulty().server.task(taskId)).toMatchObject({ status: 'COMPLETED', retryCount: 0 });
  });

  test('while the server refuses the result of the task', async () => {
    await define('act', 1);
    const refusal = faulty().on({ method: 'POST', body: 'COMPLETED' }, { answer: answers.unavailable });
    const app = start('app', { serverUrl: faulty().url, env: stateIn(folder()) });
    await app.ready();
    const taskId = await faulty().server.run('act', { action: 'echo' });
    await app.until(() => faulty().heartbeatsOf(taskId).length > 15, 'heartbeats for five leases');
    expect((await faulty().server.task(taskId)).status).toBe('IN_PROGRESS');
    refusal.end();
    expect(await faulty().server.has(taskId, 'COMPLETED')).toMatchObject({ retryCount: 0 });
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});

test('a process that hangs is given up after its `blockedTimeout`, one that computes or is idle is not', async () => {
  await define('act', 2);
  const app = start('app', {
    serverUrl: faulty().url,
    workers: ['act', 'other', 'third'],
    env: stateIn(folder(), { CONDUCTOR_WORKER_ALL_BLOCKED_TIMEOUT: '1000' }),
  });
  await app.ready();
  const pids = {
    act: await app.workerPid('act'),
    other: await app.workerPid('other'),
    third: await app.workerPid('third'),
  };
  const computing = await faulty().server.run('other', { action: 'busy', ms: 8_000 });
  const hanging = await faulty().server.run('act', { action: 'block' });
  const { reasonForIncompletion } = await faulty().server.has(hanging, 'FAILED');
  expect(reasonForIncompletion).toMatch(
    /was killed: it hangs: for 1000 ms it neither answered nor used processor time/,
  );
  const again = await app.replica('act', (one) => one.state === 'ready');
  expect(again.pid).not.toBe(pids.act);
  await faulty().server.has(computing, 'COMPLETED');
  expect(await app.replica('other')).toMatchObject({ pid: pids.other, restarts: 0 });
  expect(await app.replica('third')).toMatchObject({ pid: pids.third, restarts: 0 });
  app.signal('SIGTERM');
  await app.ended();
});

test('a heartbeat that is late because the embedding program blocks the orchestrator is a warning', async () => {
  await define('step', 5);
  const app = start('../reliability/app', {
    serverUrl: faulty().url,
    workers: ['step'],
    env: stateIn(folder(), {
      TEST_TUTTI_BLOCK_PRIMARY: '3000 3500',
      CONDUCTOR_WORKER_STEP_BLOCKED_TIMEOUT: '2000',
    }),
  });
  await app.ready();
  const taskId = await faulty().server.run('step', { ms: 9_000 });
  const line = await app.wrote(/a heartbeat is late: the event loop of the orchestrator was blocked.*/);
  expect(line).toMatch(/lateMs\W+\d{3,}/);
  await faulty().server.has(taskId, 'COMPLETED');
  // What the orchestrator could not see, it did not hold against the process.
  expect(app.stderr).not.toContain('it hangs');
  expect(executions(`${folder()}/executions`).get(taskId)).toBe(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
