import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { killHard } from '../support/processes.js';
import { executions, folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('step');
const folder = folderOfEachTest();
const start = appProcesses();

const COUNT = 20;

function startApp(bootstrap: NonNullable<Parameters<typeof start>[1]>['bootstrap'] = {}): AppProcess {
  return start('../reliability/app', {
    serverUrl: faulty().url,
    workers: ['step'],
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1, maxDeaths: 1_000 }, ...bootstrap },
    env: stateIn(folder(), { CONDUCTOR_WORKER_STEP_CONCURRENCY: String(COUNT) }),
  });
}

/** Results on disk. */
function stored(): number {
  const state = join(folder(), 'state');
  const files = existsSync(state) ? readdirSync(state, { recursive: true, encoding: 'utf8' }) : [];
  return files.filter((file) => file.endsWith('.result.json')).length;
}

/** When results were refused. */
const refusals = (): number[] =>
  faulty()
    .of('/tasks')
    .filter(({ method, status, body }) => method === 'POST' && status === 503 && body.includes('COMPLETED'))
    .map(({ at }) => at);

/** Tasks that run when the server goes away for everybody: their ids. */
async function caughtByOutage(app: AppProcess): Promise<{ taskIds: string[]; outage: { end(): void } }> {
  await app.ready();
  const untilFile = join(folder(), 'outage');
  const taskIds: string[] = [];
  for (let number = 0; number < COUNT; number++)
    taskIds.push(await faulty().server.run('step', { untilFile, text: `no ${number}` }));
  for (const taskId of taskIds) await app.began(taskId);
  const outage = faulty().on({}, { answer: answers.unavailable });
  // None of them ends before.
  writeFileSync(untilFile, '');
  await app.until(() => stored() === COUNT, 'all results on disk');
  return { taskIds, outage };
}

async function expectEachOnce(app: AppProcess, taskIds: readonly string[]): Promise<void> {
  for (const [number, taskId] of taskIds.entries()) {
    const { outputData } = await faulty().server.has(taskId, 'COMPLETED');
    expect(outputData).toMatchObject({ text: `no ${number}` });
  }
  await app.until(() => stored() === 0, 'the outbox to be empty');
  const counts = executions(join(folder(), 'executions'));
  for (const taskId of taskIds) {
    expect(counts.get(taskId), taskId).toBe(1);
    const accepted = faulty().requests.filter(
      ({ path, status, body }) =>
        path.startsWith('/tasks') && status === 200 && body.includes(taskId) && body.includes('COMPLETED'),
    );
    expect(accepted, taskId).toHaveLength(1);
  }
  // And work goes on.
  const next = await faulty().server.run('step', { text: 'after' });
  await faulty().server.has(next, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
}

test('a server that is away until nobody asks more often than every few seconds (minutes, scaled down): twenty results arrive afterwards, each once', async () => {
  const app = startApp();
  const { taskIds, outage } = await caughtByOutage(app);
  // The longest pause between two tries is 5 s less jitter: longer outages are more of the same.
  await app.until(() => {
    const [last = 0, before = last] = refusals().reverse();
    return last - before >= 3_500;
  }, 'the pauses to be at their longest');
  outage.end();
  await expectEachOnce(app, taskIds);
});

test('kill -9 of the worker process while the server is away: its results arrive afterwards, each once', async () => {
  const app = startApp();
  const { taskIds, outage } = await caughtByOutage(app);
  const pid = await app.workerPid('step');
  killHard(pid);
  await app.replica('step', (replica) => replica.state === 'ready' && replica.pid !== pid);
  const before = refusals().length;
  // The orchestrator has them now.
  await app.until(() => refusals().length > before, 'another try');
  outage.end();
  await expectEachOnce(app, taskIds);
});

test('kill -9 of everything while the server is away, and a new start while it still is: the results arrive afterwards, each once', async () => {
  const app = startApp();
  const { taskIds, outage } = await caughtByOutage(app);
  await killEverything(app);
  expect(stored()).toBe(COUNT);
  const next = startApp();
  await next.ready();
  const before = refusals().length;
  await next.until(() => refusals().length > before, 'a try of the next start');
  outage.end();
  await expectEachOnce(next, taskIds);
});

test('polls that are never answered end by their time limit, and polling goes on', async () => {
  const forever = new Promise<void>(() => undefined);
  const unanswered = faulty().on({ path: '/tasks/poll/batch/step' }, { delay: forever }, 2);
  const app = startApp({ http: { requestTimeoutMs: 300 } });
  await app.ready();
  const pid = await app.workerPid('step');
  await app.until(() => unanswered.hits === 2, 'two polls without an answer');
  const taskId = await faulty().server.run('step');
  expect((await faulty().server.has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
  expect(app.stderr).toMatch(/a poll failed; trying again.*no complete answer/);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
