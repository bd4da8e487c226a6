import { describe, expect, it } from 'vitest';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

describe('batch poll', () => {
  it('waits as long as it may when there is nothing, and answers an empty list', async () => {
    const answer = await server.poll(server.name('none'), 'count=1&timeout=5000');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual([]);
    expect(answer.ms).toBeGreaterThan(4500);
  });

  it('refuses a time-out above five seconds', async () => {
    const answer = await server.poll(server.name('none'), 'count=1&timeout=5001');
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      status: 400,
      message: 'Long Poll Timeout value cannot be more than 5 seconds',
      retryable: false,
    });
  });

  it('with count 1 answers as soon as a task is there', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const poll = server.poll(type, 'count=1&timeout=5000');
    await server.start(workflow);
    const started = performance.now();
    expect((await poll).body).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(2500);
  });

  it('with a higher count collects until its time is over', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    const answer = await server.poll(type, 'count=10&timeout=3000');
    expect(answer.body).toHaveLength(1);
    expect(answer.ms).toBeGreaterThan(2500);
  });

  it('with a higher count answers as soon as it has that many', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const poll = server.poll(type, 'count=2&timeout=5000');
    await server.start(workflow);
    await server.start(workflow);
    const answer = await poll;
    expect(answer.body).toHaveLength(2);
    expect(answer.ms).toBeLessThan(4500);
  });

  it('with a short time-out answers what there is', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    const answer = await server.poll(type, 'count=10&timeout=100');
    expect(answer.body).toHaveLength(1);
    expect(answer.ms).toBeLessThan(2000);
  });

  it('hands a task to one poll only', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const polls = Array.from({ length: 5 }, () => server.poll(type, 'count=1&timeout=1000'));
    await server.start(workflow);
    const tasks = (await Promise.all(polls)).flatMap((answer) => answer.body);
    expect(tasks).toHaveLength(1);
  });

  it('marks the task and shows who has it', async () => {
    const type = await server.defineTask({ responseTimeoutSeconds: 77 });
    const workflowId = await server.run([type], { correlationId: 'order 7', priority: 3 });
    const task = await server.take(type, 'count=1&timeout=1000', 'somebody');
    expect(task).toMatchObject({
      taskType: type,
      taskDefName: type,
      referenceTaskName: 't0',
      workflowInstanceId: workflowId,
      status: 'IN_PROGRESS',
      workerId: 'somebody',
      pollCount: 1,
      retryCount: 0,
      seq: 1,
      callbackAfterSeconds: 0,
      responseTimeoutSeconds: 77,
      correlationId: 'order 7',
      workflowPriority: 3,
      inputData: {},
      outputData: {},
      workflowTask: { name: type, taskReferenceName: 't0', type: 'SIMPLE', taskDefinition: { name: type } },
      taskDefinition: { name: type, retryCount: 3 },
    });
    expect(task.startTime).toBeGreaterThanOrEqual(task.scheduledTime);
  });

  it('remembers who polled, also when there was nothing', async () => {
    const type = server.name('none');
    await server.poll(type, 'count=1&timeout=100', 'asker');
    const { body } = await server.expectOk<unknown[]>('GET', `/tasks/queue/polldata?taskType=${type}`);
    expect(body).toEqual([{ queueName: type, workerId: 'asker', lastPollTime: expect.any(Number) }]);
  });
});

describe('single poll', () => {
  it('answers 204 when there is nothing', async () => {
    const answer = await server.request('GET', `/tasks/poll/${server.name('none')}?workerid=w`);
    expect(answer.status).toBe(204);
    expect(answer.text).toBe('');
  });

  it('answers one task, not a list', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    const answer = await server.request('GET', `/tasks/poll/${type}?workerid=w`);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ taskType: type, workflowInstanceId: workflowId, workerId: 'w' });
  });
});

describe('a long poll whose client hangs up', () => {
  it('loses no task on a server that says so, and swallows it on one that does not', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const probe = await server.poll(type, 'count=1&timeout=100');
    const isAbortable = probe.headers.get('x-tutti-abortable-poll') === 'true';

    const abort = new AbortController();
    const dropped = fetch(`${server.url}/tasks/poll/batch/${type}?workerid=gone&count=1&timeout=5000`, {
      signal: abort.signal,
    }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 500));
    abort.abort();
    expect(await dropped).toMatchObject({ name: 'AbortError' });
    const workflowId = await server.start(workflow);

    // A real server's poll goes on without its client, and has the task after one of its 100 ms ticks.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await server.workflow(workflowId)).tasks).toMatchObject([
      { status: isAbortable ? 'SCHEDULED' : 'IN_PROGRESS' },
    ]);
    expect((await server.poll(type, 'count=1&timeout=500')).body).toHaveLength(isAbortable ? 1 : 0);
  });
});

describe('queues', () => {
  it('hand out higher priority first, then what came first', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    for (const [index, priority] of [1, 5, 99, 5].entries()) {
      await server.start(workflow, { priority, correlationId: `${index}` });
    }
    const order: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) order.push((await server.take(type)).correlationId);
    expect(order).toEqual(['2', '1', '3', '0']);
  });

  it('choose by priority for a batch, which comes in the order of creation', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    for (const [index, priority] of [1, 5, 99, 3, 50].entries()) {
      await server.start(workflow, { priority, correlationId: `${index}` });
    }
    const { body } = await server.poll(type, 'count=3&timeout=1000');
    expect(body.map((task) => task.correlationId)).toEqual(['1', '2', '4']);
  });

  it('tell their sizes', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const other = server.name('none');
    const sizes = await server.expectOk('GET', `/tasks/queue/sizes?taskType=${type}&taskType=${other}`);
    expect(sizes.body).toEqual({ [type]: 1, [other]: 0 });
    expect((await server.expectOk('GET', `/tasks/queue/size?taskType=${type}`)).text).toBe('1');
    expect((await server.expectOk('GET', '/tasks/queue/all')).body).toMatchObject({ [type]: 1 });
    await server.take(type);
    expect((await server.expectOk('GET', `/tasks/queue/sizes?taskType=${type}`)).body).toEqual({ [type]: 0 });
  });

  it('of a domain are separate from the one without', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow, { taskToDomain: { '*': 'blue' } });
    expect((await server.poll(type, 'count=1&timeout=300')).body).toEqual([]);
    const task = await server.take(type, 'count=1&timeout=1000&domain=blue');
    expect(task.domain).toBe('blue');
    // Nobody polls "green", so the last one of the list is taken.
    await server.start(workflow, { taskToDomain: { [type]: 'green,NO_DOMAIN' } });
    expect((await server.take(type)).domain).toBeUndefined();
  });

  it('hold back what goes beyond concurrentExecLimit until a task is finished', async () => {
    const type = await server.defineTask({ concurrentExecLimit: 1 });
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    const first = await server.take(type, 'count=2&timeout=1000');
    expect((await server.poll(type, 'count=1&timeout=500')).body).toEqual([]);
    await server.report(first, 'COMPLETED');
    const second = await server.take(type);
    expect(second.workflowInstanceId).not.toBe(first.workflowInstanceId);
  });
});
