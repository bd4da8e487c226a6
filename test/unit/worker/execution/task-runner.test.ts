import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { shapeTask } from '../../../../src/conductor/wire/task-shape.js';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { NonRetryableError } from '../../../../src/worker/execution/non-retryable-error.js';
import { taskContext, type TaskContext } from '../../../../src/worker/execution/task-context.js';
import {
  TaskRunner,
  type Executable,
  type TaskRunnerOptions,
} from '../../../../src/worker/execution/task-runner.js';
import { thrownValues } from '../../../support/hostile-values.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

type Execute = (task: Task, context: TaskContext) => unknown;

function runnerFor(execute: Execute, options: Partial<TaskRunnerOptions> = {}): TaskRunner {
  const shared: Executable = { execute };
  return new TaskRunner({
    source: { shared, acquire: () => Promise.reject(new Error('not used')) },
    workerId: 'w-1',
    logger: new RecordingLogger(),
    executionTimeout: undefined,
    onProgress: () => undefined,
    ...options,
  });
}

describe('a result', () => {
  test.each<[string, Execute, object]>([
    ['of a value', () => ({ total: 3 }), { status: 'COMPLETED', outputData: { total: 3 } }],
    ['of a promise', () => Promise.resolve('late'), { status: 'COMPLETED', outputData: { result: 'late' } }],
    ['of nothing', () => undefined, { status: 'COMPLETED', outputData: {} }],
    [
      'of a throw',
      () => {
        throw new Error('no');
      },
      { status: 'FAILED', reasonForIncompletion: 'no' },
    ],
    [
      'of a rejection',
      () => Promise.reject(new Error('no')),
      { status: 'FAILED', reasonForIncompletion: 'no' },
    ],
    [
      'of a bare reject()',
      () => Promise.reject(),
      { status: 'FAILED', reasonForIncompletion: 'undefined was thrown' },
    ],
    [
      'of a NonRetryableError',
      () => Promise.reject(new NonRetryableError('never')),
      { status: 'FAILED_WITH_TERMINAL_ERROR', reasonForIncompletion: 'never' },
    ],
    [
      'of callbackAfter',
      (_task, context) => context.callbackAfter(5),
      { status: 'IN_PROGRESS', callbackAfterSeconds: 5 },
    ],
    [
      'of a thenable that throws',
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        then: () => {
          throw new Error('bad thenable');
        },
      }),
      { status: 'FAILED', reasonForIncompletion: 'bad thenable' },
    ],
  ])('%s has the ids of the task and of this process', async (_title, execute, expected) => {
    const running = runnerFor(execute).start(makeTask('t-1'));
    expect(await running.result).toMatchObject({
      taskId: 't-1',
      workflowInstanceId: 'workflow-1',
      workerId: 'w-1',
      ...expected,
    });
    await running.ended;
    expect(running.hasEnded).toBe(true);
  });

  test.each<[string, Execute]>([
    [
      'changes the ids of its task',
      (task) => Object.assign(task, { taskId: 'x', workflowInstanceId: 5 }).status,
    ],
    [
      'removes everything of its task',
      (task) => {
        for (const key of Object.keys(task)) Reflect.deleteProperty(task, key);
        throw new Error('empty');
      },
    ],
    ['freezes its task', (task) => Object.freeze(task).status],
  ])('of code that %s is still that of the task', async (_title, execute) => {
    const running = runnerFor(execute).start(makeTask('t-1'));
    expect(await running.result).toMatchObject({ taskId: 't-1', workflowInstanceId: 'workflow-1' });
    expect(running.task.taskId).toBe('t-1');
    await running.ended;
  });

  test.each(thrownValues())('always comes when %s is thrown or returned', async (_title, value) => {
    const threw = runnerFor(() => {
      throw value;
    }).start(makeTask());
    const returned = runnerFor(() => ({
      value,
      taskId: 't',
      workflowInstanceId: 'w',
      status: 'COMPLETED',
      outputData: {},
      logs: value,
    })).start(makeTask());
    expect((await threw.result).status).toBe('FAILED');
    expect((await returned.result).status).toBeTypeOf('string');
    await Promise.all([threw.ended, returned.ended]);
  });

  it('has the lines of the context before those of the result, in few entries', async () => {
    const running = runnerFor((_task, context) => {
      for (let line = 0; line < 30; line++) context.log(`line ${line}`);
      throw new Error('at last');
    }).start(makeTask());
    const { logs = [] } = await running.result;
    expect(logs.length).toBeLessThanOrEqual(10);
    const text = logs.map((entry) => entry.log).join('\n');
    expect(text).toMatch(/^line 0\n[\s\S]*line 29\nError: at last/);
  });
});

