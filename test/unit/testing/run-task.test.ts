import { ContainerModule, injectable, postConstruct, preDestroy } from 'inversify';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  functionWorker,
  inProgress,
  Logger,
  NonRetryableError,
  taskContext,
  TaskResult,
  TaskResultStatus,
  Worker,
  type Task,
  type TaskContext,
  type TaskWorker,
} from 'tutti';
import { runTask, testWorker } from 'tutti/testing';
import { RecordingLogger } from '../../support/recording-logger.js';

@injectable()
class Clock {
  hour(): number {
    return new Date().getHours();
  }
}

const events: string[] = [];

@injectable()
class Greeter {
  constructor(private readonly clock: Clock) {}
  @postConstruct() open(): void {
    events.push('open');
  }
  @preDestroy() close(): void {
    events.push('close');
  }
  greet(name: string): string {
    taskContext().log(`greeting ${name}`);
    return this.clock.hour() < 12 ? `Good morning, ${name}` : `Good day, ${name}`;
  }
}

@Worker('greet')
class GreetWorker implements TaskWorker<{ name: string }> {
  constructor(private readonly greeter: Greeter) {}
  execute(task: Task<{ name: string }>, context: TaskContext) {
    context.progress('greeting');
    return { greeting: this.greeter.greet(task.inputData.name), attempt: context.attempt };
  }
}

const services = new ContainerModule(({ bind }) => {
  bind(Clock).toSelf();
  bind(Greeter).toSelf();
});
const morning: Clock = { hour: () => 9 };

