import type { Environment } from './environment.js';

/** `node --test` sets its variable in the process of each test file, which runs as its own main file. */
const RUNNER_VARIABLES = {
  VITEST: 'vitest',
  JEST_WORKER_ID: 'jest',
  NODE_TEST_CONTEXT: 'node:test',
} as const;

/** A test runner, and the variable that shows it. */
export interface TestRunner {
  readonly name: string;
  readonly variable: string;
}

/** The test runner that this process runs under, by its environment; `undefined` when there is none. */
export function testRunner(env: Environment): TestRunner | undefined {
  for (const [variable, name] of Object.entries(RUNNER_VARIABLES)) {
    if (env[variable] !== undefined) return { name, variable };
  }
  return undefined;
}
