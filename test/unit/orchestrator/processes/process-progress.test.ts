import { describe, expect, it, test } from 'vitest';
import type { DescendantSample, ProcessSample } from '../../../../src/os/process-inspector.js';
import { ProcessProgress } from '../../../../src/orchestrator/processes/process-progress.js';

const NOBODY: DescendantSample = { cpuMs: 0, youngestAgeMs: Infinity };
const IDLE: ProcessSample = { isStopped: false, isRunning: false, cpuMs: 100, residentBytes: 0 };

/** A process that is looked at once a second, and what is known of it after so many seconds. */
function watched(seconds: number, at: (second: number) => Partial<ProcessSample> | undefined, beatEvery = 0) {
  const progress = new ProcessProgress(0);
  for (let second = 1; second <= seconds; second++) {
    if (beatEvery > 0 && second % beatEvery === 0) progress.beat(second * 1_000);
    const sample = at(second);
    progress.look(second * 1_000, sample === undefined ? undefined : { ...IDLE, ...sample }, () => NOBODY);
  }
  return progress;
}

describe('a process that hangs', () => {
  test.each([
    ['neither answers nor computes', {}],
    ['is stopped by a signal', { isStopped: true }],
  ])('%s: each second counts', (_what, sample) => {
    const progress = watched(10, () => sample);
    expect(progress.idleMs).toBe(9_000);
    expect(progress.silentMs(10_000)).toBe(10_000);
    expect(progress.isStopped).toBe('isStopped' in sample);
  });

  it('is known by a program beside it that was there before', () => {
    const progress = new ProcessProgress(0);
    for (let second = 1; second <= 10; second++) {
      progress.look(second * 1_000, IDLE, () => ({ cpuMs: 50, youngestAgeMs: 60_000 + second * 1_000 }));
    }
    expect(progress.idleMs).toBe(9_000);
  });

  it('stopped, waits for nobody: what it has started does not matter', () => {
    const progress = new ProcessProgress(0);
    for (let second = 1; second <= 10; second++) {
      progress.look(second * 1_000, { ...IDLE, isStopped: true }, () => ({
        cpuMs: second,
        youngestAgeMs: 0,
      }));
    }
    expect(progress.idleMs).toBe(9_000);
  });
});

describe('a process that only seems to hang', () => {
  test.each<[string, (second: number) => Partial<ProcessSample> | undefined]>([
    ['computes', (second) => ({ cpuMs: second * 1_000 })],
    ['computes a little', (second) => ({ cpuMs: Math.floor(second / 2) * 10 })],
    ['would compute if it got a processor', () => ({ isRunning: true })],
    ['cannot be seen', () => undefined],
  ])('%s', (_what, at) => {
    expect(watched(60, at).idleMs).toBeLessThanOrEqual(1_000);
  });

  it('is idle, and answers', () => {
    const progress = watched(61, () => ({}), 2);
    expect(progress.idleMs).toBe(0);
  });

  it('waits for a program that it has started since it last answered', () => {
    const progress = new ProcessProgress(0);
    progress.beat(1_000);
    for (let second = 2; second <= 60; second++) {
      progress.look(second * 1_000, IDLE, () => ({ cpuMs: 0, youngestAgeMs: (second - 2) * 1_000 }));
    }
    expect(progress.idleMs).toBe(0);
  });

  it('waits for an older program that computes', () => {
    const progress = new ProcessProgress(0);
    for (let second = 1; second <= 60; second++) {
      progress.look(second * 1_000, IDLE, () => ({ cpuMs: second * 500, youngestAgeMs: 3_600_000 }));
    }
    expect(progress.idleMs).toBe(0);
  });
});

describe('time that was not watched does not count', () => {
  it('a watcher that was suspended has seen nothing, until it has looked again', () => {
    const progress = watched(10, () => ({}), 2);
    // An hour later nothing that the process wrote is read yet.
    progress.look(3_610_000, IDLE, () => NOBODY);
    expect(progress.idleMs).toBe(0);
    progress.beat(3_610_500);
    progress.look(3_611_000, IDLE, () => NOBODY);
    expect(progress.idleMs).toBe(0);
  });

  it('and one that hangs is found all the same', () => {
    const progress = watched(10, () => ({}));
    progress.look(3_610_000, IDLE, () => NOBODY);
    expect(progress.idleMs).toBe(0);
    progress.look(3_611_000, IDLE, () => NOBODY);
    expect(progress.idleMs).toBe(10_000);
  });
});

it('an answer ends it', () => {
  const progress = watched(10, () => ({}));
  progress.beat(10_500);
  expect(progress.idleMs).toBe(0);
  expect(progress.silentMs(10_500)).toBe(0);
});
