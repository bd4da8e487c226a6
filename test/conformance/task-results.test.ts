import { describe, expect, it } from 'vitest';
import type { TaskExecLog } from '../../src/conductor/wire/types.js';
import { conformanceServer, resultOf } from '../support/conformance-server.js';

const server = conformanceServer();

describe('POST /tasks', () => {
  it('answers the task id as bare text and goes on with the workflow', async () => {
    const [first, second] = [await server.defineTask(), await server.defineTask()];
    const workflowId = await server.run([first, second]);
    const task = await server.take(first);
    const answer = await server.report(task, 'COMPLETED', { outputData: { n: 1 } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(answer.text).toBe(task.taskId);
    expect(await server.task(task.taskId)).toMatchObject({ status: 'COMPLETED', outputData: { n: 1 } });
    await server.report(await server.take(second), 'COMPLETED', { outputData: { m: 2 } });
    expect(await server.waitForStatus(workflowId, 'COMPLETED')).toMatchObject({ output: { m: 2 } });
  });

  it('answers 404 for a task or workflow that it does not know', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const task = await server.take(type);
    const unknownTask = await server.report({ ...task, taskId: 'no-such-task' }, 'COMPLETED');
    expect(unknownTask.status).toBe(404);
    expect(unknownTask.body).toMatchObject({
      status: 404,
      message: 'No such task found by id: no-such-task',
      retryable: false,
      instance: expect.any(String),
    });
    const unknownWorkflow = await server.report({ ...task, workflowInstanceId: 'nowhere' }, 'COMPLETED');
    expect(unknownWorkflow.status).toBe(404);
    expect(unknownWorkflow.body).toMatchObject({ message: 'No such workflow found by id: nowhere' });
  });

  it('takes a result from anybody, also for a task that nobody polled', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    const [task] = (await server.workflow(workflowId)).tasks;
    await server.report(task!, 'COMPLETED', { workerId: 'a stranger' });
    expect(await server.waitForStatus(workflowId, 'COMPLETED')).toMatchObject({
      tasks: [{ status: 'COMPLETED', workerId: 'a stranger', pollCount: 0 }],
    });
    expect((await server.poll(type, 'count=1&timeout=200')).body).toEqual([]);
  });

  it('cuts the reason to 500 characters and keeps it on the next attempt', async () => {
    const type = await server.defineTask({ retryCount: 1, retryDelaySeconds: 0 });
    await server.run([type]);
    const task = await server.take(type);
    await server.report(task, 'FAILED', { reasonForIncompletion: 'r'.repeat(600) });
    const retried = await server.take(type);
    expect(retried.reasonForIncompletion).toBe('r'.repeat(500));
    await server.report(retried, 'COMPLETED');
    expect((await server.task(retried.taskId)).reasonForIncompletion).toBeUndefined();
  });

  it('keeps at most ten log lines of an update', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const task = await server.take(type);
    const logs = Array.from({ length: 12 }, (_, index) => ({ log: `line ${index}`, createdTime: index + 1 }));
    await server.report(task, 'COMPLETED', { logs });
    const { body } = await server.expectOk<TaskExecLog[]>('GET', `/tasks/${task.taskId}/log`);
    expect(body.map((entry) => entry.log)).toEqual(logs.slice(0, 10).map((entry) => entry.log));
  });

  it('accepts lines for a log without looking whether the task exists', async () => {
    const taskId = server.name('task');
    expect((await server.request('GET', `/tasks/${taskId}/log`)).status).toBe(204);
    const added = await server.request('POST', `/tasks/${taskId}/log`, 'just a line');
    expect([added.status, added.text]).toEqual([200, '']);
    expect((await server.request('GET', `/tasks/${taskId}/log`)).body).toEqual([
      { log: 'just a line', taskId, createdTime: expect.any(Number) },
    ]);
  });
});

