import { describe, expect, it, test } from 'vitest';
import { TuttiError } from '../../../src/core/errors.js';
import { inProgress, isInProgress } from '../../../src/worker/execution/in-progress.js';
import { isNonRetryable, NonRetryableError } from '../../../src/worker/execution/non-retryable-error.js';
import { thrownValues } from '../../support/hostile-values.js';

describe('NonRetryableError', () => {
  it('is an error of the package with code, cause and details', () => {
    const cause = new Error('why');
    const error = new NonRetryableError('no', { cause, details: { id: 1 } });
    expect(TuttiError.is(error, 'TASK_TERMINAL')).toBe(true);
    expect(error).toMatchObject({ name: 'NonRetryableError', message: 'no', cause, details: { id: 1 } });
    expect(isNonRetryable(error)).toBe(true);
  });

  test.each(thrownValues())('is not taken for %s', (_title, value) => {
    expect(isNonRetryable(value)).toBe(false);
  });
});

describe('inProgress', () => {
  it('is data with a hidden brand', () => {
    const value = inProgress({ callbackAfterSeconds: 5, output: { a: 1 } });
    expect(isInProgress(value)).toBe(true);
    expect(JSON.stringify(value)).toBe('{"callbackAfterSeconds":5,"output":{"a":1}}');
    expect(isInProgress({ ...value })).toBe(false);
  });

  test.each([undefined, null, 'IN_PROGRESS', {}, { status: 'IN_PROGRESS' }])(
    'is not taken for %j',
    (value) => {
      expect(isInProgress(value)).toBe(false);
    },
  );
});