describe('runTask()', () => {
  it('builds a class worker with the modules of the program and stand-ins, runs it, and closes its services', async () => {
    events.length = 0;
    const run = await runTask(
      GreetWorker,
      { name: 'Ada' },
      { modules: [services], provide: [[Clock, morning]] },
    );
    expectTypeOf(run.output).toEqualTypeOf<{ greeting: string; attempt: number }>();
    expect(run).toEqual({
      status: 'COMPLETED',
      output: { greeting: 'Good morning, Ada', attempt: 1 },
      reason: undefined,
      callbackAfterSeconds: undefined,
      logs: ['greeting Ada'],
      progress: ['greeting'],
    });
    expect(events).toEqual(['open', 'close']);
  });

  it('binds a stand-in that no module knows', async () => {
    const run = await runTask(
      GreetWorker,
      { name: 'Ada' },
      {
        modules: [new ContainerModule(({ bind }) => void bind(Greeter).toSelf())],
        provide: [[Clock, morning]],
      },
    );
    expect(run.output.greeting).toBe('Good morning, Ada');
  });

  it('runs a function worker with what it injects, typed', async () => {
    const worker = functionWorker(
      'noon',
      async (task: Task<{ at: string }>, _context, clock) => ({ at: task.inputData.at, hour: clock.hour() }),
      { inject: [Clock] },
    );
    const run = await runTask(worker, { at: 'home' }, { provide: [[Clock, morning]] });
    expectTypeOf(run.output).toEqualTypeOf<{ at: string; hour: number }>();
    expect(run.output).toEqual({ at: 'home', hour: 9 });
    // @ts-expect-error: the input has another type
    await runTask(worker, { at: 1 }, { provide: [[Clock, morning]] });
    // @ts-expect-error: it is no clock
    await runTask(worker, { at: 'home' }, { provide: [[Clock, { minute: () => 1 }]] });
  });

  it.each<[string, () => unknown, object]>([
    ['nothing', () => undefined, { status: 'COMPLETED', output: {} }],
    ['a number', () => 5, { status: 'COMPLETED', output: { result: 5 } }],
    ['a date', () => ({ at: new Date(0) }), { output: { at: '1970-01-01T00:00:00.000Z' } }],
    [
      'inProgress()',
      () => inProgress({ callbackAfterSeconds: 7, output: { page: 2 } }),
      { status: 'IN_PROGRESS', callbackAfterSeconds: 7, output: { page: 2 } },
    ],
    [
      'output that is not JSON',
      () => ({ id: 5n }),
      {
        status: 'FAILED_WITH_TERMINAL_ERROR',
        output: {},
        reason: 'the output cannot be written as JSON: outputData.id: a BigInt',
      },
    ],
  ])('reports %s as a worker process does', async (_what, execute, expected) => {
    expect(await runTask(functionWorker('any', execute), {})).toMatchObject(expected);
  });

  it('reports what is thrown: the reason, and the stack in the log', async () => {
    const failed = await runTask(
      functionWorker('fails', () => {
        throw new Error('out of paper');
      }),
      {},
    );
    expect(failed).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('out of paper') });
    expect(failed.logs[0]).toBe('Error: out of paper');
    expect(failed.logs.length).toBeGreaterThan(1);
    const terminal = await runTask(
      functionWorker('fails', () => {
        throw new NonRetryableError('no such printer');
      }),
      {},
    );
    expect(terminal.status).toBe('FAILED_WITH_TERMINAL_ERROR');
  });

  it('reports a TaskResult as it is', async () => {
    const worker = functionWorker('result', (task: Task) => {
      const result = TaskResult.from(task).addOutputData('pages', 3).addLog('printed');
      result.status = TaskResultStatus.FAILED;
      result.reasonForIncompletion = 'out of paper';
      return result;
    });
    expect(await runTask(worker, {})).toMatchObject({
      status: 'FAILED',
      reason: 'out of paper',
      output: { pages: 3 },
      logs: ['printed'],
    });
  });

  it('gives the worker the task that the test describes', async () => {
    const worker = functionWorker('fields', ({ correlationId }: Task, { attempt, pollCount, workerId }) => ({
      correlationId,
      attempt,
      pollCount,
      workerId,
    }));
    const task = { retryCount: 1, pollCount: 4, correlationId: 'c-7' };
    expect((await runTask(worker, {}, { task })).output).toEqual({
      correlationId: 'c-7',
      attempt: 2,
      pollCount: 4,
      workerId: 'test-worker',
    });
  });

  it('ends a task at its execution time-out, which a test can shorten', async () => {
    const worker = functionWorker('waits', (_task, { signal }) => aborted(signal), {
      executionTimeout: 60_000,
    });
    expect(await runTask(worker, {}, { executionTimeout: 20 })).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining('execution time-out: the task ran longer than 20 ms'),
    });
  });

  it('aborts `context.signal` when the test says so', async () => {
    const worker = functionWorker('waits', (_task, { signal }) => aborted(signal));
    const stop = new AbortController();
    const run = runTask(worker, {}, { signal: stop.signal });
    stop.abort();
    expect(await run).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining('the test has aborted the task'),
    });
  });

  it('does not look at the environment', async () => {
    process.env['CONDUCTOR_WORKER_ALL_EXECUTION_TIMEOUT'] = 'wrong';
    try {
      expect(
        (
          await runTask(
            functionWorker('env', () => 1),
            {},
          )
        ).status,
      ).toBe('COMPLETED');
    } finally {
      delete process.env['CONDUCTOR_WORKER_ALL_EXECUTION_TIMEOUT'];
    }
  });

  it('gives the logger of the test to worker and services', async () => {
    const logger = new RecordingLogger();
    const worker = functionWorker(
      'logs',
      (_task, context, injected) => {
        context.logger.info('from the context');
        injected.info('from the service');
      },
      { inject: [Logger] },
    );
    await runTask(worker, {}, { logger });
    expect(logger.at('info')).toEqual(['from the context', 'from the service']);
  });

  it('refuses what is no worker, wrong options, missing bindings and input that is not JSON', async () => {
    class Plain {
      execute(): void {}
    }
    await expect(runTask(Plain, {})).rejects.toThrow(
      'testWorker(): class Plain has no @Worker decorator of its own',
    );
    const wrong = functionWorker('wrong', () => 1, { concurrency: 0 });
    await expect(runTask(wrong, {})).rejects.toThrow('concurrency');
    await expect(runTask(GreetWorker, { name: 'Ada' }, { autobind: false })).rejects.toMatchObject({
      code: 'DI_UNRESOLVED',
    });
    await expect(
      runTask(
        functionWorker('any', () => 1),
        { id: 5n },
      ),
    ).rejects.toThrow('must be JSON');
    await expect(
      runTask(
        functionWorker('any', () => 1),
        {},
        { executionTimeout: 0 },
      ),
    ).rejects.toThrow('expected `executionTimeout` to be');
  });
});

describe('testWorker()', () => {
  it('builds the services once for many tasks; an idempotency key holds for all of them', async () => {
    events.length = 0;
    let calls = 0;
    const charge = functionWorker('charge', () => ({ call: ++calls }), {
      idempotencyKey: ({ inputData }: Task) => inputData['order'] as string,
    });
    await using charges = await testWorker(charge);
    expect(charges.taskType).toBe('charge');
    expect((await charges.run({ order: 'a' })).output).toEqual({ call: 1 });
    expect((await charges.run({ order: 'a' })).output).toEqual({ call: 1 });
    expect((await charges.run({ order: 'b' })).output).toEqual({ call: 2 });

    const greeter = await testWorker(GreetWorker, { modules: [services], provide: [[Clock, morning]] });
    await greeter.run({ name: 'Ada' });
    await greeter.run({ name: 'Bob' });
    await greeter.close();
    expect(events).toEqual(['open', 'close']);
  });

  it('makes a fresh object for each task with `scope: task`', async () => {
    let made = 0;
    @Worker('fresh', { scope: 'task' })
    class FreshWorker {
      readonly number = ++made;
      execute() {
        return { number: this.number };
      }
    }
    await using fresh = await testWorker(FreshWorker);
    const { output: first } = await fresh.run({});
    const { output: second } = await fresh.run({});
    expect(second.number).toBe(first.number + 1);
  });
});

async function aborted(signal: AbortSignal): Promise<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw signal.reason;
}