describe('failed attempts', () => {
  it('are retried under a new id', async () => {
    const type = await server.defineTask({ retryCount: 2, retryDelaySeconds: 0 });
    const workflowId = await server.run([type]);
    const first = await server.take(type);
    const logs = [{ log: 'went wrong', createdTime: 1 }];
    expect((await server.report(first, 'FAILED', { reasonForIncompletion: 'no luck', logs })).status).toBe(
      200,
    );
    const second = await server.take(type);
    expect(second.taskId).not.toBe(first.taskId);
    expect(second).toMatchObject({
      retryCount: 1,
      retriedTaskId: first.taskId,
      pollCount: 1,
      outputData: {},
      seq: 2,
    });
    expect(await server.task(first.taskId)).toMatchObject({
      status: 'FAILED',
      retried: true,
      executed: false,
    });
    expect((await server.expectOk('GET', `/tasks/${first.taskId}/log`)).body).toMatchObject([
      { log: 'went wrong' },
    ]);
    await server.report(second, 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
  });

  it('wait as their definition says', async () => {
    const type = await server.defineTask({
      retryCount: 5,
      retryLogic: 'LINEAR_BACKOFF',
      retryDelaySeconds: 1,
      backoffScaleFactor: 2,
    });
    const workflowId = await server.run([type]);
    const first = await server.take(type);
    await server.report(first, 'FAILED');
    const failedAt = performance.now();
    const [, waiting] = (await server.workflow(workflowId)).tasks;
    expect(waiting).toMatchObject({
      status: 'SCHEDULED',
      callbackAfterSeconds: 2,
      startDelayInSeconds: 2,
      pollCount: 0,
    });
    const second = await server.take(type, 'count=1&timeout=5000');
    expect(performance.now() - failedAt).toBeGreaterThan(1800);
    expect(second).toMatchObject({ taskId: waiting!.taskId, callbackAfterSeconds: 0 });
  });

  it('without a registered definition are retried three times, a minute apart', async () => {
    const type = server.name('adhoc');
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    expect(task.taskDefinition).toMatchObject({ name: type, retryCount: 3, retryDelaySeconds: 60 });
    expect(task.responseTimeoutSeconds).toBe(3600);
    await server.report(task, 'FAILED');
    expect((await server.workflow(workflowId)).tasks[1]).toMatchObject({
      callbackAfterSeconds: 60,
      retryCount: 1,
    });
  });

  it('end the workflow when no retry is left', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    await server.report(task, 'FAILED', { reasonForIncompletion: 'no luck', outputData: { e: 1 } });
    expect(await server.waitForStatus(workflowId, 'FAILED')).toMatchObject({
      reasonForIncompletion: `Task ${task.taskId} failed with status: FAILED and reason: 'no luck'`,
      output: { e: 1 },
      failedReferenceTaskNames: ['t0'],
    });
  });

  it('with a terminal error are not retried', async () => {
    const type = await server.defineTask({ retryCount: 3, retryDelaySeconds: 0 });
    const workflowId = await server.run([type]);
    await server.report(await server.take(type), 'FAILED_WITH_TERMINAL_ERROR', {
      reasonForIncompletion: 'never',
    });
    const workflow = await server.waitForStatus(workflowId, 'FAILED');
    expect(workflow.tasks).toMatchObject([{ status: 'FAILED_WITH_TERMINAL_ERROR', retried: false }]);
  });

  it('of an optional task let the workflow go on', async () => {
    const [type, next] = [await server.defineTask({ retryCount: 0 }), await server.defineTask()];
    const workflowId = await server.run([{ name: type, taskReferenceName: 'a', optional: true }, next]);
    await server.report(await server.take(type), 'FAILED', { reasonForIncompletion: 'never mind' });
    await server.report(await server.take(next), 'COMPLETED');
    expect(await server.waitForStatus(workflowId, 'COMPLETED')).toMatchObject({
      tasks: [
        { status: 'COMPLETED_WITH_ERRORS', reasonForIncompletion: 'never mind' },
        { status: 'COMPLETED' },
      ],
    });
  });
});

describe('handing back: IN_PROGRESS', () => {
  it('brings the same task again, with what it had put out', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const task = await server.take(type);
    const answer = await server.report(task, 'IN_PROGRESS', {
      callbackAfterSeconds: 0,
      outputData: { half: true },
    });
    expect([answer.status, answer.text]).toEqual([200, task.taskId]);
    const again = await server.take(type);
    expect(again).toMatchObject({
      taskId: task.taskId,
      pollCount: 2,
      retryCount: 0,
      outputData: { half: true },
    });
  });

  it('waits as long as it was told, and shows as SCHEDULED meanwhile', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const task = await server.take(type);
    await server.report(task, 'IN_PROGRESS', { callbackAfterSeconds: 2 });
    const from = performance.now();
    expect(await server.task(task.taskId)).toMatchObject({ status: 'SCHEDULED', callbackAfterSeconds: 2 });
    const again = await server.take(type, 'count=1&timeout=5000');
    expect(performance.now() - from).toBeGreaterThan(1800);
    expect(again.taskId).toBe(task.taskId);
  });
});

