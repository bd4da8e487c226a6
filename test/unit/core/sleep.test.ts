import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { sleep, within } from '../../../src/core/sleep.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('sleep', () => {
  it('resolves after its time and not before', async () => {
    const awake = vi.fn<() => void>();
    const slept = sleep(1_000).then(awake);
    await vi.advanceTimersByTimeAsync(999);
    expect(awake).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await slept;
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([0, -5])('does not wait for %d ms', async (ms) => {
    await sleep(ms);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends at once when the signal aborts, and leaves neither timer nor listener', async () => {
    const stop = new AbortController();
    const remove = vi.spyOn(stop.signal, 'removeEventListener');
    const slept = sleep(1_000, stop.signal);
    stop.abort();
    await slept;
    expect(vi.getTimerCount()).toBe(0);
    expect(remove).toHaveBeenCalled();
  });

  it('does not begin when the signal has aborted', async () => {
    await sleep(1_000, AbortSignal.abort());
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes times that are longer than a timer can be', async () => {
    const stop = new AbortController();
    const awake = vi.fn<() => void>();
    const slept = sleep(Number.MAX_SAFE_INTEGER, stop.signal).then(awake);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(awake).not.toHaveBeenCalled();
    stop.abort();
    await slept;
  });
});

describe('within', () => {
  it('gives the value of a promise that is fast enough', async () => {
    await expect(within(Promise.resolve('value'), 1_000)).resolves.toBe('value');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives undefined when the time is over', async () => {
    const result = within(new Promise<string>(() => undefined), 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(result).resolves.toBeUndefined();
  });

  it('passes a rejection on', async () => {
    await expect(within(Promise.reject(new Error('broken')), 1_000)).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ignores a rejection after the time is over', async () => {
    let reject!: (error: Error) => void;
    const result = within(new Promise<never>((_resolve, no) => (reject = no)), 10);
    await vi.advanceTimersByTimeAsync(10);
    await expect(result).resolves.toBeUndefined();
    reject(new Error('too late'));
    await vi.advanceTimersByTimeAsync(0);
  });
});
