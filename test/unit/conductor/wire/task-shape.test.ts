import { describe, expect, it } from 'vitest';
import { outline, problemOf, shapeTask } from '../../../../src/conductor/wire/task-shape.js';

const ids = { taskId: 't1', workflowInstanceId: 'w1' };

describe('shapeTask', () => {
  it('fills in what servers leave out, and keeps the rest', () => {
    const entry = { ...ids, inputData: { a: null }, retryCount: 2, extra: [1] };
    const shaped = shapeTask(entry, 'greet');
    expect('task' in shaped && shaped.task).toBe(entry);
    expect(entry).toEqual({
      ...ids,
      inputData: { a: null },
      outputData: {},
      extra: [1],
      taskType: 'greet',
      taskDefName: 'greet',
      referenceTaskName: '',
      retryCount: 2,
      pollCount: 1,
      responseTimeoutSeconds: 0,
      callbackAfterSeconds: 0,
    });
  });

  it.each([
    [null, 'expected an object, got null'],
    ['hunter2', 'expected an object, got a string'],
    [[], 'got an array'],
    [{ workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: '', workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: 7, workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: 't' }, '`workflowInstanceId`'],
    [{ ...ids, taskId: 'a\u0000b' }, '`taskId` to be an id'],
    [{ ...ids, taskId: '\ud800' }, '`taskId` to be an id'],
    [{ ...ids, workflowInstanceId: 'x'.repeat(513) }, '`workflowInstanceId` to be an id'],
  ])('refuses %j', (entry, problem) => {
    const shaped = shapeTask(entry);
    expect('problem' in shaped && shaped.problem).toContain(problem);
    expect(JSON.stringify([shaped, outline(entry)])).not.toContain('hunter2');
  });

  it.each([
    [{ inputData: 'hunter2' }, 'expected `inputData` to be an object, got a string', { inputData: {} }],
    [{ outputData: [1] }, 'expected `outputData` to be an object, got an array', { outputData: {} }],
    [{ referenceTaskName: [['hunter2']] }, 'expected `referenceTaskName` to be a string, got an array', {}],
    [{ retryCount: {} }, 'expected `retryCount` to be a number, got an object', { retryCount: 0 }],
    [{ pollCount: 'many' }, 'expected `pollCount` to be a number, got "many" (string)', { pollCount: 1 }],
    [{ startTime: true }, 'expected `startTime` to be a number, got a boolean', {}],
    [{ taskDefinition: 'hunter2' }, 'expected `taskDefinition` to be an object, got a string', {}],
    [
      { taskDefinition: { timeoutSeconds: 'abc', timeoutPolicy: [] } },
      'expected `taskDefinition.timeoutSeconds` to be a number, got "abc" (string); expected `taskDefinition.timeoutPolicy` to be a string, got an array',
      { taskDefinition: {} },
    ],
    [{ workerId: 7, domain: 7 }, 'expected `workerId` to be a string, got a number; expected `domain`', {}],
  ])('marks %j as not to be executed, and makes it safe', (fields, problem, safe) => {
    const shaped = shapeTask({ ...ids, ...fields }, 'greet');
    if (!('task' in shaped)) throw new Error(shaped.problem);
    expect(problemOf(shaped.task)).toContain(problem);
    expect(shaped.task).toMatchObject({ referenceTaskName: '', ...safe });
    expect(JSON.stringify([shaped.task, problemOf(shaped.task)])).not.toContain('hunter2');
  });

  it.each([
    [{ responseTimeoutSeconds: 1e-6 }, { responseTimeoutSeconds: 1 }],
    [{ responseTimeoutSeconds: -5 }, { responseTimeoutSeconds: 0 }],
    [{ responseTimeoutSeconds: 1e300 }, { responseTimeoutSeconds: 0x7fffffff }],
    [{ responseTimeoutSeconds: '60' }, { responseTimeoutSeconds: 60 }],
    [{ taskDefinition: { timeoutSeconds: 1e300 } }, { taskDefinition: { timeoutSeconds: 0x7fffffff } }],
    [
      { taskDefinition: null, referenceTaskName: null },
      { taskDefinition: null, referenceTaskName: '' },
    ],
  ])('takes %j', (fields, expected) => {
    const shaped = shapeTask({ ...ids, ...fields }, 'greet');
    expect(shaped).toMatchObject({ task: expected });
    expect('task' in shaped && problemOf(shaped.task)).toBeUndefined();
  });
});
