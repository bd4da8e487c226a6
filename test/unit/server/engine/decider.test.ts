import { describe, expect, it } from 'vitest';
import type { TaskStatus } from '../../../../src/conductor/wire/types.js';
import { nextDueOf, workflowDeadline } from '../../../../src/server/engine/timeouts.js';
import { definition, PlayedWorkflow, START } from '../../../support/engine-fixtures.js';

describe('decide', () => {
  it('decides the same for the same rows, whoever holds them', () => {
    const played = new PlayedWorkflow(definition(['a', 'b', 'c']));
    played.step(START);
    played.complete({ r: 1 });
    played.step(START + 1);
    played.complete({ r: 2 });
    const copy = played.copy();
    const first = played.step(START + 2);
    const second = copy.step(START + 2);
    expect(first).toEqual(second);
    expect(first.scheduled).toHaveLength(1);
    expect(copy.tasks).toEqual(played.tasks);
  });

  it('schedules one task after the other and completes', () => {
    const played = new PlayedWorkflow(
      definition(['a', 'b'], { fields: { outputParameters: { r: '${b.output.x}' } } }),
    );
    expect(played.step(START).scheduled).toMatchObject([{ referenceTaskName: 'a', status: 'SCHEDULED' }]);
    expect(played.step(START + 1).scheduled).toEqual([]);
    played.complete();
    expect(played.step(START + 2).scheduled).toMatchObject([{ referenceTaskName: 'b' }]);
    expect(played.tasks[0]).toMatchObject({ executed: true });
    played.complete({ x: 'done' });
    expect(played.step(START + 3).end).toMatchObject({
      status: 'COMPLETED',
      output: { r: 'done' },
      reasonForIncompletion: undefined,
    });
    expect(played.last.executed).toBe(false);
  });

  it('decides nothing about a paused or ended workflow', () => {
    for (const status of ['PAUSED', 'COMPLETED', 'FAILED', 'TERMINATED', 'TIMED_OUT'] as const) {
      const played = new PlayedWorkflow(definition(['a']), { status });
      expect(played.step(START)).toEqual({ scheduled: [], evaluations: [], end: undefined });
      expect(played.workflow.status).toBe(status);
    }
  });

  it('takes the output of the last task when the definition names none', () => {
    const played = new PlayedWorkflow(definition(['a']));
    played.step(START);
    played.complete({ last: true });
    expect(played.step(START + 1).end?.output).toEqual({ last: true });
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
    const played = new PlayedWorkflow(definition(['a'], { taskDef: { retryCount } }));
    played.step(START);
    played.change({ status, reasonForIncompletion: 'why' });
    const decision = played.step(START + 1);
    expect(decision.end?.status).toBe(end);
    expect(decision.scheduled).toHaveLength(end === undefined ? 1 : 0);
    if (end !== undefined) {
      expect(decision.end?.reasonForIncompletion).toBe(
        `Task ${played.tasks[0]?.taskId} failed with status: ${end} and reason: 'why'`,
      );
    }
  });

  it('gets a new attempt that knows the reason, with fresh state and the delay', () => {
    const played = new PlayedWorkflow(
      definition(['a'], { taskDef: { retryCount: 2, retryDelaySeconds: 7 } }),
      { input: { x: 1 } },
    );
    played.step(START);
    const failed = played.last;
    played.change({
      status: 'FAILED',
      reasonForIncompletion: 'why',
      outputData: { part: 1 },
      workerId: 'w',
      pollCount: 3,
      startTime: START,
      updateTime: START,
    });
    const { scheduled } = played.step(START + 10);
    expect(played.tasks[0]).toMatchObject({ retried: true, executed: false });
    expect(scheduled).toMatchObject([
      {
        retryCount: 1,
        retriedTaskId: failed.taskId,
        reasonForIncompletion: 'why',
        status: 'SCHEDULED',
        callbackAfterSeconds: 7,
        startDelayInSeconds: 7,
        availableAt: START + 10 + 7000,
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
    const played = new PlayedWorkflow(
      definition(['a'], { taskDef: { retryCount: 5 }, taskFields: { retryCount: 0 } }),
    );
    played.step(START);
    played.change({ status: 'FAILED' });
    expect(played.step(START + 1).end?.status).toBe('FAILED');
  });

  it('is not retried after its total time-out', () => {
    const taskDef = { retryCount: 5, totalTimeoutSeconds: 3, retryDelaySeconds: 0 };
    const played = new PlayedWorkflow(definition(['a'], { taskDef }));
    played.step(START);
    played.change({ status: 'FAILED' });
    expect(played.step(START + 2999).scheduled).toHaveLength(1);
    played.change({ status: 'FAILED' });
    expect(played.step(START + 3000).end).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: expect.stringContaining('exceeded total timeout of 3 seconds'),
    });
  });

  it('that is optional counts as done', () => {
    const played = new PlayedWorkflow(
      definition(['a', 'b'], { taskDef: { retryCount: 0 }, taskFields: { optional: true } }),
    );
    played.step(START);
    played.change({ status: 'FAILED' });
    expect(played.step(START + 1).scheduled).toMatchObject([{ referenceTaskName: 'b' }]);
    expect(played.tasks[0]?.status).toBe('COMPLETED_WITH_ERRORS');
    played.complete();
    expect(played.step(START + 2).end?.status).toBe('COMPLETED');
  });

  it('that is permissive lets the flow go on, and the workflow fail at its end', () => {
    const played = new PlayedWorkflow(
      definition(['a', 'b'], { taskDef: { retryCount: 0 }, taskFields: { permissive: true } }),
    );
    played.step(START);
    played.change({ status: 'FAILED', reasonForIncompletion: 'why' });
    expect(played.step(START + 1).scheduled).toMatchObject([{ referenceTaskName: 'b' }]);
    played.complete();
    expect(played.step(START + 2).end).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: expect.stringContaining("reason: 'why'"),
      failedReferenceTaskNames: ['a'],
      failedTaskNames: ['type_a'],
    });
  });
});

