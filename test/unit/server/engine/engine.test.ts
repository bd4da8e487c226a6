import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/conductor/wire/types.js';
import { conductorEngine } from '../../../../src/server/engine/conductor-engine.js';
import type { Delivery } from '../../../../src/server/engine/deliveries.js';
import type { TaskModel } from '../../../../src/server/model/models.js';
import type { ResultStatus } from '../../../../src/server/engine/task-updates.js';
import { MemoryStore } from '../../../../src/server/store/memory-store.js';
import { NO_SCRIPTS } from '../../../support/engine-fixtures.js';
import { ManualClock } from '../../../support/manual-clock.js';

function setUp(taskDef: JsonObject = {}, workflowFields: JsonObject = {}) {
  const clock = new ManualClock();
  const {
    core: engine,
    deliveries,
    updates,
  } = conductorEngine({
    store: new MemoryStore(),
    clock,
    random: () => 0,
    environment: () => undefined,
    evaluator: NO_SCRIPTS,
  });
  engine.catalogue.registerTaskDefs([{ name: 'work', ...taskDef }]);
  const tasks = [{ name: 'work', taskReferenceName: 'a' }];
  const def = engine.catalogue.checkWorkflowDef({ name: 'flow', tasks, ...workflowFields }, 'def');
  engine.catalogue.registerWorkflowDef(def, false);
  const start = (priority = 0): string =>
    engine.start(engine.catalogue.bind(engine.catalogue.workflowDef('flow', undefined)), {
      input: {},
      priority,
      taskToDomain: {},
    });
  const poll = (
    fields: { count?: number; timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Delivery> =>
    deliveries.poll({
      taskType: 'work',
      workerId: 'w',
      domain: undefined,
      count: 1,
      timeoutMs: 0,
      signal: new AbortController().signal,
      ...fields,
    });
  const report = (task: TaskModel, status: ResultStatus, callbackAfterSeconds = 0): void => {
    updates.update({
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      status,
      outputData: {},
      reasonForIncompletion: undefined,
      callbackAfterSeconds,
      workerId: 'w',
      subWorkflowId: undefined,
      externalOutputPayloadStoragePath: undefined,
      executionMetadata: undefined,
      logs: [],
      extendLease: false,
    });
  };
  const take = async (): Promise<TaskModel> => {
    const [task] = (await poll()).tasks;
    if (task === undefined) throw new Error('there is no task to take');
    return task;
  };
  return { clock, engine, start, poll, take, report };
}

describe('time', () => {
  it('takes a task back when its lease is over, to the millisecond', async () => {
    const { clock, engine, start, take, poll } = setUp({ responseTimeoutSeconds: 5, retryDelaySeconds: 0 });
    start();
    const task = await take();
    clock.advance(4999);
    expect(engine.task(task.taskId).status).toBe('IN_PROGRESS');
    clock.advance(1);
    expect(engine.task(task.taskId).status).toBe('TIMED_OUT');
    expect((await poll()).tasks).toMatchObject([{ retryCount: 1, retriedTaskId: task.taskId }]);
    await engine.close();
  });

  it('leaves no timer behind that a finished workflow needed', async () => {
    const { clock, engine, start, take, report } = setUp();
    start();
    report(await take(), 'COMPLETED');
    await engine.close();
    expect(clock.pending).toBe(0);
  });

  it('delays a retry and a call-back by as much as was asked for', async () => {
    const { clock, engine, start, take, poll, report } = setUp({ retryDelaySeconds: 10 });
    start();
    const first = await take();
    report(first, 'IN_PROGRESS', 3);
    clock.advance(2999);
    expect((await poll()).tasks).toEqual([]);
    clock.advance(1);
    const again = await take();
    expect(again.taskId).toBe(first.taskId);
    report(again, 'FAILED');
    clock.advance(9999);
    expect((await poll()).tasks).toEqual([]);
    clock.advance(1);
    expect((await take()).retryCount).toBe(1);
    await engine.close();
  });
});

describe('long polls', () => {
  it('wake when a delayed task becomes due', async () => {
    const { clock, engine, start, take, poll, report } = setUp();
    start();
    report(await take(), 'IN_PROGRESS', 2);
    const waiting = poll({ timeoutMs: 5000 });
    clock.advance(2000);
    expect((await waiting).tasks).toHaveLength(1);
    await engine.close();
  });

  it('with a count above one wait for their time although there is a task', async () => {
    const { clock, engine, start, poll } = setUp();
    let answered = false;
    const waiting = poll({ count: 2, timeoutMs: 5000 }).then((delivery) => {
      answered = true;
      return delivery;
    });
    start();
    clock.advance(4999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    clock.advance(1);
    expect((await waiting).tasks).toHaveLength(1);
    await engine.close();
  });

  it('that are aborted give back what they had collected', async () => {
    const { engine, start, poll } = setUp();
    const abort = new AbortController();
    const waiting = poll({ count: 2, timeoutMs: 5000, signal: abort.signal });
    const workflowId = start();
    expect(engine.queues.size('work')).toBe(0);
    abort.abort();
    expect((await waiting).tasks).toEqual([]);
    expect(engine.queues.size('work')).toBe(1);
    expect([...engine.execution(workflowId).tasks()]).toMatchObject([{ status: 'SCHEDULED', pollCount: 0 }]);
    await engine.close();
  });

  it('are answered with nothing when the engine closes', async () => {
    const { clock, engine, poll } = setUp();
    const waiting = poll({ timeoutMs: 5000 });
    await engine.close();
    expect((await waiting).tasks).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe('giving a delivery back', () => {
  it('makes the task what it was, in its old place', async () => {
    const { engine, start, poll } = setUp();
    const first = start();
    start();
    const delivery = await poll();
    delivery.giveBack();
    expect([...engine.execution(first).tasks()]).toMatchObject([
      { status: 'SCHEDULED', pollCount: 0, startTime: 0, updateTime: 0, workerId: undefined },
    ]);
    expect((await poll({ count: 2 })).tasks).toHaveLength(2);
    await engine.close();
  });

  it('does nothing to a task that has been reported meanwhile', async () => {
    const { engine, start, poll, report } = setUp();
    const workflowId = start();
    const delivery = await poll();
    report(delivery.tasks[0]!, 'COMPLETED');
    delivery.giveBack();
    const { workflow } = engine.execution(workflowId);
    expect(workflow.status).toBe('COMPLETED');
    expect([...engine.execution(workflowId).tasks()]).toMatchObject([{ status: 'COMPLETED' }]);
    expect(engine.queues.size('work')).toBe(0);
    await engine.close();
  });
});

describe('concurrentExecLimit', () => {
  it('puts tasks off for a minute, or until one is finished', async () => {
    const { clock, engine, start, take, poll, report } = setUp({ concurrentExecLimit: 1 });
    start();
    start();
    start();
    const first = await take();
    expect((await poll({ count: 2 })).tasks).toEqual([]);
    clock.advance(1000);
    expect((await poll()).tasks).toEqual([]);
    report(first, 'COMPLETED');
    const second = await take();
    expect((await poll()).tasks).toEqual([]);
    report(second, 'FAILED');
    clock.advance(60_000);
    await take();
    await engine.close();
  });
});

describe('rateLimitPerFrequency', () => {
  it('hands out so many tasks within its window, and puts the others off for a minute', async () => {
    const { clock, engine, start, take, poll } = setUp({
      rateLimitPerFrequency: 2,
      rateLimitFrequencyInSeconds: 10,
    });
    for (let count = 0; count < 4; count++) start();
    await take();
    clock.advance(4_000);
    await take();
    expect((await poll({ count: 4 })).tasks).toEqual([]);
    clock.advance(59_000);
    expect((await poll({ count: 4 })).tasks).toEqual([]);
    clock.advance(1_000);
    expect((await poll({ count: 4 })).tasks).toHaveLength(2);
    await engine.close();
  });
});
