import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { idempotentSource } from '../../../../src/app/container/idempotent-source.js';
import { catalogEntry } from '../../../../src/app/discovery/worker-catalog.js';
import { functionWorker } from '../../../../src/worker/definition/function-worker.js';
import { TaskRunner } from '../../../../src/worker/execution/task-runner.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tutti-test-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs two tasks of a worker that gives this key to all of them. @returns ids of those that were executed, and results */
async function runTwo(idempotencyKey: () => unknown) {
  const logger = new RecordingLogger();
  const executed: string[] = [];
  const shared = {
    execute: (task: { taskId: string }) => {
      executed.push(task.taskId);
      return { by: task.taskId };
    },
  };
  const source = { shared, acquire: () => Promise.reject(new Error('not used')) };
  const worker = functionWorker('greet', shared.execute, {
    name: 'greet',
    idempotencyKey: idempotencyKey as () => string | number,
  });
  const runner = new TaskRunner({
    source: idempotentSource(catalogEntry(worker)!, { source, instance: undefined }, folder, logger),
    workerId: 'w-1',
    logger,
    executionTimeout: undefined,
    onProgress: () => undefined,
  });
  const results = [await runner.start(makeTask('t-1')).result, await runner.start(makeTask('t-2')).result];
  return { executed, results };
}

test.each<[string, unknown]>([
  ['a string', 'order 5'],
  ['a number', 5],
])('%s as key: executed once', async (_what, key) => {
  const { executed, results } = await runTwo(() => key);
  expect(executed).toEqual(['t-1']);
  expect(results[1]).toMatchObject({ status: 'COMPLETED', outputData: { by: 't-1' } });
});

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['null', null],
])('%s is no key: always executed', async (_what, key) => {
  expect((await runTwo(() => key)).executed).toEqual(['t-1', 't-2']);
});

// As text they would all be the same key, and one task would get the result of another.
test.each<[string, unknown]>([
  ['an object', { order: 5 }],
  ['a list', [5]],
  ['a promise', new Promise(() => undefined)],
  ['a number that is none', Number.NaN],
])('%s as key fails the task for good, and nothing is executed', async (_what, key) => {
  const { executed, results } = await runTwo(() => key);
  expect(executed).toEqual([]);
  for (const result of results) {
    expect(result.status).toBe('FAILED_WITH_TERMINAL_ERROR');
    expect(result.reasonForIncompletion).toMatch(
      /idempotencyKey.*expected a string or a number, got (an object|an array|NaN)/,
    );
  }
});