describe('time-outs', () => {
  it('are announced before they are due, so that somebody can come back', () => {
    const played = new PlayedWorkflow(definition(['a'], { taskDef: { responseTimeoutSeconds: 5 } }));
    played.step(START);
    const due = () => nextDueOf(played.last, played.last.workflowTask.taskDefinition, false);
    expect(due()).toBeUndefined();
    played.change({ status: 'IN_PROGRESS', startTime: START, updateTime: START + 100 });
    expect(due()).toBe(START + 5100);
  });

  it('of the lease take the task back', () => {
    const played = new PlayedWorkflow(
      definition(['a'], { taskDef: { responseTimeoutSeconds: 5, retryDelaySeconds: 0 } }),
    );
    played.step(START);
    played.change({ status: 'IN_PROGRESS', startTime: START, updateTime: START });
    expect(played.step(START + 4999).scheduled).toEqual([]);
    expect(played.step(START + 5000).scheduled).toMatchObject([{ retryCount: 1 }]);
    expect(played.tasks[0]).toMatchObject({ status: 'TIMED_OUT', endTime: START + 5000, retried: true });
  });

  it('of the task with TIME_OUT_WF end the workflow at once', () => {
    const taskDef = { timeoutSeconds: 3, responseTimeoutSeconds: 3, retryCount: 5 };
    const played = new PlayedWorkflow(definition(['a'], { taskDef }));
    played.step(START);
    played.change({ status: 'IN_PROGRESS', startTime: START, updateTime: START + 2000 });
    expect(played.step(START + 3000).end).toMatchObject({
      status: 'TIMED_OUT',
      reasonForIncompletion: expect.stringMatching(/^Task timed out after 3 seconds/),
    });
  });

  it('of the workflow cancel its open tasks, also while it is paused', () => {
    const fields = { timeoutPolicy: 'TIME_OUT_WF', timeoutSeconds: 2 };
    const played = new PlayedWorkflow(definition(['a'], { fields }));
    played.step(START);
    expect(workflowDeadline(played.workflow)).toBe(START + 2000);
    played.execution.patch({ status: 'PAUSED' });
    expect(played.step(START + 1999).end).toBeUndefined();
    expect(played.step(START + 2000).end?.status).toBe('TIMED_OUT');
    expect(played.tasks).toMatchObject([{ status: 'CANCELED', endTime: START + 2000 }]);
  });
});
