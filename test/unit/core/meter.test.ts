import { describe, expect, it } from 'vitest';
import {
  DURATION_BOUNDS_MS,
  MemoryMeter,
  noDurations,
  SimpleHistogram,
  sumOfDurations,
} from '../../../src/core/meter.js';

/** The buckets that are not empty, by their bounds. */
const filled = (buckets: readonly number[]): [number, number][] =>
  buckets.flatMap((count, bucket): [number, number][] =>
    count === 0 ? [] : [[DURATION_BOUNDS_MS[bucket] ?? Infinity, count]],
  );

describe('a histogram', () => {
  it('counts each duration in the first bucket that it fits in', () => {
    const histogram = new SimpleHistogram();
    for (const ms of [0, 5, 5.1, 250, 3_600_000, 3_600_001]) histogram.record(ms);
    const { count, sumMs, buckets } = histogram.value;
    expect(count).toBe(6);
    expect(sumMs).toBeCloseTo(7_200_261.1);
    expect(filled(buckets)).toEqual([
      [5, 2],
      [10, 1],
      [250, 1],
      [3_600_000, 1],
      [Infinity, 1],
    ]);
  });

  it('what is taken in parts and added elsewhere is the whole', () => {
    const [measured, kept] = [new SimpleHistogram(), new SimpleHistogram()];
    expect(measured.take()).toBeUndefined();
    measured.record(7);
    kept.add(measured.take()!);
    measured.record(70);
    measured.record(7);
    kept.add(measured.take()!);
    expect(measured.take()).toBeUndefined();
    expect(kept.value).toMatchObject({ count: 3, sumMs: 84 });
    expect(filled(kept.value.buckets)).toEqual([
      [10, 2],
      [100, 1],
    ]);
  });

  it('gives a copy of its buckets', () => {
    const histogram = new SimpleHistogram();
    const before = histogram.value;
    histogram.record(1);
    expect(before).toEqual(noDurations());
  });
});

it('durations of nothing are none', () => {
  expect(sumOfDurations([])).toEqual(noDurations());
});

describe('MemoryMeter', () => {
  it('the same name and labels, in any order, give the same series', () => {
    const meter = new MemoryMeter();
    meter.counter('ended', { worker: 'a', end: 'FAILED' }).add(2);
    meter.counter('ended', { end: 'FAILED', worker: 'a' }).add(1);
    meter.counter('ended', { worker: 'b', end: 'FAILED' }).add(5);
    meter.histogram('duration', { worker: 'a' }).record(3);
    expect(meter.counter('ended', { worker: 'a', end: 'FAILED' }).value).toBe(3);
    expect(meter.series()).toEqual([
      { name: 'ended', labels: { worker: 'a', end: 'FAILED' }, value: 3 },
      { name: 'ended', labels: { worker: 'b', end: 'FAILED' }, value: 5 },
      {
        name: 'duration',
        labels: { worker: 'a' },
        value: expect.objectContaining({ count: 1, sumMs: 3 }) as unknown,
      },
    ]);
  });
});
