import { expect, test } from 'vitest';
import { testRunner } from '../../../src/core/test-runner.js';

test.each([
  [{ VITEST: 'true' }, 'vitest'],
  [{ JEST_WORKER_ID: '1' }, 'jest'],
  [{ NODE_TEST_CONTEXT: 'child-v8' }, 'node:test'],
  [{ PATH: '/bin', VITEST: undefined }, undefined],
])('%j', (env, name) => {
  expect(testRunner(env)?.name).toBe(name);
});