describe('the context', () => {
  it('is the second argument and what taskContext() finds', async () => {
    let found: TaskContext | undefined;
    let given: TaskContext | undefined;
    const execute = async (_task: Task, context: TaskContext): Promise<void> => {
      given = context;
      await turn();
      found = taskContext();
    };
    await runnerFor(execute).start(makeTask()).result;
    expect(found).toBe(given);
    expect(found?.workerId).toBe('w-1');
  });

  it('passes progress on with the id of the task', async () => {
    const onProgress = vi.fn<(taskId: string, progress: string | number) => void>();
    await runnerFor((_task, context) => context.progress('half'), { onProgress }).start(makeTask('t-1'))
      .result;
    expect(onProgress).toHaveBeenCalledExactlyOnceWith('t-1', 'half');
  });

  it('of each of a hundred tasks at once is its own, with its lines in its own result', async () => {
    const runner = runnerFor(async (task) => {
      taskContext().log(`one of ${task.taskId}`);
      await turn();
      taskContext().log(`two of ${taskContext().task.taskId}`);
      return { of: taskContext().task.taskId };
    });
    const running = Array.from({ length: 100 }, (_, index) => runner.start(makeTask(`t-${index}`)));
    const results = await Promise.all(running.map(({ result }) => result));
    for (const [index, { taskId, outputData, logs }] of results.entries()) {
      expect([taskId, outputData]).toEqual([`t-${index}`, { of: `t-${index}` }]);
      expect(logs?.map(({ log }) => log).join('\n')).toBe(`one of t-${index}\ntwo of t-${index}`);
    }
  });

  it('`this` is the worker', async () => {
    class Greeter {
      readonly #greeting = 'Hello';
      execute(): string {
        return this.#greeting;
      }
    }
    const source = { shared: new Greeter(), acquire: () => Promise.reject(new Error('not used')) };
    const runner = runnerFor(() => undefined, { source });
    expect((await runner.start(makeTask()).result).outputData).toEqual({ result: 'Hello' });
  });
});

describe('scope task', () => {
  function scoped(execute: Execute, release: () => Promise<void> = () => Promise.resolve()) {
    const logger = new RecordingLogger();
    const acquired: string[] = [];
    const runner = runnerFor(execute, {
      logger,
      source: {
        shared: undefined,
        acquire: (task) => {
          acquired.push(task.taskId);
          return Promise.resolve({ worker: { execute }, release });
        },
      },
    });
    return { runner, logger, acquired };
  }

  it('takes a worker for each task and gives it back after success and failure', async () => {
    const release = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const { runner, acquired } = scoped((task) => {
      if (task.taskId === 'bad') throw new Error('no');
    }, release);
    await runner.start(makeTask('good')).result;
    await runner.start(makeTask('bad')).result;
    expect(acquired).toEqual(['good', 'bad']);
    expect(release).toHaveBeenCalledTimes(2);
  });

  it('a worker that cannot be made fails the task', async () => {
    const runner = runnerFor(() => undefined, {
      source: { shared: undefined, acquire: () => Promise.reject(new Error('no connection')) },
    });
    expect(await runner.start(makeTask()).result).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: 'no connection',
    });
  });

  it('a release that fails changes nothing but the log', async () => {
    const { runner, logger } = scoped(
      () => ({ fine: true }),
      () => Promise.reject(new Error('stuck')),
    );
    expect(await runner.start(makeTask()).result).toMatchObject({
      status: 'COMPLETED',
      outputData: { fine: true },
    });
    expect(logger.at('warn')).toEqual(['releasing the services of a task failed']);
  });

  it('taskContext() is there while the worker is made', async () => {
    let id: string | undefined;
    const runner = runnerFor(() => undefined, {
      source: {
        shared: undefined,
        acquire: () => {
          id = taskContext().task.taskId;
          return Promise.resolve({ worker: { execute: () => undefined }, release: () => Promise.resolve() });
        },
      },
    });
    await runner.start(makeTask('t-1')).result;
    expect(id).toBe('t-1');
  });
});

