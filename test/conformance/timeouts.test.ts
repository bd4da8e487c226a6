import { describe, expect, it } from 'vitest';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

describe.concurrent('leases', () => {
  it('that are extended keep the task where it is', async () => {
    const type = await server.defineTask({
      responseTimeoutSeconds: 5,
      timeoutPolicy: 'RETRY',
      retryDelaySeconds: 0,
    });
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    for (let beat = 0; beat < 7; beat++) {
      // The lease itself is the subject: real time has to pass, four times as much as it is long.
      const redelivered = await server.poll(type, 'count=1&timeout=3000');
      expect(redelivered.body).toEqual([]);
      expect((await server.report(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(200);
    }
    expect(await server.task(task.taskId)).toMatchObject({ status: 'IN_PROGRESS', pollCount: 1 });
    await server.report(task, 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
  });

  it('that lapse bring the task to somebody else under a new id', async () => {
    const type = await server.defineTask({
      responseTimeoutSeconds: 1,
      timeoutPolicy: 'RETRY',
      retryCount: 1,
      retryDelaySeconds: 0,
    });
    await server.run([type]);
    // The lease begins on the server, before the answer is here.
    const asked = performance.now();
    const task = await server.take(type);
    const next = await server.take(type, 'count=1&timeout=5000', 'worker-2');
    expect(performance.now() - asked).toBeGreaterThan(900);
    expect(next).toMatchObject({ retryCount: 1, retriedTaskId: task.taskId, workerId: 'worker-2' });
    const reason = `responseTimeout: 1 exceeded for the taskId: ${task.taskId} with Task Definition: ${type}`;
    expect(next.reasonForIncompletion).toBe(reason);
    expect(await server.task(task.taskId)).toMatchObject({
      status: 'TIMED_OUT',
      reasonForIncompletion: reason,
    });

    const late = await server.report(task, 'COMPLETED', { outputData: { late: true } });
    expect([late.status, late.text]).toEqual([200, task.taskId]);
    expect(await server.task(task.taskId)).toMatchObject({ status: 'TIMED_OUT', outputData: {} });
  });

  it('shorter than a second do not exist', async () => {
    for (const responseTimeoutSeconds of [0, 0.5]) {
      const name = server.name('task');
      const answer = await server.request('POST', '/metadata/taskdefs', [{ name, responseTimeoutSeconds }]);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({
        validationErrors: [
          {
            path: 'registerTaskDef.arg0[0].responseTimeoutSeconds',
            message: 'TaskDef responseTimeoutSeconds: 0 should be minimum 1 second',
            invalidValue: '0',
          },
        ],
      });
    }
  });
});

describe.concurrent('time-outs', () => {
  it('of the task end the workflow with TIME_OUT_WF', async () => {
    const type = await server.defineTask({ timeoutSeconds: 1, responseTimeoutSeconds: 1, retryCount: 0 });
    const workflowId = await server.run([type]);
    await server.take(type);
    const workflow = await server.waitForStatus(workflowId, 'TIMED_OUT');
    expect(workflow.tasks).toMatchObject([{ status: 'TIMED_OUT' }]);
  });

  it('of a task that nobody polls are noticed as well', async () => {
    const type = await server.defineTask({ pollTimeoutSeconds: 1, retryCount: 0, timeoutPolicy: 'RETRY' });
    const workflowId = await server.run([type]);
    const workflow = await server.waitForStatus(workflowId, 'TIMED_OUT');
    expect(workflow.tasks[0]?.reasonForIncompletion).toMatch(/^Task poll timed out after \d+ seconds\./);
  });

  it('of the workflow cancel what is open', async () => {
    const type = await server.defineTask();
    const name = await server.defineWorkflow([type], { timeoutPolicy: 'TIME_OUT_WF', timeoutSeconds: 1 });
    const workflowId = await server.start(name);
    const workflow = await server.waitForStatus(workflowId, 'TIMED_OUT');
    expect(workflow.reasonForIncompletion).toMatch(/^Workflow timed out after \d+ seconds\./);
    expect(workflow.tasks).toMatchObject([{ status: 'CANCELED' }]);
    expect((await server.poll(type, 'count=1&timeout=200')).body).toEqual([]);
  });

  it('over all attempts stop the retries', async () => {
    // With another policy a server may have ended the workflow before the result arrives: when it looks is its own affair.
    const type = await server.defineTask({
      retryCount: 9,
      retryDelaySeconds: 0,
      totalTimeoutSeconds: 1,
      timeoutPolicy: 'ALERT_ONLY',
    });
    const workflowId = await server.run([type]);
    const task = await server.take(type);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await server.report(task, 'FAILED', { reasonForIncompletion: 'too slow' });
    const workflow = await server.waitForStatus(workflowId, 'FAILED');
    expect(workflow.reasonForIncompletion).toContain('exceeded total timeout of 1 seconds');
  });

  it('over all attempts end a workflow whose task says so', async () => {
    const type = await server.defineTask({ totalTimeoutSeconds: 1, timeoutPolicy: 'TIME_OUT_WF' });
    const workflowId = await server.run([type]);
    const workflow = await server.waitForStatus(workflowId, 'TIMED_OUT');
    expect(workflow.reasonForIncompletion).toMatch(
      /exceeded total timeout of 1 seconds .*including retry delays\)\. Timeout policy: TIME_OUT_WF/,
    );
  });
});
