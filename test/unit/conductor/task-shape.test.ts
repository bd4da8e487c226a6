import { describe, expect, it } from 'vitest';
import { outline, shapeTask } from '../../../src/conductor/task-shape.js';

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
      retryCount: 2,
      pollCount: 1,
      responseTimeoutSeconds: 0,
      callbackAfterSeconds: 0,
    });
  });

  it.each([
    [null, 'expected an object, got null'],
    ['x', 'got "x" (string)'],
    [[], 'got an array'],
    [{ workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: '', workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: 7, workflowInstanceId: 'w' }, '`taskId`'],
    [{ taskId: 't' }, '`workflowInstanceId`'],
    [{ ...ids, inputData: 'hunter2' }, '`inputData` to be an object, got a string'],
    [{ ...ids, inputData: [1] }, '`inputData` to be an object, got an array'],
  ])('refuses %j', (entry, problem) => {
    const shaped = shapeTask(entry);
    expect('problem' in shaped && shaped.problem).toContain(problem);
    expect(JSON.stringify([shaped, outline(entry)])).not.toContain('hunter2');
  });
});
