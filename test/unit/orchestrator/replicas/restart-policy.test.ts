import { describe, expect, it, test } from 'vitest';
import { RESTART_DEFAULTS, restartDecision } from '../../../../src/orchestrator/replicas/restart-policy.js';

const OPTIONS = { initialDelay: 500, maxDelay: 30_000, healthyAfter: 60_000, maxDeaths: 5 };
const AT_ONCE = { livedMs: 0, isBySuspect: false };

describe('restartDecision', () => {
  test.each<[string, deaths: number, livedMs: number, expected: object]>([
    ['the first death', 0, 0, { action: 'restart', delayMs: 500, deaths: 1 }],
    ['the second in a row', 1, 10_000, { action: 'restart', delayMs: 1_000, deaths: 2 }],
    ['the fourth in a row', 3, 59_999, { action: 'restart', delayMs: 4_000, deaths: 4 }],
    ['too many in a row', 4, 0, { action: 'give-up', deaths: 5 }],
    ['after a healthy life the count starts anew', 4, 60_000, { action: 'restart', delayMs: 500, deaths: 1 }],
  ])('%s', (_title, deaths, livedMs, expected) => {
    expect(restartDecision({ before: deaths, livedMs, isBySuspect: false }, OPTIONS, 0)).toEqual(expected);
  });

  it('a death that is put down to a suspect does not count, however many there are', () => {
    const bySuspect = { livedMs: 0, isBySuspect: true };
    expect(restartDecision({ ...bySuspect, before: 4 }, OPTIONS, 0)).toEqual({
      action: 'restart',
      delayMs: 4_000,
      deaths: 4,
    });
    expect(restartDecision({ ...bySuspect, before: 0 }, OPTIONS, 0)).toMatchObject({
      delayMs: 500,
      deaths: 0,
    });
  });

  it('has a longest delay, and jitter downwards', () => {
    const options = { ...OPTIONS, maxDeaths: 1_000 };
    expect(restartDecision({ before: 100, ...AT_ONCE }, options, 0)).toMatchObject({ delayMs: 30_000 });
    expect(restartDecision({ before: 100, ...AT_ONCE }, options, 1)).toMatchObject({ delayMs: 24_000 });
  });

  it('with maxDeaths 1 never starts again', () => {
    expect(restartDecision({ before: 0, ...AT_ONCE }, { ...OPTIONS, maxDeaths: 1 })).toEqual({
      action: 'give-up',
      deaths: 1,
    });
  });

  it('by default gives up after ten deaths, in a few minutes', () => {
    let waitedMs = 0;
    for (let deaths = 0; ; deaths++) {
      const decision = restartDecision({ before: deaths, ...AT_ONCE }, RESTART_DEFAULTS);
      if (decision.action === 'give-up') break;
      waitedMs += decision.delayMs;
    }
    expect(waitedMs).toBeGreaterThan(60_000);
    expect(waitedMs).toBeLessThan(300_000);
  });
});