describe('late results', () => {
  it('for a task that has failed are taken and ignored', async () => {
    const type = await server.defineTask({ retryCount: 1, retryDelaySeconds: 30 });
    await server.run([type]);
    const task = await server.take(type);
    await server.report(task, 'FAILED', { outputData: { first: 1 } });
    const late = await server.report(task, 'COMPLETED', { outputData: { second: 2 } });
    expect([late.status, late.text]).toEqual([200, task.taskId]);
    expect(await server.task(task.taskId)).toMatchObject({ status: 'FAILED', outputData: { first: 1 } });
  });

  it('for a task whose workflow was terminated are taken and ignored, heartbeats too', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    const terminated = await server.request('DELETE', `/workflow/${workflowId}?reason=enough`);
    expect([terminated.status, terminated.text]).toEqual([200, '']);
    expect(await server.workflow(workflowId)).toMatchObject({
      status: 'TERMINATED',
      reasonForIncompletion: 'enough',
    });
    expect((await server.report(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(200);
    expect((await server.report(task, 'COMPLETED')).status).toBe(200);
    expect(await server.task(task.taskId)).toMatchObject({ status: 'CANCELED', outputData: {} });
    expect((await server.reportV2(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(204);
  });

  it('for a task whose workflow is complete are answered 204 by update-v2', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    await server.report(task, 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
    const late = await server.reportV2(task, 'COMPLETED');
    expect([late.status, late.text]).toEqual([204, '']);
  });
});

describe('POST /tasks/update-v2', () => {
  it('answers the next task of the type, in progress already', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    const task = await server.take(type);
    const answer = await server.reportV2(task, 'COMPLETED', { workerId: 'worker-2' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      taskType: type,
      status: 'IN_PROGRESS',
      workerId: 'worker-2',
      pollCount: 1,
    });
    expect(answer.body.taskId).not.toBe(task.taskId);
  });

  it('waits a moment for one and answers 204 without', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const answer = await server.reportV2(await server.take(type), 'COMPLETED');
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.ms).toBeGreaterThan(80);
  });

  it('looks for no other task when this one goes on', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    const task = await server.take(type);
    expect((await server.reportV2(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(204);
    expect((await server.reportV2(task, 'IN_PROGRESS', { callbackAfterSeconds: 60 })).status).toBe(204);
    expect((await server.poll(type, 'count=1&timeout=500')).body).toHaveLength(1);
  });

  it('answers 500, not 400, when ids are missing', async () => {
    expect((await server.request('POST', '/tasks/update-v2', {})).status).toBe(500);
    expect((await server.request('POST', '/tasks', {})).status).toBe(400);
  });
});

describe('payloads above 10 MB', () => {
  const LIMIT = 10_240 * 1024;
  const reasonOf = (taskId: string, workflowId: string, bytes: number): string =>
    `The payload size: ${bytes} of task: ${taskId} in workflow: ${workflowId}  is greater than the permissible limit: ${LIMIT} bytes`;

  it.each(['COMPLETED', 'IN_PROGRESS'])('fail a task that is %s with such an output', async (status) => {
    const type = await server.defineTask({ retryCount: 3, retryDelaySeconds: 0 });
    const workflowId = await server.run([type]);
    const taken = await server.take(type);
    const outputData = { v: 'x'.repeat(LIMIT) };
    expect((await server.report(taken, status, { outputData })).status).toBe(200);
    const failed = await server.waitForStatus(workflowId, 'FAILED');
    const reason = reasonOf(taken.taskId, workflowId, LIMIT + '{"v":""}'.length);
    expect(failed.reasonForIncompletion).toBe(
      `Task ${taken.taskId} failed with status: FAILED and reason: '${reason}'`,
    );
    expect(failed.tasks).toHaveLength(1);
    expect(failed.tasks[0]).toMatchObject({
      status: 'FAILED_WITH_TERMINAL_ERROR',
      outputData: {},
      reasonForIncompletion: reason,
    });
  });

  it('fail a task with such an input', async () => {
    const type = await server.defineTask();
    const name = await server.defineWorkflow([
      {
        name: type,
        taskReferenceName: 't',
        inputParameters: { a: '${workflow.input.v}', b: '${workflow.input.v}' },
      },
    ]);
    const workflowId = await server.start(name, { input: { v: 'x'.repeat(LIMIT / 2) } });
    await server.expectOk('PUT', `/workflow/decide/${workflowId}`);
    const failed = await server.waitForStatus(workflowId, 'FAILED');
    const { taskId } = failed.tasks[0]!;
    expect(failed.tasks).toHaveLength(1);
    expect(failed.tasks[0]).toMatchObject({
      status: 'FAILED_WITH_TERMINAL_ERROR',
      inputData: {},
      reasonForIncompletion: reasonOf(taskId, workflowId, LIMIT + '{"a":"","b":""}'.length),
    });
    expect((await server.poll(type, 'count=1&timeout=0')).body).toEqual([]);
  });
});

describe('extendLease', () => {
  it('changes nothing but the lease', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const task = await server.take(type);
    const body = resultOf(task, 'COMPLETED', {
      extendLease: true,
      outputData: { ignored: true },
      workerId: 'other',
    });
    const answer = await server.request('POST', '/tasks', body);
    expect([answer.status, answer.text]).toEqual([200, task.taskId]);
    const after = await server.task(task.taskId);
    expect(after).toMatchObject({ status: 'IN_PROGRESS', outputData: {}, workerId: 'worker-1' });
    expect(after.updateTime).toBeGreaterThanOrEqual(task.updateTime);
  });

  it('answers 404 for an unknown task', async () => {
    const answer = await server.request('POST', '/tasks', {
      taskId: 'no-such-task',
      workflowInstanceId: 'nowhere',
      extendLease: true,
      status: 'IN_PROGRESS',
    });
    expect(answer.status).toBe(404);
  });
});
