import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import { LeaseKeeper, type LeaseHolder } from '../../../../src/orchestrator/custody/lease-keeper.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const http = (status: number, message: string): HttpError =>
  new HttpError('HTTP_STATUS', message, { method: 'POST', path: '/tasks', status });

/** Heartbeats with their moment, and an answer that a test decides. */
class Server extends FakeTaskClient {
  readonly beats: { taskId: string; at: number; timeoutMs: number | undefined }[] = [];
  answer: (taskId: string) => Promise<void> = () => Promise.resolve();

  override extendLease({ taskId }: { taskId: string }, timeoutMs?: number): Promise<void> {
    this.beats.push({ taskId, at: performance.now(), timeoutMs });
    return this.answer(taskId);
  }
}

const task = (taskId: string, responseTimeoutSeconds: number) => ({
  taskId,
  workflowInstanceId: 'w',
  responseTimeoutSeconds,
});
const always: LeaseHolder = { leaseGate: () => true, leaseLapsed: () => undefined };

/** What is left after a collection: garbage of this and of other tests does not count. */
function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

function open(): {
  keeper: LeaseKeeper;
  server: Server;
  logger: RecordingLogger;
  from: number;
  at(): number[];
} {
  const server = new Server();
  const logger = new RecordingLogger();
  const from = performance.now();
  return {
    keeper: new LeaseKeeper(server, logger),
    server,
    logger,
    from,
    at: () => server.beats.map((beat) => Math.round(beat.at - from)),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('LeaseKeeper', () => {
  it('extends each lease well before its end, one of a second included', async () => {
    const { keeper, server } = open();
    keeper.add(task('one', 1), always);
    keeper.add(task('ten', 10), always);
    await vi.advanceTimersByTimeAsync(20_000);
    for (const [taskId, leaseMs] of [
      ['one', 1_000],
      ['ten', 10_000],
    ] as const) {
      const moments = server.beats.filter((beat) => beat.taskId === taskId).map((beat) => beat.at);
      const gaps = moments.slice(1).map((moment, index) => moment - moments[index]!);
      expect(Math.max(...gaps)).toBeLessThan(leaseMs / 2);
      // And no more often than is good for anything.
      expect(moments.length).toBeLessThan((20_000 / leaseMs) * 4);
    }
    expect(keeper.lapsed).toBe(0);
    keeper.close();
  });

  it('nothing is sent for a task without a lease, after its end, and after closing', async () => {
    const { keeper, server } = open();
    keeper.add(task('none', 0), always);
    const short = task('short', 3);
    keeper.add(short, always);
    await vi.advanceTimersByTimeAsync(500);
    keeper.remove(short);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.beats).toEqual([]);
    keeper.add(task('closed', 1), always);
    keeper.close();
    keeper.add(task('later', 1), always);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.beats).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tries again within the lease when the server refuses', async () => {
    const { keeper, server, at } = open();
    let failures = 4;
    server.answer = () => (failures-- > 0 ? Promise.reject(http(503, 'away')) : Promise.resolve());
    keeper.add(task('a', 6), always);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(at().filter((moment) => moment < 6_000).length).toBeGreaterThanOrEqual(5);
    expect(keeper).toMatchObject({ extended: 1, lapsed: 0 });
    keeper.close();
  });

  it('gives an answer a part of the lease only, so that another try is left', async () => {
    const { keeper, server } = open();
    for (const seconds of [1, 8, 3_600]) keeper.add(task(`t${seconds}`, seconds), always);
    await vi.advanceTimersByTimeAsync(1_300_000);
    const limits = new Map(server.beats.map(({ taskId, timeoutMs }) => [taskId, timeoutMs]));
    expect(limits).toEqual(
      new Map([
        ['t1', 250],
        ['t8', 2_000],
        ['t3600', 10_000],
      ]),
    );
    keeper.close();
  });

  it('counts and tells a lease that ends although it should have been kept, once, and goes on', async () => {
    const { keeper, server } = open();
    server.answer = () => Promise.reject(http(503, 'away'));
    const lapsed: string[] = [];
    keeper.add(task('a', 2), { ...always, leaseLapsed: ({ taskId }) => lapsed.push(taskId) });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(keeper.lapsed).toBe(1);
    expect(lapsed).toEqual(['a']);
    const before = server.beats.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.beats.length).toBeGreaterThan(before);
    keeper.close();
  });

  it('drops a task that the server does not know, and not because a proxy says 404', async () => {
    const { keeper, server } = open();
    server.answer = (taskId) =>
      Promise.reject(
        taskId === 'gone' ? http(404, 'No such task found by id: gone') : http(404, 'HTML: 404 Not Found'),
      );
    keeper.add(task('gone', 3), always);
    keeper.add(task('proxied', 3), always);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(server.beats.filter(({ taskId }) => taskId === 'gone')).toHaveLength(1);
    expect(server.beats.filter(({ taskId }) => taskId === 'proxied').length).toBeGreaterThan(5);
    keeper.close();
  });

  it('extends nothing while the gate is closed, says why once, and goes on when it opens', async () => {
    const { keeper, server, logger } = open();
    let gate: true | string = 'its process gives no sign of progress';
    keeper.add(task('a', 3), { ...always, leaseGate: () => gate });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(server.beats).toEqual([]);
    expect(logger.at('warn')).toEqual(['the lease of a task is not extended any more']);
    expect(logger.text).toContain('no sign of progress');
    gate = true;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.beats.length).toBeGreaterThan(0);
    keeper.close();
  });

  it('thousands of tasks need one timer', async () => {
    const { keeper, server } = open();
    for (let number = 0; number < 5_000; number++)
      keeper.add(task(`t-${number}`, 60 + (number % 100)), always);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set(server.beats.map(({ taskId }) => taskId)).size).toBe(5_000);
    expect(vi.getTimerCount()).toBe(1);
    keeper.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('short tasks with long leases do not pile up', () => {
    const { keeper } = open();
    const before = usedHeap();
    for (let number = 0; number < 300_000; number++) {
      const short = task(`t-${number}`, 3_600);
      keeper.add(short, always);
      keeper.remove(short);
    }
    // Each would take more than 200 bytes.
    expect(usedHeap() - before).toBeLessThan(40_000_000);
    keeper.close();
  });

  it('the end of an earlier copy of a task does not end the lease of the present one', async () => {
    const { keeper, server } = open();
    const earlier = task('a', 3);
    const present = task('a', 3);
    keeper.add(earlier, always);
    keeper.add(present, always);
    keeper.remove(earlier);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.beats.length).toBeGreaterThanOrEqual(2);
    keeper.remove(present);
    const before = server.beats.length;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.beats).toHaveLength(before);
    keeper.close();
  });

  it('a clock that is set does not silence heartbeats, nor make them pile up', async () => {
    const { keeper, server } = open();
    keeper.add(task('a', 3), always);
    for (const jumpMs of [-7_200_000, 14_400_000]) {
      vi.setSystemTime(Date.now() + jumpMs);
      const before = server.beats.length;
      await vi.advanceTimersByTimeAsync(6_000);
      expect(server.beats.length - before).toBeGreaterThanOrEqual(5);
      expect(server.beats.length - before).toBeLessThanOrEqual(8);
    }
    keeper.close();
  });

  it('tells how much of a lease is left', async () => {
    const { keeper } = open();
    keeper.add(task('a', 30), always);
    expect(keeper.leaseLeftMs('a')).toBe(30_000);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(keeper.leaseLeftMs('a')).toBe(26_000);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(keeper.leaseLeftMs('a')).toBe(30_000);
    expect(keeper.leaseLeftMs('b')).toBeUndefined();
    keeper.close();
  });
});

it('a heartbeat that is late because this process was blocked is told with its delay', async () => {
  vi.useRealTimers();
  const { keeper, server, logger } = open();
  keeper.add(task('a', 1), always);
  for (const end = Date.now() + 800; Date.now() < end;);
  await vi.waitFor(() => expect(server.beats).toHaveLength(1));
  keeper.close();
  expect(logger.at('warn')).toEqual(['a heartbeat is late: the event loop of the orchestrator was blocked']);
  expect(logger.entries[0]?.fields['lateMs']).toBeGreaterThan(300);
});
