import { describe, expect, expectTypeOf, it } from 'vitest';
import { taskContext, TuttiError } from 'tutti';
import { fakeTaskContext, withTaskContext } from 'tutti/testing';

describe('fakeTaskContext()', () => {
  it('is a context of a first attempt with an empty input', () => {
    const context = fakeTaskContext();
    expect(context).toMatchObject({ attempt: 1, pollCount: 1, workerId: 'test-worker' });
    expect(context.task).toMatchObject({ inputData: {}, taskType: 'test', status: 'IN_PROGRESS' });
    expect(context.signal.aborted).toBe(false);
  });

  it('remembers lines, progress and callbackAfter', () => {
    const context = fakeTaskContext();
    expect(context.callbackAfterSeconds).toBeUndefined();
    context.log('first');
    context.log('second');
    context.progress(0.5);
    context.progress('half');
    context.callbackAfter(30);
    expect(context.logged).toEqual(['first', 'second']);
    expect(context.reportedProgress).toEqual([0.5, 'half']);
    expect(context.callbackAfterSeconds).toBe(30);
  });

  it('has the type of its input, and other fields of the task', () => {
    const context = fakeTaskContext({
      input: { name: 'Ada', at: new Date(0) },
      taskType: 'greet',
      task: { retryCount: 2, pollCount: 3, correlationId: 'c-1' },
      workerId: 'me',
    });
    expectTypeOf(context.task.inputData.name).toEqualTypeOf<string>();
    expect(context.task.inputData).toEqual({ name: 'Ada', at: '1970-01-01T00:00:00.000Z' });
    expect(context.task).toMatchObject({ taskType: 'greet', taskDefName: 'greet', correlationId: 'c-1' });
    expect(context).toMatchObject({ attempt: 3, pollCount: 3, workerId: 'me' });
  });

  it('aborts its signal with the reason that a time-out has', () => {
    const context = fakeTaskContext();
    const { signal } = context;
    context.abort();
    expect(signal.aborted).toBe(true);
    expect(TuttiError.is(signal.reason, 'TASK_ABORTED')).toBe(true);
    const own = fakeTaskContext();
    own.abort('mine');
    expect(own.signal.reason).toBe('mine');
  });

  it('refuses an input that is not JSON', () => {
    expect(() => fakeTaskContext({ input: { id: 5n } })).toThrow(/the input of a task must be JSON/);
  });
});

describe('withTaskContext()', () => {
  it('gives the context to taskContext() in the function and in all that it starts', async () => {
    const context = fakeTaskContext({ input: { name: 'Ada' } });
    const name = await withTaskContext(context, async () => {
      await Promise.resolve();
      taskContext().log('inside');
      return taskContext().task.inputData['name'];
    });
    expect(name).toBe('Ada');
    expect(context.logged).toEqual(['inside']);
    expect(() => taskContext()).toThrow('taskContext()');
  });
});
