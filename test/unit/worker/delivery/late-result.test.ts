import { describe, expect, it, test } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import type { TaskResultBody } from '../../../../src/conductor/wire/task-result.js';
import type { Task, TaskStatus } from '../../../../src/conductor/wire/types.js';
import { didResultCount, hasCounted, releaseState } from '../../../../src/worker/delivery/late-result.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const body: TaskResultBody = {
  taskId: 'a',
  workflowInstanceId: 'w',
  status: 'COMPLETED',
  outputData: { only: 'copy' },
};

describe('didResultCount', () => {
  const asked: string[] = [];
  function clientWith(status: TaskStatus | Error): FakeTaskClient {
    asked.length = 0;
    const client = new FakeTaskClient();
    client.answers.getTask = (taskId) => {
      asked.push(taskId);
      return status instanceof Error ? Promise.reject(status) : Promise.resolve(makeTask(taskId, { status }));
    };
    return client;
  }
  const entry = (ageMs: number, responseTimeoutSeconds = 1) => ({
    body,
    responseTimeoutSeconds,
    receivedAt: Date.now() - ageMs,
  });

  it('asks nobody while the lease cannot have ended, or when there is none', async () => {
    const logger = new RecordingLogger();
    expect(await didResultCount(clientWith('TIMED_OUT'), entry(500), logger)).toBe(true);
    expect(await didResultCount(clientWith('TIMED_OUT'), entry(5_000, 0), logger)).toBe(true);
    expect(asked).toEqual([]);
  });

  it('reads the task afterwards, and logs what did not count with its payload', async () => {
    const logger = new RecordingLogger();
    expect(await didResultCount(clientWith('TIMED_OUT'), entry(1_500), logger)).toBe(false);
    expect(asked).toEqual(['a']);
    expect(logger.at('error')).toEqual(['the result of a task did not count']);
    expect(logger.text).toContain('only');
    expect(logger.text).toContain('TIMED_OUT');
  });

  it('is content with the state that the result has brought, and with no answer', async () => {
    const logger = new RecordingLogger();
    expect(await didResultCount(clientWith('COMPLETED'), entry(1_500), logger)).toBe(true);
    const away = new HttpError('HTTP_NETWORK', 'no answer', { method: 'GET', path: '/tasks/a' });
    expect(await didResultCount(clientWith(away), entry(1_500), logger)).toBe(true);
    expect(logger.entries).toEqual([]);
  });
});

describe('whether a task is still to be given back', () => {
  const given: TaskResultBody = { ...body, status: 'IN_PROGRESS', workerId: 'me' };
  test.each<[string, Partial<Task>, string]>([
    ['it is as it was', { status: 'IN_PROGRESS', workerId: 'me', pollCount: 2 }, 'open'],
    ['it is in the queue', { status: 'SCHEDULED', workerId: 'me', pollCount: 2 }, 'done'],
    ['somebody else has it', { status: 'IN_PROGRESS', workerId: 'you', pollCount: 3 }, 'done'],
    ['it came here once more', { status: 'IN_PROGRESS', workerId: 'me', pollCount: 3 }, 'done'],
    ['its workflow was ended', { status: 'CANCELED', workerId: 'me', pollCount: 2 }, 'void'],
  ])('%s', async (_title, fields, state) => {
    const client = new FakeTaskClient();
    client.answers.getTask = (taskId) => Promise.resolve(makeTask(taskId, fields));
    expect(await releaseState(client, { body: given, pollCount: 2 })).toBe(state);
  });
});

test.each<[TaskResultBody['status'], TaskStatus, boolean]>([
  ['COMPLETED', 'COMPLETED', true],
  ['COMPLETED', 'COMPLETED_WITH_ERRORS', true],
  ['COMPLETED', 'TIMED_OUT', false],
  ['COMPLETED', 'CANCELED', false],
  ['COMPLETED', 'FAILED', false],
  ['COMPLETED', 'SCHEDULED', false],
  ['FAILED', 'FAILED', true],
  ['FAILED', 'TIMED_OUT', false],
  ['FAILED_WITH_TERMINAL_ERROR', 'FAILED_WITH_TERMINAL_ERROR', true],
  // Whatever has come after it has come because of it.
  ['IN_PROGRESS', 'SCHEDULED', true],
  ['IN_PROGRESS', 'IN_PROGRESS', true],
  ['IN_PROGRESS', 'COMPLETED', true],
  ['IN_PROGRESS', 'TIMED_OUT', false],
  ['IN_PROGRESS', 'CANCELED', false],
])('a result %s of a task that is %s has counted: %s', (sent, is, counted) => {
  expect(hasCounted({ status: is }, { status: sent })).toBe(counted);
});