describe('time limit and abort', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A worker that ends when it is told to, with what `onAbort` makes of it. */
  const obedient =
    (onAbort: (signal: AbortSignal) => unknown): Execute =>
    (_task, { signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => {
          try {
            resolve(onAbort(signal));
          } catch (error) {
            reject(error);
          }
        });
      });

  it('a worker that obeys the signal is reported at once, with the reason', async () => {
    const running = runnerFor(
      obedient((signal) => {
        throw signal.reason;
      }),
      { executionTimeout: 5_000 },
    ).start(makeTask());
    await vi.advanceTimersByTimeAsync(4_999);
    expect(running.hasEnded).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(running.hasEnded).toBe(true);
    expect(await running.result).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: 'execution time-out: the task ran longer than 5000 ms',
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a worker that finishes although it was told to end has finished', async () => {
    const running = runnerFor(
      obedient(() => ({ partial: true })),
      { executionTimeout: 5_000 },
    ).start(makeTask());
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await running.result).toMatchObject({ status: 'COMPLETED', outputData: { partial: true } });
  });

  it('a worker that does not obey is reported a moment later, and keeps its place until it ends', async () => {
    let end!: () => void;
    const running = runnerFor(() => new Promise<void>((resolve) => (end = resolve)), {
      executionTimeout: 5_000,
    }).start(makeTask());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await running.result).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: expect.stringContaining('execution time-out') as string,
    });
    expect(running.hasEnded).toBe(false);
    end();
    await running.ended;
    expect(running.hasEnded).toBe(true);
  });

  it('a task that ends in time leaves no timer behind', async () => {
    const running = runnerFor(() => 'quick', { executionTimeout: 5_000 }).start(makeTask());
    await running.ended;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('can be told to end from outside; the first reason counts', async () => {
    const running = runnerFor(
      obedient((signal) => {
        throw signal.reason;
      }),
    ).start(makeTask());
    running.abort('the application stops');
    running.abort('something else');
    expect(await running.result).toMatchObject({
      status: 'FAILED',
      reasonForIncompletion: 'the application stops',
    });
  });

  it('without a limit a task may run for ever', async () => {
    const runner = runnerFor(() => new Promise(() => undefined));
    expect(runner.limitOf(makeTask())).toBeUndefined();
    const running = runner.start(makeTask());
    await vi.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(running.hasEnded).toBe(false);
  });
});

test('a task with a field that cannot be used fails without being executed, and says which', async () => {
  let executed = 0;
  const shaped = shapeTask(makeTask('t-1', { referenceTaskName: [['deep']] as unknown as string }));
  if (!('task' in shaped)) throw new Error(shaped.problem);
  const running = runnerFor(() => executed++).start(shaped.task);
  expect(await running.result).toMatchObject({
    taskId: 't-1',
    status: 'FAILED',
    reasonForIncompletion: expect.stringContaining(
      'the server sent a task that cannot be executed: expected `referenceTaskName` to be a string, got an array',
    ),
  });
  await running.ended;
  expect(executed).toBe(0);
});
