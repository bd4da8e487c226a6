import { describe, expect, it } from 'vitest';
import type { TaskStatus } from '../../../../src/conductor/types.js';
import { decide } from '../../../../src/server/engine/decider.js';
import {
  contextAt,
  definition,
  lastTask,
  START,
  step,
  workflowOf,
} from '../../../support/engine-fixtures.js';

describe('decide', () => {
  it('changes nothing itself and gives the same decision for the same state', () => {
    const workflow = workflowOf(definition(['a', 'b']));
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'COMPLETED', outputData: { r: 1 } });
    const before = structuredClone({ ...workflow, definition: undefined });
    const first = decide(workflow, contextAt(START + 1));
    const second = decide(workflow, contextAt(START + 1));
    expect(first).toEqual(second);
    expect({ ...workflow, definition: undefined }).toEqual(before);
  });

  it('schedules one task after the other and completes', () => {
    const workflow = workflowOf(
      definition(['a', 'b'], { fields: { outputParameters: { r: '${b.output.x}' } } }),
    );
    expect(step(workflow, START).schedule).toMatchObject([{ referenceTaskName: 'a', status: 'SCHEDULED' }]);
    expect(step(workflow, START + 1).schedule).toEqual([]);
    Object.assign(lastTask(workflow), { status: 'COMPLETED' });
    expect(step(workflow, START + 2).schedule).toMatchObject([{ referenceTaskName: 'b' }]);
    expect(workflow.tasks[0]).toMatchObject({ executed: true });
    Object.assign(lastTask(workflow), { status: 'COMPLETED', outputData: { x: 'done' } });
    const { end } = step(workflow, START + 3);
    expect(end).toMatchObject({ status: 'COMPLETED', output: { r: 'done' }, reason: undefined });
    expect(lastTask(workflow).executed).toBe(false);
  });

  it('decides nothing about a paused or ended workflow', () => {
    for (const status of ['PAUSED', 'COMPLETED', 'FAILED', 'TERMINATED', 'TIMED_OUT'] as const) {
      const decision = decide(workflowOf(definition(['a']), { status }), contextAt(START));
      expect([decision.schedule.length, decision.changes.size, decision.end]).toEqual([0, 0, undefined]);
    }
  });

  it('takes the output of the last task when the definition names none', () => {
    const workflow = workflowOf(definition(['a']));
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'COMPLETED', outputData: { last: true } });
    expect(step(workflow, START + 1).end?.output).toEqual({ last: true });
  });
});

