import { describe, expect, it, test } from 'vitest';
import { backoffDelay } from '../../../src/core/backoff.js';

const OPTIONS = { initialMs: 100, maxMs: 5_000 };

describe('backoffDelay', () => {
  test.each<[failures: number, random: number, delayMs: number]>([
    [0, 0, 0],
    [-1, 0, 0],
    [1, 0, 100],
    [2, 0, 200],
    [3, 0, 400],
    [6, 0, 3_200],
    [7, 0, 5_000],
    [1_000_000, 0, 5_000],
    [1, 1, 80],
    [7, 1, 4_000],
    [7, 0.5, 4_500],
  ])('after %i failures with random %d: %i ms', (failures, random, delayMs) => {
    expect(backoffDelay(failures, OPTIONS, random)).toBe(delayMs);
  });

  it('takes another factor and jitter', () => {
    expect(backoffDelay(3, { ...OPTIONS, factor: 3, jitter: 0 }, 1)).toBe(900);
    expect(backoffDelay(1, { ...OPTIONS, jitter: 1 }, 1)).toBe(0);
  });

  it('stays inside its limits with real randomness', () => {
    for (let failures = 1; failures < 100; failures++) {
      const delayMs = backoffDelay(failures, OPTIONS);
      expect(delayMs).toBeGreaterThanOrEqual(80);
      expect(delayMs).toBeLessThanOrEqual(5_000);
    }
  });
});
