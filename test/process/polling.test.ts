import { describe, expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest, type GateRequest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other');
const start = appProcesses();
const LONG_POLL_MS = 5_000;

const polls = (type = 'act'): GateRequest[] => server().of(`/tasks/poll/batch/${type}`);
const isLong = (poll: GateRequest): boolean => poll.query.get('timeout') === String(LONG_POLL_MS);

test('an idle worker asks only as often as its long polls end, and the first task comes by the poll that waits', async () => {
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  // A minute, scaled down to three long polls that bring nothing and a fourth that waits.
  await app.until(() => polls().filter(isLong).length === 4, 'the fourth long poll');
  const idle = polls();
  expect(idle.filter((poll) => !isLong(poll))).toHaveLength(1);
  for (const [index, poll] of idle.entries()) {
    if (index > 1) expect(poll.at - idle[index - 1]!.at).toBeGreaterThanOrEqual(LONG_POLL_MS - 100);
  }
  const taskId = await server().run('act', { action: 'echo' });
  const { scheduledTime, startTime } = await server().has(taskId, 'COMPLETED');
  // Nobody had to ask for it.
  expect(polls().filter(({ at }) => at >= scheduledTime && at < startTime)).toEqual([]);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('polls that are answered 500 come further and further apart, with one line in the log, until one is answered', async () => {
  const failures = 5;
  server().refuse('/tasks/poll/batch/act', ...Array.from({ length: failures }, () => ({ status: 500 })));
  const app = start('app', { serverUrl: server().url });
  await app.ready();
  const taskId = await server().run('act', { action: 'echo' });
  await server().has(taskId, 'COMPLETED');
  const times = polls().map(({ at }) => at);
  for (let count = 1; count <= failures; count++) {
    // 250 ms, twice as much each time, less jitter.
    const gapMs = times[count]! - times[count - 1]!;
    expect(gapMs).toBeGreaterThanOrEqual(0.8 * 250 * 2 ** (count - 1) - 10);
  }
  await app.wrote('polls succeed again');
  expect(app.stderr.match(/a poll failed/g)).toHaveLength(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

describe('domains', () => {
  test('one task type in two domains and in none: each worker gets the tasks of its own queue', async () => {
    const app = start('app', { serverUrl: server().url, workers: ['actRed', 'act', 'actBlue'] });
    const { replicas } = await app.ready();
    const pids = replicas.map((replica) => replica.pid);
    await app.until(
      () => new Set(polls().map((poll) => poll.query.get('domain'))).size === 3,
      'a poll for each queue',
    );
    const domains = ['red', undefined, 'blue'];
    for (let round = 0; round < 2; round++) {
      for (const [index, domain] of domains.entries()) {
        const taskId = await server().run('act', { action: 'echo' }, domain);
        const { outputData, domain: of } = await server().has(taskId, 'COMPLETED');
        expect([outputData['pid'], of]).toEqual([pids[index], domain]);
      }
    }
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('an empty one is none: the polls do not name it', async () => {
    const app = start('app', { serverUrl: server().url, env: { CONDUCTOR_WORKER_ACT_DOMAIN: ' ' } });
    await app.ready();
    const taskId = await server().run('act', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    expect(polls().filter((poll) => poll.query.has('domain'))).toEqual([]);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});

test('stopped and started three times in one program, each time with a poll under way: one loop polls in the end', async () => {
  // As Conductor: a poll that waits cannot be dropped.
  server().hidesAbortablePolls = true;
  const concurrency = 2;
  const app = start('again', {
    serverUrl: server().url,
    env: { CONDUCTOR_WORKER_ACT_CONCURRENCY: String(concurrency) },
  });
  const { replicas } = await app.ready();
  expect(app.stdout.match(/round \d/g)).toEqual(['round 0', 'round 1', 'round 2']);
  const taskIds: string[] = [];
  for (let count = 0; count < 8; count++)
    taskIds.push(await server().run('act', { action: 'sleep', ms: 300 }));
  const tasks = [];
  for (const taskId of taskIds) tasks.push(await server().has(taskId, 'COMPLETED'));
  expect(new Set(tasks.map((task) => task.outputData['pid']))).toEqual(new Set([replicas[0]?.pid]));
  for (const { startTime } of tasks) {
    const atOnce = tasks.filter((task) => task.startTime <= startTime && startTime < task.endTime);
    expect(atOnce.length).toBeLessThanOrEqual(concurrency);
  }
  const open = await app.until(() => {
    const waiting = polls().filter((poll) => poll.status === undefined);
    return waiting.some(isLong) && waiting;
  }, 'a long poll');
  expect(open).toHaveLength(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
