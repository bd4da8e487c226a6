import { describe, expect, it, test } from 'vitest';
import { pauseCheck } from '../../../../src/worker/polling/pause-check.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

describe('isPaused() of a worker', () => {
  test.each([true, false])('%s is what it is', (isPaused) => {
    const logger = new RecordingLogger();
    expect(pauseCheck({ isPaused: () => isPaused }, logger)()).toBe(isPaused);
    expect(logger.entries).toEqual([]);
  });

  it('is false for a worker without one', () => {
    expect(pauseCheck({}, new RecordingLogger())()).toBe(false);
    expect(pauseCheck(undefined, new RecordingLogger())()).toBe(false);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a promise', () => Promise.resolve(true), /must return true or false, not a promise/],
    ['a promise that rejects', () => Promise.reject(new Error('no')), /not a promise/],
    ['nothing', () => undefined, /not undefined/],
    [
      'a throw',
      () => {
        throw new Error('no');
      },
      /throws; taken as not paused/,
    ],
  ])('with %s the worker is not paused, and it is told once', (_what, isPaused, message) => {
    const logger = new RecordingLogger();
    const check = pauseCheck({ isPaused: isPaused as () => boolean }, logger);
    expect([check(), check(), check()]).toEqual([false, false, false]);
    expect(logger.at('warn')).toEqual([expect.stringMatching(message)]);
  });
});
