import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { TaskStatus } from '../../../../src/conductor/wire/types.js';
import { CancellationWatch } from '../../../../src/orchestrator/custody/cancellation-watch.js';
import type { LedgerTask } from '../../../../src/orchestrator/ledger/ledger-task.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeLedgerTask, makeTaskProcess } from '../../../support/make-ledger-task.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function open(statusOf: (taskId: string) => TaskStatus | Error = () => 'IN_PROGRESS') {
  const client = new FakeTaskClient();
  const logger = new RecordingLogger();
  const reads: string[] = [];
  const cancelled: string[] = [];
  client.answers.getTask = (taskId) => {
    reads.push(taskId);
    const status = statusOf(taskId);
    return status instanceof Error ? Promise.reject(status) : Promise.resolve(makeTask(taskId, { status }));
  };
  const watch = new CancellationWatch(client, logger);
  const add = (taskId: string): LedgerTask => {
    const now = performance.now();
    const process = makeTaskProcess({
      cancel: (one, reason) => void cancelled.push(`${one.taskId}: ${reason}`),
    });
    const times = { responseTimeoutSeconds: 0, startedAt: now, runningSince: now };
    const task = makeLedgerTask(taskId, { process, ...times });
    watch.add(task);
    return task;
  };
  return { watch, logger, reads, cancelled, add };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('CancellationWatch', () => {
  it('does not look at short tasks, and at long ones every few seconds', async () => {
    const { watch, reads, add } = open();
    const short = add('short');
    add('long');
    await vi.advanceTimersByTimeAsync(4_000);
    watch.remove(short);
    expect(reads).toEqual([]);
    await vi.advanceTimersByTimeAsync(16_500);
    expect(reads.every((taskId) => taskId === 'long')).toBe(true);
    expect(reads.length).toBeGreaterThanOrEqual(3);
    expect(reads.length).toBeLessThanOrEqual(4);
    watch.close();
  });

  test.each<[TaskStatus, boolean]>([
    ['IN_PROGRESS', false],
    ['SCHEDULED', false],
    ['CANCELED', true],
    ['TIMED_OUT', true],
    ['FAILED', true],
    ['SKIPPED', true],
    ['COMPLETED', true],
  ])('a task that is %s on the server is told to end: %s', async (status, isTold) => {
    const { watch, cancelled, add } = open(() => status);
    add('a');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(cancelled).toEqual(isTold ? [`a: the task is ${status} on the server`] : []);
    watch.close();
  });

  it('asks for ten tasks a second at most, and for each in its turn', async () => {
    const { watch, reads, add } = open();
    for (let number = 0; number < 200; number++) add(`t-${number}`);
    await vi.advanceTimersByTimeAsync(5_000);
    for (let second = 0; second < 20; second++) {
      const before = reads.length;
      await vi.advanceTimersByTimeAsync(1_000);
      expect(reads.length - before).toBeLessThanOrEqual(10);
    }
    expect(new Set(reads).size).toBe(200);
    watch.close();
  });

  it('a server that is away ends nothing', async () => {
    const { watch, cancelled, reads, add } = open(() => new Error('away'));
    add('a');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(reads.length).toBeGreaterThan(3);
    expect(cancelled).toEqual([]);
    watch.close();
  });

  it('the end of an earlier copy of a task does not end the watch over the present one', async () => {
    const { watch, reads, add } = open();
    const earlier = add('a');
    add('a');
    watch.remove(earlier);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(reads.length).toBeGreaterThan(0);
    watch.close();
  });

  it('has no timer while nothing runs', async () => {
    const { watch, add } = open();
    expect(vi.getTimerCount()).toBe(0);
    const task = add('a');
    watch.remove(task);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(vi.getTimerCount()).toBe(0);
    add('b');
    expect(vi.getTimerCount()).toBe(1);
    watch.close();
  });
});
