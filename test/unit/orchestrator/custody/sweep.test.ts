import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import type { SearchResult, Task } from '../../../../src/conductor/wire/types.js';
import { Sweeper } from '../../../../src/orchestrator/custody/sweep.js';
import { Delivery } from '../../../../src/worker/delivery/delivery.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const http = (status: number): HttpError =>
  new HttpError('HTTP_STATUS', `the server answered ${status}`, {
    method: 'GET',
    path: '/tasks/search-v2',
    status,
  });

const tooLarge = new HttpError(
  'HTTP_BODY',
  'more than 10 bytes',
  { method: 'GET', path: '/', status: 200 },
  { details: { maxAnswerBytes: 10 } },
);

/** Finds the tasks that it holds; a task that is given back is with nobody any more. */
class Server extends FakeTaskClient {
  readonly queries: string[] = [];
  tasks: Task[] = [];
  fails: Error | undefined;
  /** Larger pages are answered with more than the client reads. */
  maxPage = Infinity;
  /** Too large by itself. */
  hugeAt = -1;

  override search(query: string, { start = 0, size = 100 } = {}): Promise<SearchResult<Task>> {
    this.queries.push(query);
    if (this.fails !== undefined) return Promise.reject(this.fails);
    if (size > this.maxPage || (start <= this.hugeAt && this.hugeAt < start + size))
      return Promise.reject(tooLarge);
    const type = /taskType='(.*?)'/.exec(query)?.[1];
    const results = this.tasks.filter((task) => task.taskType === type && task.status === 'IN_PROGRESS');
    return Promise.resolve({ totalHits: results.length, results: results.slice(start, start + size) });
  }

  override async update(result: Parameters<FakeTaskClient['update']>[0]): Promise<void> {
    await super.update(result);
    const task = this.tasks.find(({ taskId }) => taskId === result.taskId);
    if (task !== undefined) task.status = 'SCHEDULED';
  }
}

const dead = [{ taskType: 'greet', workerId: 'dead-1' }];
const nobody = (): Set<string> => new Set();
const withWorker = (taskId: string, workerId: string, fields: Partial<Task> = {}): Task =>
  makeTask(taskId, { workerId, ...fields });

function open() {
  const server = new Server();
  const logger = new RecordingLogger();
  return { server, logger, sweeper: new Sweeper(server, new Delivery({ client: server, logger }), logger) };
}

const settle = (ms = 100): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a search whose answer is too large', () => {
  it('is made in smaller pages, and passes over what is too large by itself', async () => {
    const { server, sweeper } = open();
    server.maxPage = 10;
    server.hugeAt = 3;
    server.tasks = Array.from({ length: 20 }, (_, index) => withWorker(`t-${index}`, 'dead-1'));
    sweeper.sweepDead(dead, nobody);
    await settle();
    const left = server.tasks.filter((task) => task.status === 'IN_PROGRESS').map((task) => task.taskId);
    expect(left).toEqual(['t-3']);
  });
});

