import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest, type Fault, type Match } from '../support/faulty-conductor.js';
import { executions, folderOfEachTest, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('step', 'twice', 'charge');
const folder = folderOfEachTest();
const start = appProcesses();

const UPDATE: Match = { method: 'POST', path: /^\/tasks(\/update-v2)?$/ };
const POLL: Match = { path: /^\/tasks\/poll\/batch\// };

function startApp(type = 'step', env: Readonly<Record<string, string>> = {}): AppProcess {
  return start('../reliability/app', {
    serverUrl: faulty().url,
    workers: [type],
    env: stateIn(folder(), env),
  });
}

async function runMany(count: number, type = 'step'): Promise<string[]> {
  const taskIds: string[] = [];
  for (let number = 0; number < count; number++) taskIds.push(await faulty().server.run(type));
  return taskIds;
}

/** Each task was executed once, its result was taken once, and the program ends well. */
async function expectEachOnce(app: AppProcess, taskIds: readonly string[]): Promise<void> {
  for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
  const counts = executions(join(folder(), 'executions'));
  for (const taskId of taskIds) expect(counts.get(taskId), taskId).toBe(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
}

describe('every result arrives, and no task is executed twice where the server can be believed', () => {
  test.each<[string, Match, Fault]>([
    ['updates are answered 503', { ...UPDATE, share: 0.3 }, { answer: answers.unavailable }],
    ['updates are answered 502 with a page', { ...UPDATE, share: 0.3 }, { answer: answers.badGateway }],
    ['updates are answered 200 with a page', { ...UPDATE, share: 0.3 }, { answer: answers.html }],
    ['updates are answered 404 by an ingress', { ...UPDATE, share: 0.3 }, { answer: answers.noBackend }],
    ['updates are answered 401', { ...UPDATE, share: 0.1 }, { answer: answers.unauthorized }],
    ['updates are cut before the server has them', { ...UPDATE, share: 0.3 }, { cut: 'before' }],
    ['updates are cut after the server took them', { ...UPDATE, share: 0.3 }, { cut: 'after' }],
    [
      'the server took updates that are answered 503',
      { ...UPDATE, share: 0.3 },
      { answerAfter: answers.unavailable },
    ],
    ['updates are slow', { ...UPDATE, share: 0.5 }, { delay: 300 }],
    ['polls are answered 503', POLL, { answer: answers.unavailable }],
    ['polls are cut before the server has them', POLL, { cut: 'before' }],
    ['answers to polls are lost', POLL, { cut: 'after' }],
    ['the server has no update-v2', { path: '/tasks/update-v2' }, { answer: answers.noEndpoint }],
  ])('when %s', async (_what, match, fault) => {
    // Before the start: what comes then is a batch, and updates ask for the next task.
    const taskIds = await runMany(25);
    const rule = faulty().on(match, fault, match === POLL ? 3 : Infinity);
    const app = startApp('step', { CONDUCTOR_WORKER_STEP_CONCURRENCY: '3' });
    await app.ready();
    await app.until(async () => {
      const tasks = await Promise.all(taskIds.map((taskId) => faulty().server.task(taskId)));
      return tasks.every((task) => task.status === 'COMPLETED');
    }, 'all tasks to be completed');
    expect(rule.hits).toBeGreaterThan(0);
    rule.end();
    await expectEachOnce(app, taskIds);
  });
});

test('Retry-After of 429 is obeyed by polls and by updates', async () => {
  const app = startApp();
  await app.ready();
  faulty().on(UPDATE, { answer: answers.tooMany(2) }, 1);
  const [taskId] = await runMany(1);
  await faulty().server.has(taskId!, 'COMPLETED');
  const updates = faulty().requests.filter(
    ({ method, path, body }) => method === 'POST' && path.startsWith('/tasks') && body.includes('COMPLETED'),
  );
  expect(updates.map(({ status }) => status)).toEqual([429, 200]);
  expect(updates[1]!.at - updates[0]!.at).toBeGreaterThanOrEqual(1_990);

  const poll = faulty().on(POLL, { answer: answers.tooMany(2) }, 1);
  await app.until(() => poll.hits === 1, 'a poll to be refused');
  const refused = faulty()
    .of('/tasks/poll')
    .filter(({ status }) => status === 429)
    .at(-1)!;
  const next = await app.until(
    () =>
      faulty()
        .of('/tasks/poll')
        .find(({ at }) => at > refused.at),
    'the next poll',
  );
  expect(next.at - refused.at).toBeGreaterThanOrEqual(1_990);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('tokens that expire each second, with every second renewal refused: no result is lost, no storm of renewals', async () => {
  faulty().requireTokens(1_000, (count) => count % 2 === 0);
  const taskIds = await runMany(40);
  const app = startApp('step', {
    CONDUCTOR_AUTH_KEY: 'key-of-the-test',
    CONDUCTOR_AUTH_SECRET: 'secret-of-the-test',
    CONDUCTOR_WORKER_STEP_CONCURRENCY: '4',
  });
  await app.ready();
  const from = Date.now();
  const before = faulty().tokenRequests;
  const wasRefused = (): boolean =>
    faulty()
      .of('/token')
      .some(({ status }) => status === 503);
  for (let round = 0; round < 6 || !wasRefused(); round++) {
    taskIds.push(...(await runMany(5)));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
  const seconds = (Date.now() - from) / 1_000;
  // Two processes, each with a renewal a second and about as many refused ones.
  expect(faulty().tokenRequests - before).toBeLessThan(6 * seconds + 10);
  // Nor of requests with a token that is over: in each process what is under way when it ends, four updates and a poll.
  const refused = faulty().requests.filter(({ status }) => status === 401);
  expect(refused.length).toBeLessThan(2 * 5 * seconds + 10);
  await expectEachOnce(app, taskIds);
});

test.each([400, 409])(
  'a result that is answered %i is not sent again: its task is failed, its place is free',
  async (status) => {
    const app = startApp('step', { CONDUCTOR_WORKER_STEP_CONCURRENCY: '1' });
    await app.ready();
    const body = JSON.stringify({ status, message: 'not like this', retryable: false });
    faulty().on(
      { ...UPDATE, body: 'the only copy' },
      { answer: { status, headers: { 'content-type': 'application/json' }, body } },
    );
    const taskId = await faulty().server.run('step', { text: 'the only copy' });
    const next = await faulty().server.run('step');
    const line = await app.wrote(/the server refuses a result; the task is failed instead.*/);
    expect(line).toContain('the only copy');
    expect((await faulty().server.has(taskId, 'FAILED_WITH_TERMINAL_ERROR')).reasonForIncompletion).toContain(
      'the server refused the result (COMPLETED)',
    );
    await faulty().server.has(next, 'COMPLETED');
    expect(
      faulty()
        .resultsOf(taskId)
        .map((result) => result.status),
    ).toEqual(['COMPLETED', 'FAILED_WITH_TERMINAL_ERROR']);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  },
);

test('a task that the server does not know any more is not tried for ever, and its payload is in the log', async () => {
  const app = startApp();
  await app.ready();
  const taskId = await faulty().server.run('step', { ms: 200, text: 'the only copy' });
  faulty().on({ ...UPDATE, body: taskId }, { answer: answers.noTask(taskId) });
  const line = await app.wrote(/the server does not take the result of a task; it is lost.*/);
  expect(line).toContain(taskId);
  expect(line).toContain('the only copy');
  const replica = await app.replica('step', ({ counts }) => counts.REFUSED === 1);
  expect(replica.tasks).toEqual([]);
  expect(faulty().resultsOf(taskId)).toHaveLength(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test.each([3_600_000, -3_600_000])('a server whose clock is %d ms off changes nothing', async (skewMs) => {
  faulty().skewMs = skewMs;
  await faulty().server.define('step', { responseTimeoutSeconds: 1, timeoutSeconds: 20, retryCount: 1 });
  const app = startApp();
  await app.ready();
  const taskId = await faulty().server.run('step', { ms: 2_500 });
  expect(await faulty().server.has(taskId, 'COMPLETED')).toMatchObject({ retryCount: 0 });
  await expectEachOnce(app, [taskId]);
});

describe('a task that is delivered again', () => {
  test('while it runs is not run twice, and its result is sent', async () => {
    const app = startApp();
    await app.ready();
    const again = faulty().server.faults.add({ on: { taskType: 'step' }, times: 1, twice: true });
    // Longer than a poll waits that is under way.
    const taskId = await faulty().server.run('step', { ms: 6_500 });
    await app.began(taskId);
    expect(again.count).toBe(1);
    await app.wrote('a task was delivered while it runs already; this copy is not run');
    await expectEachOnce(app, [taskId]);
  });

  test('by answers to polls that have it twice, alike in all, is run once, and its one result answers both', async () => {
    const twice = (body: string): string => {
      const tasks = JSON.parse(body) as unknown[];
      return JSON.stringify([...tasks, ...tasks]);
    };
    const rule = faulty().on(POLL, { rewrite: twice });
    const app = startApp('step', { CONDUCTOR_WORKER_STEP_CONCURRENCY: '3' });
    await app.ready();
    const taskIds = await runMany(12);
    for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
    await app.wrote('a task was delivered while it runs already; this copy is not run');
    expect(rule.hits).toBeGreaterThan(0);
    for (const taskId of taskIds)
      expect(
        faulty()
          .resultsOf(taskId)
          .map((result) => result.status),
      ).toEqual(['COMPLETED']);
    await app.replica('step', (replica) => replica.tasks.length === 0 && replica.counts.DUPLICATE > 0);
    await expectEachOnce(app, taskIds);
  });

  test('while its result waits in the outbox is not run again', async () => {
    const app = startApp();
    await app.ready();
    const { faults } = faulty().server;
    const refusal = faults.add({ on: { endpoint: 'update', taskType: 'step' }, answer: { status: 503 } });
    // Its place is free, and the next poll brings it again, once the result is in the outbox.
    faults.add({ on: { endpoint: 'poll', taskType: 'step' }, times: 1, twice: true });
    const [taskId] = await runMany(1);
    await app.replica('step', (replica) => replica.tasks.some((task) => task.state === 'stored'));
    await app.wrote('a task was delivered while it runs already; this copy is not run');
    expect(refusal.count).toBeGreaterThan(0);
    refusal.remove();
    await expectEachOnce(app, [taskId!]);
  });

  test('as a new attempt after its lease was lost: the old one is told to end before the new one begins', async () => {
    // Heartbeats do not get through, so the server takes the task back.
    await faulty().server.define('act', { responseTimeoutSeconds: 1, retryCount: 1, retryDelaySeconds: 0 });
    faulty().server.faults.add({ on: { endpoint: 'heartbeat' }, answer: { status: 503 } });
    const app = startApp('act');
    await app.ready();
    const workflowId = await faulty().server.startOf('act', { action: 'obey' });
    const attempts = await app.until(async () => {
      const { tasks } = await faulty().server.workflow(workflowId);
      return tasks.length === 2 && tasks[1]!.status === 'IN_PROGRESS' && tasks;
    }, 'a second attempt');
    await app.wrote(`aborted ${attempts[0]!.taskId}`);
    await app.began(attempts[1]!.taskId);
    expect(app.stdout.indexOf(`aborted ${attempts[0]!.taskId}`)).toBeLessThan(
      app.stdout.indexOf(`begun ${attempts[1]!.taskId}`),
    );
    await faulty().server.terminate(workflowId);
    app.signal('SIGTERM');
    await app.ended();
  });

  test('as another task with the same idempotency key gets the result of the first, also after a restart', async () => {
    const app = startApp('charge');
    await app.ready();
    const inputs = Array.from({ length: 6 }, () => ({ text: 'invoice 7', ms: 200 }));
    const taskIds: string[] = [];
    for (const input of inputs) taskIds.push(await faulty().server.run('charge', input));
    const outputs = [];
    for (const taskId of taskIds) outputs.push((await faulty().server.has(taskId, 'COMPLETED')).outputData);
    expect(new Set(outputs.map((output) => output['chargedBy'])).size).toBe(1);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    const next = startApp('charge');
    await next.ready();
    const later = await faulty().server.run('charge', inputs[0]);
    expect((await faulty().server.has(later, 'COMPLETED')).outputData).toEqual(outputs[0]);
    const other = await faulty().server.run('charge', { text: 'invoice 8' });
    expect((await faulty().server.has(other, 'COMPLETED')).outputData).toEqual({ chargedBy: other });
    expect(executions(join(folder(), 'executions')).size).toBe(2);
    next.signal('SIGTERM');
    expect((await next.ended()).code).toBe(0);
  });
});

describe('a task whose workflow was terminated', () => {
  test('has its signal aborted, and its result is dropped with a line in the log', async () => {
    await faulty().server.define('act');
    const app = startApp('act');
    await app.ready();
    const workflowId = await faulty().server.startOf('act', { action: 'obey' });
    const taskId = (await faulty().server.workflow(workflowId)).tasks[0]!.taskId;
    await app.began(taskId);
    await faulty().server.terminate(workflowId);
    await app.wrote(`aborted ${taskId}`);
    await app.wrote('the result of a task is dropped: the task is over on the server');
    await app.replica('act', ({ counts, tasks }) => counts.CANCELLED === 1 && tasks.length === 0);
    expect(faulty().resultsOf(taskId)).toEqual([]);
    // Reading was enough, and was not done all the time.
    expect(faulty().of(`/tasks/${taskId}`).length).toBeLessThanOrEqual(3);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('keeps its place for a while when its code goes on, and not for ever', async () => {
    await faulty().server.define('act');
    const app = startApp('act', { CONDUCTOR_WORKER_ACT_CONCURRENCY: '1' });
    await app.ready();
    const workflowId = await faulty().server.startOf('act', { action: 'never' });
    const taskId = (await faulty().server.workflow(workflowId)).tasks[0]!.taskId;
    await app.began(taskId);
    await faulty().server.terminate(workflowId);
    await app.wrote('the code of a task goes on although it was told to end');
    const next = await faulty().server.run('act', { action: 'echo' });
    await faulty().server.has(next, 'COMPLETED');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});

test('a result that came too late is counted, and logged with its payload', async () => {
  // No heartbeat gets through, so that the lease ends while the task runs; the workflow fails by it.
  await faulty().server.define('step', { responseTimeoutSeconds: 1, retryCount: 0 });
  faulty().on({ body: '"extendLease":true' }, { answer: answers.unavailable });
  const app = startApp();
  await app.ready();
  const taskId = await faulty().server.run('step', { ms: 3_500, text: 'too late' });
  const line = await app.wrote(/the result of a task did not count.*/);
  expect(line).toContain(taskId);
  expect(line).toContain('too late');
  await app.replica('step', ({ counts }) => counts.LATE === 1);
  expect((await faulty().server.task(taskId)).status).toBe('TIMED_OUT');
  app.signal('SIGTERM');
  await app.ended();
});
