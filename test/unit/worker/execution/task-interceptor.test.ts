import { describe, expect, it, test } from 'vitest';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { NonRetryableError } from '../../../../src/worker/execution/non-retryable-error.js';
import { taskContext, type TaskContext } from '../../../../src/worker/execution/task-context.js';
import {
  intercepted,
  type ExecuteNext,
  type TaskInterceptor,
} from '../../../../src/worker/execution/task-interceptor.js';
import {
  TaskRunner,
  type RunningTask,
  type WorkerSource,
} from '../../../../src/worker/execution/task-runner.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

type Execute = (task: Task, context: TaskContext) => unknown;

function run(
  execute: Execute,
  interceptors: readonly TaskInterceptor[],
  options: { task?: Task; source?: WorkerSource; executionTimeout?: number } = {},
): RunningTask {
  const shared = { execute };
  return new TaskRunner({
    source: options.source ?? { shared, acquire: () => Promise.reject(new Error('not used')) },
    interceptors,
    workerId: 'w-1',
    logger: new RecordingLogger(),
    executionTimeout: options.executionTimeout,
    onProgress: () => undefined,
  }).start(options.task ?? makeTask('t-1'));
}

const around = (
  execute: (task: Task, context: TaskContext, next: ExecuteNext) => unknown,
): TaskInterceptor => ({
  execute,
});

describe('interceptors', () => {
  it('are called in order around the worker, and see what it returns', async () => {
    const events: string[] = [];
    const named = (name: string): TaskInterceptor =>
      around(async (_task, _context, next) => {
        events.push(`${name} before`);
        const value = await next();
        events.push(`${name} after ${JSON.stringify(value)}`);
        return { ...(value as object), [name]: true };
      });
    const running = run(() => ({ sum: 3 }), [named('outer'), named('inner')]);
    expect(await running.result).toMatchObject({
      status: 'COMPLETED',
      outputData: { sum: 3, inner: true, outer: true },
    });
    expect(events).toEqual([
      'outer before',
      'inner before',
      'inner after {"sum":3}',
      'outer after {"sum":3,"inner":true}',
    ]);
  });

  it('may hand on another task; the result is still that of the first', async () => {
    const doubled = around((task, _context, next) =>
      next({ ...task, taskId: 'other', inputData: { n: 2 * (task.inputData['n'] as number) } }),
    );
    const running = run((task) => ({ n: task.inputData['n'] }), [doubled, doubled], {
      task: makeTask('t-1', { inputData: { n: 5 } }),
    });
    expect(await running.result).toMatchObject({ taskId: 't-1', outputData: { n: 20 } });
  });

  it('run within the context of the task', async () => {
    const logs = around(async (task, context, next) => {
      expect(taskContext()).toBe(context);
      expect(context.task.taskId).toBe(task.taskId);
      taskContext().log('before');
      return await next();
    });
    const { logs: lines = [] } = await run(() => taskContext().log('in'), [logs]).result;
    expect(lines.map(({ log }) => log)).toEqual(['before', 'in']);
  });

  test.each<[string, TaskInterceptor, object]>([
    ['answers for the worker', around(() => 'kept'), { status: 'COMPLETED', outputData: { result: 'kept' } }],
    [
      'refuses the task for good',
      around(() => {
        throw new NonRetryableError('over the limit');
      }),
      { status: 'FAILED_WITH_TERMINAL_ERROR', reasonForIncompletion: 'over the limit' },
    ],
    [
      'rejects',
      around(() => Promise.reject(new Error('no'))),
      { status: 'FAILED', reasonForIncompletion: 'no' },
    ],
  ])('one that %s: the worker is not called', async (_title, interceptor, expected) => {
    const calls: string[] = [];
    const running = run((task) => calls.push(task.taskId), [interceptor]);
    expect(await running.result).toMatchObject(expected);
    expect(calls).toEqual([]);
  });

  it('may turn a failure into a result, and try again', async () => {
    let tries = 0;
    const twice = around(async (_task, _context, next) => {
      try {
        return await next();
      } catch (error) {
        expect(error).toMatchObject({ message: 'try 1' });
        return await next();
      }
    });
    const running = run(() => {
      if (++tries === 1) throw new Error('try 1');
      return { tries };
    }, [twice]);
    expect(await running.result).toMatchObject({ status: 'COMPLETED', outputData: { tries: 2 } });
  });

  it('see the services of a task that are made for it come and go', async () => {
    const events: string[] = [];
    const source: WorkerSource = {
      shared: undefined,
      acquire: () => {
        events.push('acquired');
        const release = (): Promise<void> => Promise.resolve(void events.push('released'));
        return Promise.resolve({ worker: { execute: () => 1 }, release });
      },
    };
    const watch = around(async (_task, _context, next) => {
      events.push('before');
      const value = await next();
      events.push('after');
      return value;
    });
    await run(() => undefined, [watch], { source }).result;
    expect(events).toEqual(['before', 'acquired', 'released', 'after']);
  });

  it('that do not wait for the worker get their result at once; the task has ended when the worker has', async () => {
    let end!: (error: Error) => void;
    const left = around((_task, _context, next) => {
      void next();
      return 'early';
    });
    const running = run(() => new Promise((_resolve, reject) => (end = reject)), [left]);
    expect((await running.result).outputData).toEqual({ result: 'early' });
    expect(running.hasEnded).toBe(false);
    // Nobody hears of it, and it does not end the process.
    end(new Error('late'));
    await running.ended;
    expect(running.hasEnded).toBe(true);
  });

  it('are bound by the time limit of the task', async () => {
    const stuck = around((_task, context) => {
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
      });
    });
    const running = run(() => 1, [stuck], { executionTimeout: 20 });
    const { status, reasonForIncompletion } = await running.result;
    expect(status).toBe('FAILED');
    expect(reasonForIncompletion).toContain('execution time-out');
  });

  it('cost nothing where there are none', () => {
    const handler: Execute = () => 1;
    expect(intercepted([], handler)).toBe(handler);
  });
});