describe('a sweep for dead processes', () => {
  it('gives back what they were given without anyone knowing, with the output that was there, and nothing else', async () => {
    const { server, sweeper } = open();
    server.tasks = [
      withWorker('lost', 'dead-1', { outputData: { half: true } }),
      withWorker('reported', 'dead-1'),
      withWorker('of another', 'alive-1'),
    ];
    sweeper.sweepDead(dead, () => new Set(['reported']));
    await settle();
    expect(server.updates).toEqual([
      {
        taskId: 'lost',
        workflowInstanceId: 'workflow-1',
        workerId: 'dead-1',
        status: 'IN_PROGRESS',
        callbackAfterSeconds: 0,
        outputData: { half: true },
      },
    ]);
    expect(sweeper.handedBack).toBe(1);
  });

  it('looks again five seconds later: a poll may have been answered afterwards', async () => {
    const { server, sweeper } = open();
    sweeper.sweepDead(dead, nobody);
    await settle();
    server.tasks = [withWorker('late', 'dead-1')];
    await settle(4_000);
    expect(server.updates).toEqual([]);
    await settle(1_500);
    expect(server.updates).toMatchObject([{ taskId: 'late' }]);
    await settle(60_000);
    expect(server.queries).toHaveLength(2);
  });

  it('asks a server that is away until it answers', async () => {
    const { server, sweeper, logger } = open();
    server.fails = http(503);
    server.tasks = [withWorker('lost', 'dead-1')];
    sweeper.sweepDead(dead, nobody);
    await settle(120_000);
    expect(server.updates).toEqual([]);
    expect(logger.entries).toEqual([]);
    server.fails = undefined;
    await settle(12_000);
    expect(server.updates).toMatchObject([{ taskId: 'lost' }]);
  });

  it.each([404, 501, 500])('says once that a server which answers %i cannot be searched', async (status) => {
    const { server, sweeper, logger } = open();
    server.fails = http(status);
    sweeper.sweepDead(dead, nobody);
    sweeper.sweepDead([{ taskType: 'greet', workerId: 'dead-2' }], nobody);
    await settle(10_000);
    expect(logger.at('warn')).toHaveLength(1);
    expect(logger.at('warn')[0]).toContain('the server cannot be searched for tasks of dead processes');
    expect(server.queries).toHaveLength(4);
  });

  it('reads more than one page', async () => {
    const { server, sweeper } = open();
    server.tasks = Array.from({ length: 1_300 }, (_, number) =>
      withWorker(`t-${number}`, number % 100 === 0 ? 'dead-1' : 'alive'),
    );
    sweeper.sweepDead(dead, nobody);
    await settle();
    expect(server.updates).toHaveLength(13);
  });
});

describe('a sweep for live processes', () => {
  it('gives back what is unknown for five seconds only', async () => {
    const { server, sweeper } = open();
    server.tasks = [withWorker('lost', 'dead-1'), withWorker('about to be told', 'dead-1')];
    const known = new Set<string>();
    sweeper.sweepLive(dead, () => known);
    await settle();
    expect(server.updates).toEqual([]);
    known.add('about to be told');
    await settle(5_500);
    expect(server.updates).toMatchObject([{ taskId: 'lost' }]);
  });

  it('finds what the server handed out after the connection was lost', async () => {
    const { server, sweeper } = open();
    sweeper.sweepLive(dead, nobody);
    await settle(3_000);
    server.tasks = [withWorker('lost', 'dead-1')];
    await settle(8_000);
    expect(server.updates).toMatchObject([{ taskId: 'lost' }]);
    await settle(60_000);
    expect(server.queries).toHaveLength(3);
  });

  it('is one at a time, however often a request breaks off', async () => {
    const { server, sweeper } = open();
    for (let number = 0; number < 100; number++) {
      sweeper.sweepLive(dead, nobody);
      await settle(100);
    }
    expect(server.queries.length).toBeLessThanOrEqual(3);
    // What broke off last is looked for as well.
    server.tasks = [withWorker('lost', 'dead-1')];
    await settle(12_000);
    expect(server.updates).toMatchObject([{ taskId: 'lost' }]);
  });
});

describe('closing', () => {
  it('leaves the second round out, and is done', async () => {
    const { server, sweeper } = open();
    sweeper.sweepDead(dead, nobody);
    await settle();
    expect(await sweeper.close()).toBe(true);
    expect(server.queries).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells when the server could not be asked: the next start has to', async () => {
    const { server, sweeper } = open();
    server.fails = http(503);
    sweeper.sweepDead(dead, nobody);
    await settle();
    expect(await sweeper.close()).toBe(false);
  });

  it('gives back what was unknown in live processes, which have ended by then', async () => {
    const { server, sweeper } = open();
    server.tasks = [withWorker('lost', 'dead-1')];
    sweeper.sweepLive(dead, nobody);
    await settle();
    expect(await sweeper.close()).toBe(true);
    expect(server.updates).toMatchObject([{ taskId: 'lost' }]);
  });
});
