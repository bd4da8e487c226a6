import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChannelReporter } from '../../../src/orchestrator/channel-reporter.js';
import type { WorkerMessage } from '../../../src/orchestrator/messages.js';
import { OrchestratorChannel } from '../../../src/orchestrator/orchestrator-channel.js';

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
