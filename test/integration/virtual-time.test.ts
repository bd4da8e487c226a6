import { afterEach, expect, it } from 'vitest';
import {
  embeddedServer,
  virtualClock,
  type RunningServer,
  type VirtualClock,
} from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

let server: RunningServer<VirtualClock>;

async function start(autoSkip = false): Promise<ConformanceClient> {
  server = await embeddedServer({ clock: virtualClock({ now: START, autoSkip }) }).start(
    new RecordingLogger(),
  );
  return new ConformanceClient(server.url);
}

afterEach(() => server.close());

/** What was sent before has been read: three requests, one after the other. */
async function arrived(client: ConformanceClient): Promise<void> {
  for (let i = 0; i < 3; i++) await client.expectOk('GET', '/version');
}

it('a WAIT of 30 days ends when they are over, not a second before', async () => {
  const client = await start();
  const id = await client.run([
    { name: 'pause', taskReferenceName: 'pause', type: 'WAIT', inputParameters: { duration: '30 days' } },
  ]);
  await server.clock.advance('29 days');
  await server.clock.advance('86399s');
  expect((await client.workflow(id)).status).toBe('RUNNING');
  await server.clock.advance('1s');
  const workflow = await client.workflow(id);
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.endTime).toBe(START + 30 * DAY);
});

it('what is due on the way happens in its order: a lease, its retry delay, time-outs, a failure workflow', async () => {
  const client = await start();
  const worked = await client.defineTask({
    retryCount: 1,
    retryLogic: 'FIXED',
    retryDelaySeconds: 3600,
    responseTimeoutSeconds: 600,
    timeoutSeconds: 7 * 86_400,
  });
  const mourned = await client.defineTask({ timeoutSeconds: 0 });
  const failure = await client.defineWorkflow([mourned]);
  const id = await client.run([worked]);
  await client.defineWorkflow([worked]);
  const watched = await client.start(
    await client.defineWorkflow([mourned], {
      failureWorkflow: failure,
      timeoutSeconds: 7200,
      timeoutPolicy: 'TIME_OUT_WF',
    }),
  );
  expect((await client.poll(worked)).body).toHaveLength(1);

  await server.clock.advance('12 hours');

  const workflow = await client.workflow(id);
  expect(workflow.status).toBe('RUNNING');
  const [first, second] = workflow.tasks;
  expect(first).toMatchObject({ status: 'TIMED_OUT', endTime: START + 600_000 });
  expect(second).toMatchObject({ status: 'SCHEDULED', retryCount: 1 });
  const timedOut = await client.workflow(watched);
  expect(timedOut).toMatchObject({ status: 'TIMED_OUT', endTime: START + 2 * HOUR });
  const followUp = await client.workflow(String(timedOut.output['conductor.failure_workflow']));
  expect(followUp.startTime).toBe(START + 2 * HOUR);

  // The retry is due since long, and may be taken.
  const task = await client.take(worked);
  expect(task).toMatchObject({ retryCount: 1, status: 'IN_PROGRESS' });
  await client.report(task, 'COMPLETED');
  expect((await client.workflow(id)).status).toBe('COMPLETED');
});

it('callbackAfterSeconds holds a task back for as long', async () => {
  const client = await start();
  const type = await client.defineTask();
  await client.run([type]);
  await client.report(await client.take(type), 'IN_PROGRESS', { callbackAfterSeconds: 3600 });
  await server.clock.advance('59m');
  expect((await client.poll(type, 'count=1&timeout=50')).body).toEqual([]);
  await server.clock.advance('1m');
  expect((await client.poll(type)).body).toHaveLength(1);
});

it('a poll that waits gets the task at the moment at which it becomes due', async () => {
  const client = await start();
  const type = await client.defineTask();
  await client.run([
    { name: 'pause', taskReferenceName: 'pause', type: 'WAIT', inputParameters: { duration: '1 hour' } },
    { name: type, taskReferenceName: 'work' },
  ]);
  const poll = client.poll(type, 'count=1&timeout=5000');
  await arrived(client);
  await server.clock.advance('2 hours');
  expect((await poll).body).toMatchObject([{ startTime: START + HOUR }]);
  expect((await poll).ms).toBeLessThan(4_000);
});

it('scripts and sub-workflows are carried out at the time at which they are due', async () => {
  const client = await start();
  const child = await client.defineWorkflow([
    { name: 'pause', taskReferenceName: 'pause', type: 'WAIT', inputParameters: { duration: '1 day' } },
    {
      name: 'count',
      taskReferenceName: 'count',
      type: 'INLINE',
      inputParameters: { evaluatorType: 'graaljs', expression: '(function () { return 1 + 1; })()' },
    },
  ]);
  const id = await client.run([
    {
      name: 'child',
      taskReferenceName: 'child',
      type: 'SUB_WORKFLOW',
      subWorkflowParam: { name: child },
    },
    { name: 'pause', taskReferenceName: 'after', type: 'WAIT', inputParameters: { duration: '1 day' } },
  ]);
  await server.clock.advance('2 days');
  const workflow = await client.workflow(id);
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.tasks.map(({ endTime }) => endTime)).toEqual([START + DAY, START + 2 * DAY]);
});

it('autoSkip: 30 days and three retries an hour apart are over as soon as the worker has done its part', async () => {
  const client = await start(true);
  const type = await client.defineTask({
    retryCount: 3,
    retryLogic: 'FIXED',
    retryDelaySeconds: 3600,
    responseTimeoutSeconds: 60,
  });
  const from = performance.now();
  const id = await client.run([
    { name: 'pause', taskReferenceName: 'pause', type: 'WAIT', inputParameters: { duration: '30 days' } },
    { name: type, taskReferenceName: 'work' },
  ]);
  for (const status of ['FAILED', 'FAILED', 'FAILED', 'COMPLETED']) {
    const [task] = (await client.poll(type, 'count=1&timeout=5000')).body;
    // While it runs, no lease ends.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.report(task!, status);
  }
  const workflow = await client.workflow(id);
  expect(performance.now() - from).toBeLessThan(1_000);
  expect(workflow.status).toBe('COMPLETED');
  expect(workflow.tasks.map(({ status }) => status)).toEqual([
    'COMPLETED',
    'FAILED',
    'FAILED',
    'FAILED',
    'COMPLETED',
  ]);
  expect(workflow.endTime - workflow.startTime).toBe(30 * DAY + 3 * HOUR);
  // Nor does the clock go on to where leases would have ended.
  await arrived(client);
  expect(server.clock.now()).toBe(workflow.endTime);
});

it('autoSkip: a task that is on its way to a worker keeps the clock where it is', async () => {
  const client = await start(true);
  const type = await client.defineTask({ responseTimeoutSeconds: 1, timeoutSeconds: 60 });
  const name = await client.defineWorkflow([type], { timeoutSeconds: 3600, timeoutPolicy: 'TIME_OUT_WF' });
  const collecting = client.poll(type, 'count=2&timeout=400');
  await arrived(client);
  const id = await client.start(name);
  const [task] = (await collecting).body;
  expect(server.clock.now()).toBe(START);
  expect(task).toMatchObject({ startTime: START, workflowInstanceId: id });
  await client.report(task!, 'COMPLETED');
  expect((await client.workflow(id)).status).toBe('COMPLETED');
});
