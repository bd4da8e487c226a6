import { describe, expect, it } from 'vitest';
import type { RetryLogic } from '../../../../src/conductor/wire/types.js';
import { readTaskDef } from '../../../../src/server/model/read-task-def.js';
import { retryDelay } from '../../../../src/server/engine/retry-delay.js';

const delayOf = (fields: object, retryCount: number, random = 0) =>
  retryDelay(readTaskDef({ name: 'x', ...fields }), retryCount, random);

describe('retryDelay', () => {
  it.each<[RetryLogic, scale: number, cap: number, seconds: number[]]>([
    ['FIXED', 3, 0, [10, 10, 10, 10]],
    ['LINEAR_BACKOFF', 1, 0, [10, 20, 30, 40]],
    ['LINEAR_BACKOFF', 3, 0, [30, 60, 90, 120]],
    ['LINEAR_BACKOFF', 3, 70, [30, 60, 70, 70]],
    ['EXPONENTIAL_BACKOFF', 3, 0, [10, 20, 40, 80]],
    ['EXPONENTIAL_BACKOFF', 3, 25, [10, 20, 25, 25]],
    ['FIXED', 1, 4, [4, 4, 4, 4]],
  ])('%s with factor %i and cap %i', (retryLogic, backoffScaleFactor, maxRetryDelaySeconds, seconds) => {
    const fields = { retryLogic, backoffScaleFactor, maxRetryDelaySeconds, retryDelaySeconds: 10 };
    expect([0, 1, 2, 3].map((retryCount) => delayOf(fields, retryCount).seconds)).toEqual(seconds);
  });

  it('stays within 32 bits', () => {
    const fields = { retryLogic: 'EXPONENTIAL_BACKOFF', retryDelaySeconds: 10 };
    expect(delayOf(fields, 500).seconds).toBe(0x7fffffff);
  });

  it.each([
    [0, 0],
    [0.5, 500],
    [1, 1000],
  ])('adds jitter in milliseconds: random %d adds %i', (random, jitter) => {
    const fields = { retryDelaySeconds: 2, maxRetryDelaySeconds: 2, backoffJitterMs: 1000 };
    expect(delayOf(fields, 0, random)).toEqual({ seconds: 2, ms: 2000 + jitter });
  });
});
