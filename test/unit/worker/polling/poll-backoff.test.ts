import { describe, expect, it, test } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import { delayAfterPollError, idlePollGap } from '../../../../src/worker/polling/poll-backoff.js';

const REQUEST = { method: 'GET', path: '/tasks/poll/batch/x' };
const network = new HttpError('HTTP_NETWORK', 'no answer', REQUEST);
const auth = new HttpError('HTTP_AUTH', 'refused', { ...REQUEST, status: 401 });
const busy = (retryAfterMs: number): HttpError =>
  new HttpError('HTTP_STATUS', 'busy', { ...REQUEST, status: 503, retryAfterMs });

describe('delayAfterPollError', () => {
  test.each<[string, unknown, number, number]>([
    ['no answer', network, 1, 250],
    ['no answer again', network, 2, 500],
    ['no answer for long', network, 100, 30_000],
    ['no answer ten thousand times', network, 10_000, 30_000],
    ['anything else', new Error('x'), 1, 250],
    ['undefined', undefined, 1, 250],
    ['refused credentials', auth, 1, 1_000],
    ['refused credentials for long', auth, 100, 60_000],
    ['refused credentials ten thousand times', auth, 10_000, 60_000],
    ['Retry-After', busy(7_000), 1, 7_000],
    ['Retry-After that is shorter than the back-off', busy(10), 3, 1_000],
  ])('%s', (_title, error, failures, delayMs) => {
    expect(delayAfterPollError(error, failures, 0)).toBe(delayMs);
  });

  it('has jitter downwards', () => {
    expect(delayAfterPollError(network, 1, 1)).toBe(200);
  });
});

describe('idlePollGap', () => {
  test.each<[interval: number, earlyEmpty: number, gap: number]>([
    [100, 0, 100],
    [100, 3, 100],
    [100, 4, 200],
    [100, 5, 400],
    [100, 6, 800],
    [100, 7, 1_000],
    [100, 1_000, 1_000],
    [1, 1_000, 10],
    [2_000, 1_000, 5_000],
    [60_000, 1_000, 60_000],
  ])('interval %i ms after %i early answers: %i ms', (interval, earlyEmpty, gap) => {
    expect(idlePollGap(interval, earlyEmpty, 0)).toBe(gap);
  });

  it('is never less than the interval', () => {
    for (let early = 0; early < 50; early++) expect(idlePollGap(100, early)).toBeGreaterThanOrEqual(100);
    expect(idlePollGap(100, 0, 1)).toBeCloseTo(110);
  });
});
