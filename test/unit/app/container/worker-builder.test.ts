import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WorkerContainer } from '../../../../src/app/container/container.js';
import { buildWorker } from '../../../../src/app/container/worker-builder.js';
import { catalogEntry } from '../../../../src/app/discovery/worker-catalog.js';
import { functionWorker } from '../../../../src/worker/definition/function-worker.js';
import { TaskRunner } from '../../../../src/worker/execution/task-runner.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tutti-test-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs two tasks of a worker that gives this key to all of them. @returns ids of those that were executed, and results */
async function runTwo(idempotencyKey: () => unknown, hasFolder = true) {
  const logger = new RecordingLogger();
  const executed: string[] = [];
  const worker = functionWorker(
    'greet',
    (task) => {
      executed.push(task.taskId);
      return { by: task.taskId };
    },
    { name: 'greet', idempotencyKey: idempotencyKey as () => string | number },
  );
  const container = new WorkerContainer({ modules: [], logger });
  const { source, interceptors } = await buildWorker(catalogEntry(worker)!, {
    container,
    env: {},
    resultsFolder: hasFolder ? folder : undefined,
    logger,
  });
  const runner = new TaskRunner({
    source,
    interceptors,
    workerId: 'w-1',
    logger,
    executionTimeout: undefined,
    onProgress: () => undefined,
  });
  const results = [await runner.start(makeTask('t-1')).result, await runner.start(makeTask('t-2')).result];
  return { executed, results, logger };
}

test('without a folder for results every task is executed, and that is logged', async () => {
  const { executed, logger } = await runTwo(() => 'one', false);
  expect(executed).toEqual(['t-1', 't-2']);
  expect(logger.at('warn')).toEqual([
    'results cannot be kept for idempotency keys: no folder can be written',
  ]);
});

test('a worker without keys and interceptors has none around it', async () => {
  const logger = new RecordingLogger();
  const container = new WorkerContainer({ modules: [], logger });
  const entry = catalogEntry(functionWorker('greet', () => 1, { name: 'greet' }))!;
  expect(
    (await buildWorker(entry, { container, env: {}, resultsFolder: folder, logger })).interceptors,
  ).toEqual([]);
});

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
