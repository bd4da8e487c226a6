import { expect, test } from 'vitest';
import { TuttiError } from '../../../../src/core/errors.js';
import { Succession } from '../../../../src/orchestrator/replicas/succession.js';

const error = new TuttiError('PROCESS_FAILED', 'not today');

test('everybody who asks for the same succession is told its outcome', async () => {
  const succession = new Succession();
  const asked = [succession.begin('command', 'asked for'), succession.begin('tasks', 'so many')];
  succession.succeed();
  await Promise.all(asked);
  const failed = succession.begin('age', 'old');
  succession.fail(error);
  await expect(failed).rejects.toBe(error);
});

test('after a failure nothing is tried unasked for a while, longer each time', () => {
  const succession = new Succession();
  const now = performance.now();
  expect(succession.mayBegin(now)).toBe(true);
  succession.fail(error);
  expect(succession.mayBegin(now + 59_000)).toBe(false);
  expect(succession.mayBegin(performance.now() + 60_000)).toBe(true);
  succession.fail(error);
  expect(succession.mayBegin(performance.now() + 119_000)).toBe(false);
  succession.succeed();
  succession.fail(error);
  expect(succession.mayBegin(performance.now() + 60_000)).toBe(true);
});
