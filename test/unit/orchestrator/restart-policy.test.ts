import { describe, expect, it, test } from 'vitest';
import { RESTART_DEFAULTS, restartDecision } from '../../../src/orchestrator/restart-policy.js';

const OPTIONS = { initialDelay: 500, maxDelay: 30_000, healthyAfter: 60_000, maxDeaths: 5 };

describe('restartDecision', () => {
  test.each<[string, deaths: number, livedMs: number, expected: object]>([
    ['the first death', 0, 0, { action: 'restart', delayMs: 500, deaths: 1 }],
    ['the second in a row', 1, 10_000, { action: 'restart', delayMs: 1_000, deaths: 2 }],
    ['the fourth in a row', 3, 59_999, { action: 'restart', delayMs: 4_000, deaths: 4 }],
    ['too many in a row', 4, 0, { action: 'give-up', deaths: 5 }],
    ['after a healthy life the count starts anew', 4, 60_000, { action: 'restart', delayMs: 500, deaths: 1 }],
  ])('%s', (_title, deaths, livedMs, expected) => {
    expect(restartDecision(deaths, livedMs, OPTIONS, 0)).toEqual(expected);
  });

  it('has a longest delay, and jitter downwards', () => {
    const options = { ...OPTIONS, maxDeaths: 1_000 };
    expect(restartDecision(100, 0, options, 0)).toMatchObject({ delayMs: 30_000 });
    expect(restartDecision(100, 0, options, 1)).toMatchObject({ delayMs: 24_000 });
  });

  it('with maxDeaths 1 never starts again', () => {
    expect(restartDecision(0, 0, { ...OPTIONS, maxDeaths: 1 })).toEqual({ action: 'give-up', deaths: 1 });
  });

  it('by default gives up after ten deaths, in a few minutes', () => {
    let waitedMs = 0;
    for (let deaths = 0; ; deaths++) {
      const decision = restartDecision(deaths, 0, RESTART_DEFAULTS);
      if (decision.action === 'give-up') break;
      waitedMs += decision.delayMs;
    }
    expect(waitedMs).toBeGreaterThan(60_000);
    expect(waitedMs).toBeLessThan(300_000);
  });
});
