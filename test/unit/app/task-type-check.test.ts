import { expect, test } from 'vitest';
import { warnOfUnknownTaskTypes, type TaskDefinitions } from '../../../src/app/task-type-check.js';
import { HttpError } from '../../../src/core/errors.js';
import type { OrchestratorStatus } from '../../../src/orchestrator/status/status.js';
import { RecordingLogger } from '../../support/recording-logger.js';

function statusOf(...replicas: { types: string[]; received?: number }[]): OrchestratorStatus {
  return {
    replicas: replicas.map(({ types, received = 0 }) => ({
      received,
      workers: types.map((taskType) => ({ key: `${taskType}:Worker`, taskType })),
    })),
  } as unknown as OrchestratorStatus;
}

function serverWith(names: readonly string[], hidden: readonly string[] = []): TaskDefinitions {
  return {
    getTaskDefs: () => Promise.resolve(names.map((name) => ({ name }))),
    getTaskDef: (name) =>
      [...names, ...hidden].includes(name) ? Promise.resolve({ name }) : Promise.reject(failure(404)),
  };
}

function failure(status: number): HttpError {
  return new HttpError('HTTP_STATUS', `${status}`, { method: 'GET', path: '/metadata/taskdefs', status });
}

async function warningsOf(status: OrchestratorStatus, definitions: TaskDefinitions): Promise<string[]> {
  const logger = new RecordingLogger();
  await warnOfUnknownTaskTypes(status, definitions, logger);
  return logger.at('warn');
}

test('a task type without a definition is a warning, with the nearest name', async () => {
  expect(await warningsOf(statusOf({ types: ['gret', 'ship'] }), serverWith(['greet', 'pay']))).toEqual([
    "the server has no definition of the task type 'gret' of worker gret:Worker; did you mean 'greet'?",
    "the server has no definition of the task type 'ship' of worker ship:Worker; correct the name, or register a definition",
  ]);
});

test('the main process reads no endless list of definitions', async () => {
  const limits: unknown[] = [];
  const definitions: TaskDefinitions = {
    ...serverWith([]),
    getTaskDefs: (options) => {
      limits.push(options?.maxAnswerBytes);
      return Promise.resolve([]);
    },
  };
  await warnOfUnknownTaskTypes(statusOf({ types: ['greet'] }), definitions, new RecordingLogger());
  expect(limits).toEqual([10 * 1024 * 1024]);
});

test('a worker with several processes is named once', async () => {
  expect(await warningsOf(statusOf({ types: ['gret'] }, { types: ['gret'] }), serverWith([]))).toHaveLength(
    1,
  );
});

test.each<[string, OrchestratorStatus, TaskDefinitions]>([
  ['there is a definition', statusOf({ types: ['greet'] }), serverWith(['greet'])],
  ['the key may not list it', statusOf({ types: ['greet'] }), serverWith(['pay'], ['greet'])],
  ['the worker got a task', statusOf({ types: ['gret'], received: 1 }), serverWith([])],
  [
    'the server does not list definitions',
    statusOf({ types: ['gret'] }),
    { ...serverWith([]), getTaskDefs: () => Promise.reject(failure(403)) },
  ],
  [
    'the server answers for one with an error',
    statusOf({ types: ['gret'] }),
    { ...serverWith([]), getTaskDef: () => Promise.reject(failure(500)) },
  ],
])('no warning where %s', async (_title, status, definitions) => {
  expect(await warningsOf(status, definitions)).toEqual([]);
});
