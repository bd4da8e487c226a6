import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChannelReporter } from '../../../src/host/channel-reporter.js';
import type { WorkerMessage } from '../../../src/protocol/messages.js';
import { OrchestratorChannel } from '../../../src/host/orchestrator-channel.js';
import type { TaskReporter } from '../../../src/worker/execution/task-reporter.js';
import { makeTask } from '../../support/make-task.js';

class RecordingChannel extends OrchestratorChannel {
  readonly messages: WorkerMessage[] = [];

  override send(message: WorkerMessage): boolean {
    this.messages.push(message);
    return true;
  }
  override written(message: WorkerMessage): Promise<void> {
    this.messages.push(message);
    return Promise.resolve();
  }
}

describe('that the server may have given a task which nobody knows', () => {
  let channel: RecordingChannel;
  let reporter: ChannelReporter;
  beforeEach(() => {
    vi.useFakeTimers();
    channel = new RecordingChannel();
    reporter = new ChannelReporter(channel);
  });
  afterEach(() => void vi.useRealTimers());
  const told = (): number => channel.messages.filter(({ type }) => type === 'uncertain').length;

  it('is told at once, and each second at most, the last one too', async () => {
    const worker = reporter.forWorker(0);
    for (let number = 0; number < 100; number++) worker.uncertain();
    expect(told()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told()).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told()).toBe(2);
    worker.uncertain();
    expect(told()).toBe(3);
  });

  it('is told before the process ends', async () => {
    const worker = reporter.forWorker(0);
    worker.uncertain();
    worker.uncertain();
    await reporter.flushed();
    expect(told()).toBe(2);
  });
});

describe('progress', () => {
  let channel: RecordingChannel;
  let reporter: TaskReporter;
  const sent = (): unknown[] =>
    channel.messages.flatMap((message) => (message.type === 'progress' ? [message.progress] : []));
  beforeEach(async () => {
    vi.useFakeTimers();
    channel = new RecordingChannel();
    reporter = new ChannelReporter(channel).forWorker(0);
    const tasks = ['a', 'b'].map((taskId) => ({
      task: makeTask(taskId),
      limitMs: undefined,
      deaths: 0,
      begins: true,
    }));
    await Promise.all([reporter.started(tasks), vi.advanceTimersByTimeAsync(1)]);
  });
  afterEach(() => void vi.useRealTimers());

  it('is sent at once, and a few times a second at most: the newest of each task', async () => {
    for (let step = 0; step < 10_000; step++) {
      reporter.progress('a', step);
      reporter.progress('b', `step ${step}`);
    }
    expect(sent()).toEqual([[[1, 0]]]);
    await vi.advanceTimersByTimeAsync(250);
    const newest = [
      [1, 9_999],
      [2, 'step 9999'],
    ];
    expect(sent().slice(1)).toEqual([expect.arrayContaining(newest)]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent()).toHaveLength(2);
    reporter.progress('a', 1);
    expect(sent().at(-1)).toEqual([[1, 1]]);
  });

  it('is cut off, and is a text or a number whatever it was', async () => {
    const values: [given: unknown, reported: unknown][] = [
      ['x'.repeat(100_000_000), `${'x'.repeat(499)}…`],
      [Number.NaN, 'NaN (number)'],
      [0.5, 0.5],
      [{ deep: true }, 'an object'],
      [undefined, 'undefined'],
    ];
    for (const [given, reported] of values) {
      reporter.progress('a', given as string);
      expect(sent().at(-1)).toEqual([[1, reported]]);
      await vi.advanceTimersByTimeAsync(1_000);
    }
  });

  it('of a task that has ended meanwhile is not sent', async () => {
    reporter.progress('a', 1);
    reporter.progress('a', 2);
    reporter.finished('a', 'COMPLETED');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent()).toEqual([[[1, 1]]]);
  });
});

it('copies that were not run are counted, in the message that goes next', async () => {
  const channel = new RecordingChannel();
  const all = new ChannelReporter(channel);
  all.forWorker(0).duplicate();
  all.forWorker(1).duplicate();
  all.forWorker(0).finished('unknown', 'COMPLETED');
  await all.flushed();
  expect(channel.messages).toMatchObject([{ type: 'tasks', finished: [], duplicates: [0, 1] }]);
});
