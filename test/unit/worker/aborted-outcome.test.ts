import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TuttiError } from '../../../src/core/errors.js';
import { taskOutcome } from '../../../src/worker/execution/task-outcome.js';

async function thrownBy(action: () => Promise<unknown>): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const reason = new TuttiError('TASK_ABORTED', 'execution time-out: the task ran longer than 500 ms');

test('a wait that the task context aborted fails with the reason of the abort', async () => {
  const thrown = await thrownBy(() => sleep(60_000, undefined, { signal: AbortSignal.abort(reason) }));

  const outcome = taskOutcome({ kind: 'threw', thrown });

  expect(outcome.status).toBe('FAILED');
  expect(outcome.reasonForIncompletion).toBe(reason.message);
});

test('an abort of the worker itself keeps its own text', async () => {
  const own = AbortSignal.abort(new Error('the user pressed cancel'));
  const thrown = await thrownBy(() => sleep(60_000, undefined, { signal: own }));

  expect(taskOutcome({ kind: 'threw', thrown }).reasonForIncompletion).toBe(
    'The operation was aborted; caused by: the user pressed cancel',
  );
});

test('something thrown that cannot even be looked at is a failure like any other', () => {
  const thrown = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new Error('no');
      },
    },
  );

  expect(taskOutcome({ kind: 'threw', thrown }).status).toBe('FAILED');
});