describe('a failed task', () => {
  it.each<[TaskStatus, retryCount: number, end: string | undefined]>([
    ['FAILED', 1, undefined],
    ['TIMED_OUT', 1, undefined],
    ['FAILED', 0, 'FAILED'],
    ['TIMED_OUT', 0, 'TIMED_OUT'],
    ['CANCELED', 1, 'TERMINATED'],
    ['FAILED_WITH_TERMINAL_ERROR', 1, 'FAILED'],
  ])('%s with %i retries left ends the workflow as %s', (status, retryCount, end) => {
    const workflow = workflowOf(definition(['a'], { taskDef: { retryCount } }));
    step(workflow, START);
    Object.assign(lastTask(workflow), { status, reasonForIncompletion: 'why' });
    const decision = step(workflow, START + 1);
    expect(decision.end?.status).toBe(end);
    expect(decision.schedule).toHaveLength(end === undefined ? 1 : 0);
    if (end !== undefined) {
      expect(decision.end?.reason).toBe(
        `Task ${workflow.tasks[0]?.taskId} failed with status: ${end} and reason: 'why'`,
      );
    }
  });

  it('gets a new attempt that knows the reason, with fresh state and the delay', () => {
    const workflow = workflowOf(definition(['a'], { taskDef: { retryCount: 2, retryDelaySeconds: 7 } }), {
      input: { x: 1 },
    });
    step(workflow, START);
    const failed = lastTask(workflow);
    Object.assign(failed, {
      status: 'FAILED',
      reasonForIncompletion: 'why',
      outputData: { part: 1 },
      workerId: 'w',
      pollCount: 3,
      startTime: START,
      updateTime: START,
    });
    const { schedule } = step(workflow, START + 10);
    expect(failed).toMatchObject({ retried: true, executed: false });
    expect(schedule).toMatchObject([
      {
        retryCount: 1,
        retriedTaskId: failed.taskId,
        reasonForIncompletion: 'why',
        status: 'SCHEDULED',
        callbackAfterSeconds: 7,
        startDelayInSeconds: 7,
        startDelayMs: 7000,
        outputData: {},
        workerId: undefined,
        pollCount: 0,
        startTime: 0,
        updateTime: 0,
        firstScheduledTime: START,
      },
    ]);
  });

  it('is retried as often as the workflow says, if it says', () => {
    const workflow = workflowOf(
      definition(['a'], { taskDef: { retryCount: 5 }, taskFields: { retryCount: 0 } }),
    );
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'FAILED' });
    expect(step(workflow, START + 1).end?.status).toBe('FAILED');
  });

  it('is not retried after its total time-out', () => {
    const taskDef = { retryCount: 5, totalTimeoutSeconds: 3, retryDelaySeconds: 0 };
    const workflow = workflowOf(definition(['a'], { taskDef }));
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'FAILED' });
    expect(step(workflow, START + 2999).schedule).toHaveLength(1);
    Object.assign(lastTask(workflow), { status: 'FAILED' });
    expect(step(workflow, START + 3000).end).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining('exceeded total timeout of 3 seconds'),
    });
  });

  it('that is optional counts as done', () => {
    const workflow = workflowOf(
      definition(['a', 'b'], { taskDef: { retryCount: 0 }, taskFields: { optional: true } }),
    );
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'FAILED' });
    expect(step(workflow, START + 1).schedule).toMatchObject([{ referenceTaskName: 'b' }]);
    expect(workflow.tasks[0]?.status).toBe('COMPLETED_WITH_ERRORS');
    Object.assign(lastTask(workflow), { status: 'COMPLETED' });
    expect(step(workflow, START + 2).end?.status).toBe('COMPLETED');
  });

  it('that is permissive lets the flow go on, and the workflow fail at its end', () => {
    const workflow = workflowOf(
      definition(['a', 'b'], { taskDef: { retryCount: 0 }, taskFields: { permissive: true } }),
    );
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'FAILED', reasonForIncompletion: 'why' });
    expect(step(workflow, START + 1).schedule).toMatchObject([{ referenceTaskName: 'b' }]);
    Object.assign(lastTask(workflow), { status: 'COMPLETED' });
    expect(step(workflow, START + 2).end).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining("reason: 'why'"),
      failedReferenceTaskNames: ['a'],
      failedTaskNames: ['type_a'],
    });
  });
});

describe('time-outs', () => {
  it('are announced before they are due, so that somebody can come back', () => {
    const workflow = workflowOf(definition(['a'], { taskDef: { responseTimeoutSeconds: 5 } }));
    expect(step(workflow, START).nextCheckAt).toBeUndefined();
    Object.assign(lastTask(workflow), { status: 'IN_PROGRESS', startTime: START, updateTime: START + 100 });
    expect(step(workflow, START + 200).nextCheckAt).toBe(START + 5100);
  });

  it('of the lease take the task back', () => {
    const workflow = workflowOf(
      definition(['a'], { taskDef: { responseTimeoutSeconds: 5, retryDelaySeconds: 0 } }),
    );
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'IN_PROGRESS', startTime: START, updateTime: START });
    expect(step(workflow, START + 4999).schedule).toEqual([]);
    expect(step(workflow, START + 5000).schedule).toMatchObject([{ retryCount: 1 }]);
    expect(workflow.tasks[0]).toMatchObject({ status: 'TIMED_OUT', endTime: START + 5000, retried: true });
  });

  it('of the task with TIME_OUT_WF end the workflow at once', () => {
    const taskDef = { timeoutSeconds: 3, responseTimeoutSeconds: 3, retryCount: 5 };
    const workflow = workflowOf(definition(['a'], { taskDef }));
    step(workflow, START);
    Object.assign(lastTask(workflow), { status: 'IN_PROGRESS', startTime: START, updateTime: START + 2000 });
    expect(step(workflow, START + 3000).end).toMatchObject({
      status: 'TIMED_OUT',
      reason: expect.stringMatching(/^Task timed out after 3 seconds/),
    });
  });

  it('of the workflow cancel its open tasks, also while it is paused', () => {
    const fields = { timeoutPolicy: 'TIME_OUT_WF', timeoutSeconds: 2 };
    const workflow = workflowOf(definition(['a'], { fields }));
    expect(step(workflow, START).nextCheckAt).toBe(START + 2000);
    workflow.status = 'PAUSED';
    expect(step(workflow, START + 1999).end).toBeUndefined();
    expect(step(workflow, START + 2000).end?.status).toBe('TIMED_OUT');
    expect(workflow.tasks).toMatchObject([{ status: 'CANCELED', endTime: START + 2000 }]);
  });
});
