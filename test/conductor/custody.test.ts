import { beforeEach, expect, test } from 'vitest';
import type { JsonObject, Task, Workflow } from '../../src/conductor/wire/types.js';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { conformanceServer } from '../support/conformance-server.js';
import { killHard } from '../support/processes.js';
import { folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

const server = conformanceServer();
const folder = folderOfEachTest();
const start = appProcesses();
let type: string;

beforeEach(async () => {
  type = await server.defineTask({
    retryCount: 1,
    retryDelaySeconds: 0,
    responseTimeoutSeconds: 3_600,
    timeoutSeconds: 0,
  });
});

function startApp(): AppProcess {
  return start('../conductor/app', {
    serverUrl: server.url,
    env: stateIn(folder(), { TEST_TUTTI_TYPE: type, CONDUCTOR_LOG_LEVEL: 'debug' }),
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1, maxDeaths: 1_000 } },
  });
}

async function run(input: JsonObject): Promise<string> {
  return await server.run([
    { name: type, taskReferenceName: 'task', type: 'SIMPLE', inputParameters: input },
  ]);
}

async function attempts(workflowId: string): Promise<Task[]> {
  return (await server.workflow(workflowId)).tasks;
}

/** A real server may look at a workflow only every 30 seconds: two looks must not be too many. */
function ended(workflowId: string): Promise<Workflow> {
  return server.waitFor(
    async () => {
      const workflow = await server.workflow(workflowId);
      return workflow.status !== 'RUNNING' && workflow;
    },
    `workflow ${workflowId} to end`,
    110_000,
  );
}

test('the lease of a task that computes for more than five times its length is kept', async () => {
  type = await server.defineTask({
    retryCount: 1,
    retryDelaySeconds: 0,
    responseTimeoutSeconds: 2,
    timeoutSeconds: 0,
  });
  const app = startApp();
  await app.ready();
  const workflow = await ended(await run({ action: 'busy', ms: 11_000 }));
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.tasks).toHaveLength(1);
  expect((await app.status()).custody).toMatchObject({ leasesLapsed: 0 });
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('the task of a process that died is reported with its reason, and the next attempt knows of it', async () => {
  const app = startApp();
  await app.ready();
  const workflowId = await run({ action: 'kill', signal: 'SIGSEGV' });
  const { status, tasks } = await ended(workflowId);
  expect(status).toBe('FAILED');
  expect(tasks.map((task) => task.reasonForIncompletion)).toEqual([
    expect.stringMatching(/^\[process died 1 time with this task\] .*SIGSEGV/),
    expect.stringMatching(/^\[process died 2 times with this task\] .*SIGSEGV/),
  ]);
  expect((await server.request('GET', `/tasks/${tasks[0]!.taskId}/log`)).text).toContain('last words');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a task that the server gave to a poll of a process that dies is found by the worker id and given back', async () => {
  const app = startApp();
  await app.ready();
  const pid = await app.workerPid('act');
  await app.replica('act', (replica) => replica.workers[0]!.polls >= 1);
  // Its long poll is under way, and nobody is there to read the answer.
  process.kill(pid, 'SIGSTOP');
  const workflowId = await run({ action: 'echo' });
  await server.waitFor(
    async () => (await attempts(workflowId))[0]?.status === 'IN_PROGRESS',
    'the task to be handed out',
  );
  killHard(pid);
  const workflow = await ended(workflowId);
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.tasks).toHaveLength(1);
  expect((await app.status()).custody!.swept).toBe(1);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a stop lets tasks in flight finish and swallows none that arrive meanwhile', async () => {
  const app = startApp();
  await app.ready();
  const inFlight = [await run({ action: 'sleep', ms: 3_000 }), await run({ action: 'sleep', ms: 3_000 })];
  for (const workflowId of inFlight) await app.began((await attempts(workflowId))[0]!.taskId);
  app.signal('SIGTERM');
  await app.wrote(/worker process state.*draining/);
  const late = await run({ action: 'echo' });
  expect((await app.ended()).code).toBe(0);
  for (const workflowId of inFlight) expect((await server.workflow(workflowId)).status).toBe('COMPLETED');
  // With nobody, and with the first who asks.
  expect((await attempts(late))[0]).toMatchObject({ status: 'SCHEDULED' });
  const next = startApp();
  await next.ready();
  expect((await ended(late)).status).toBe('COMPLETED');
  next.signal('SIGTERM');
  expect((await next.ended()).code).toBe(0);
});

test('tasks in flight of an application that was killed are given back by the next start', async () => {
  const app = startApp();
  await app.ready();
  const workflowId = await run({ action: 'sleep', ms: 1_000 });
  await app.began((await attempts(workflowId))[0]!.taskId);
  await killEverything(app);
  const next = startApp();
  await next.ready();
  const workflow = await ended(workflowId);
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.tasks).toHaveLength(1);
  next.signal('SIGTERM');
  expect((await next.ended()).code).toBe(0);
});

test.each([1, 2, 5])(
  '%i tasks that kill their process, among twelve, cost 3 + 2(k − 1) processes at most',
  async (k) => {
    type = await server.defineTask({
      retryCount: 10,
      retryDelaySeconds: 0,
      responseTimeoutSeconds: 3_600,
      timeoutSeconds: 0,
    });
    const app = start('../conductor/app', {
      serverUrl: server.url,
      env: stateIn(folder(), { TEST_TUTTI_TYPE: type }),
      // The number of deaths is that of the default.
      bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
    });
    const bad: string[] = [];
    const good: string[] = [];
    for (let number = 0; number < 12; number++) {
      const isBad = number % 2 === 0 && bad.length < k;
      const input: JsonObject = isBad ? { action: 'kill', signal: 'SIGSEGV' } : { action: 'sleep', ms: 300 };
      (isBad ? bad : good).push(await run(input));
    }
    await app.ready();
    for (const workflowId of bad) {
      const { tasks } = await ended(workflowId);
      expect(tasks.at(-1)?.status).toBe('FAILED_WITH_TERMINAL_ERROR');
    }
    for (const workflowId of good) {
      const { status, tasks } = await ended(workflowId);
      expect(status).toBe('COMPLETED');
      expect(tasks.length).toBeLessThanOrEqual(2);
    }
    const { restarts } = await app.replica('act', (replica) => replica.state === 'ready');
    expect(restarts).toBeGreaterThan(k);
    expect(restarts).toBeLessThanOrEqual(3 + 2 * (k - 1));
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  },
);

test('the output of an earlier IN_PROGRESS survives the death of the process that has the task', async () => {
  const app = startApp();
  await app.ready();
  const workflowId = await run({ action: 'halfThenNever' });
  const [first] = await attempts(workflowId);
  await app.wrote(`second call of ${first!.taskId}`);
  killHard(await app.workerPid('act'));
  const failed = await server.waitFor(async () => {
    const [attempt] = await attempts(workflowId);
    return attempt?.status === 'FAILED' && attempt;
  }, 'the report');
  expect(failed.outputData).toEqual({ half: true });
  await server.request('DELETE', `/workflow/${workflowId}`);
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});
