import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { HttpError, TuttiError, type HttpErrorCode } from '../../../../src/core/errors.js';
import type { Task } from '../../../../src/conductor/wire/types.js';
import type { TaskResultBody } from '../../../../src/conductor/wire/task-result.js';
import { Delivery } from '../../../../src/worker/delivery/delivery.js';
import { deliveryVerdict } from '../../../../src/worker/delivery/result-sender.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const REQUEST = { method: 'POST', path: '/tasks' };

function httpError(code: HttpErrorCode, status?: number, message = 'no', retryAfterMs?: number) {
  return new HttpError(code, message, { ...REQUEST, status, retryAfterMs });
}

const unavailable = httpError('HTTP_STATUS', 503);

function resultOf(fields: Partial<TaskResultBody> = {}): TaskResultBody {
  return {
    taskId: 't-1',
    workflowInstanceId: 'w-1',
    workerId: 'p-1',
    status: 'COMPLETED',
    outputData: { a: 1 },
    ...fields,
  };
}

describe('deliveryVerdict', () => {
  test.each<[string, unknown, string]>([
    ['no answer', httpError('HTTP_NETWORK'), 'retry'],
    ['no answer in time', httpError('HTTP_TIMEOUT'), 'retry'],
    ['HTML with status 200: a proxy speaks', httpError('HTTP_BODY', 200), 'retry'],
    ['500', httpError('HTTP_STATUS', 500), 'retry'],
    ['503', unavailable, 'retry'],
    ['429', httpError('HTTP_STATUS', 429), 'retry'],
    ['408', httpError('HTTP_STATUS', 408), 'retry'],
    ['401', httpError('HTTP_AUTH', 401), 'retry-auth'],
    ['403', httpError('HTTP_AUTH', 403), 'retry-auth'],
    ['400', httpError('HTTP_STATUS', 400), 'refused'],
    ['409', httpError('HTTP_STATUS', 409), 'refused'],
    ['413', httpError('HTTP_STATUS', 413), 'refused'],
    ['422', httpError('HTTP_STATUS', 422), 'refused'],
    ['405 of a page in place of the server', httpError('HTTP_STATUS', 405), 'retry'],
    ['407: a proxy that wants a password', httpError('HTTP_STATUS', 407), 'retry'],
    ['499: a proxy that gave up', httpError('HTTP_STATUS', 499), 'retry'],
    ['404 of a proxy in place of the server', httpError('HTTP_STATUS', 404, 'Not Found'), 'retry'],
    ['404 for the task', httpError('HTTP_STATUS', 404, 'No such task found by id: t-1'), 'unknown-task'],
    ['a value that JSON cannot carry', new TypeError('BigInt'), 'refused'],
    ['undefined', undefined, 'refused'],
  ])('%s', (_title, error, verdict) => {
    expect(deliveryVerdict(error)).toBe(verdict);
  });
});

describe('Delivery', () => {
  let client: FakeTaskClient;
  let logger: RecordingLogger;
  let delivery: Delivery;
  beforeEach(() => {
    vi.useFakeTimers();
    client = new FakeTaskClient();
    logger = new RecordingLogger();
    delivery = new Delivery({ client, logger });
  });
  afterEach(() => void vi.useRealTimers());

  /** Each update fails with the next of these, then they succeed. */
  function failWith(...errors: unknown[]): void {
    client.answers.update = () => (errors.length > 0 ? Promise.reject(errors.shift()) : Promise.resolve());
  }

  /** Result of a delivery, and how long it took. */
  async function timed<T>(promise: Promise<T>): Promise<{ value: T; tookMs: number }> {
    const startedAt = Date.now();
    let tookMs = 0;
    const done = promise.then((value) => {
      tookMs = Date.now() - startedAt;
      return value;
    });
    await vi.advanceTimersByTimeAsync(600_000);
    return { value: await done, tookMs };
  }

  it('sends a result once when the server takes it', async () => {
    expect(await delivery.deliver(resultOf(), false)).toEqual({ end: 'COMPLETED', next: undefined });
    expect(client.updates).toEqual([resultOf()]);
    expect(logger.entries).toEqual([]);
  });

  it('asks for the next task when it is told to', async () => {
    const next = makeTask('t-2');
    client.push(next);
    expect(await delivery.deliver(resultOf(), true)).toEqual({ end: 'COMPLETED', next });
    expect(client.updates).toEqual([]);
    expect(client.chained).toHaveLength(1);
  });

  it('tries again until the server takes it: the same result, with longer and longer waits', async () => {
    failWith(unavailable, httpError('HTTP_NETWORK'), httpError('HTTP_BODY', 200), unavailable);
    const { value, tookMs } = await timed(delivery.deliver(resultOf(), false));
    expect(value.end).toBe('COMPLETED');
    expect(client.updates).toEqual(Array.from({ length: 5 }, () => resultOf()));
    expect(tookMs).toBeGreaterThan(100);
    expect(tookMs).toBeLessThan(5_000);
    expect(logger.at('warn').length).toBeGreaterThan(0);
  });

  describe('a hiccup of a server that took the result before', () => {
    /** Whether the second try came at once, without the outbox. */
    async function triesAtOnce(fields: Partial<TaskResultBody>, ...errors: unknown[]): Promise<boolean> {
      await delivery.deliver(resultOf(), false);
      const before = client.updates.length;
      failWith(...errors);
      const { tookMs } = await timed(delivery.deliver(resultOf(fields), false));
      expect(client.updates).toHaveLength(before + errors.length + 1);
      return tookMs === 0;
    }

    it('is met by a second try at once', async () => {
      expect(await triesAtOnce({}, unavailable)).toBe(true);
      expect(logger.at('warn')).toEqual([]);
    });

    test.each<[string, Partial<TaskResultBody>, unknown[]]>([
      ['two in a row', {}, [unavailable, unavailable]],
      ['Retry-After', {}, [httpError('HTTP_STATUS', 503, 'later', 2_000)]],
      ['429', {}, [httpError('HTTP_STATUS', 429)]],
      ['no answer: the server may have it', {}, [httpError('HTTP_NETWORK')]],
      ['a task that is given back', { status: 'IN_PROGRESS' }, [unavailable]],
    ])('%s: the second try is not at once', async (_title, fields, errors) => {
      expect(await triesAtOnce(fields, ...errors)).toBe(false);
    });

    it('is one for all results while the server is away', async () => {
      await delivery.deliver(resultOf(), false);
      const before = client.updates.length;
      client.answers.update = () => Promise.reject(unavailable);
      for (let number = 0; number < 5; number++) void delivery.deliver(resultOf(), false);
      await vi.advanceTimersByTimeAsync(10);
      expect(client.updates).toHaveLength(before + 6);
    });
  });

  it('does not give up however long the server is away', async () => {
    failWith(...Array.from({ length: 200 }, () => unavailable));
    const delivered = delivery.deliver(resultOf(), false);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect((await delivered).end).toBe('COMPLETED');
  });

  it('obeys Retry-After', async () => {
    failWith(httpError('HTTP_STATUS', 429, 'slow down', 30_000));
    expect((await timed(delivery.deliver(resultOf(), false))).tookMs).toBeGreaterThanOrEqual(30_000);
  });

  it('waits longer for credentials', async () => {
    failWith(httpError('HTTP_AUTH', 401));
    const { value, tookMs } = await timed(delivery.deliver(resultOf(), false));
    expect(value.end).toBe('COMPLETED');
    expect(tookMs).toBeGreaterThanOrEqual(800);
  });

  it('a result that the server refuses is replaced by a failure that says why; the payload is logged', async () => {
    failWith(httpError('HTTP_STATUS', 400, 'Payload size exceeds the limit'));
    const { value } = await timed(delivery.deliver(resultOf({ outputData: { big: 'treasure' } }), false));
    expect(value).toEqual({ end: 'FAILED_WITH_TERMINAL_ERROR', next: undefined });
    expect(client.results).toEqual([
      {
        taskId: 't-1',
        workflowInstanceId: 'w-1',
        workerId: 'p-1',
        status: 'FAILED_WITH_TERMINAL_ERROR',
        reasonForIncompletion: 'the server refused the result (COMPLETED): Payload size exceeds the limit',
        outputData: {},
      },
    ]);
    expect(logger.at('error')).toEqual(['the server refuses a result; the task is failed instead']);
    expect(logger.text).toContain('treasure');
  });

  it('the failure in its place is tried until the server takes it', async () => {
    failWith(httpError('HTTP_STATUS', 400), unavailable, unavailable);
    expect((await timed(delivery.deliver(resultOf(), false))).value.end).toBe('FAILED_WITH_TERMINAL_ERROR');
  });

  it('when that is refused as well, the result is lost, with its payload in the log', async () => {
    failWith(httpError('HTTP_STATUS', 400), httpError('HTTP_STATUS', 400));
    const { value } = await timed(delivery.deliver(resultOf({ outputData: { big: 'treasure' } }), false));
    expect(value).toEqual({ end: 'REFUSED', next: undefined });
    expect(client.updates).toHaveLength(2);
    expect(logger.at('error')).toContain('the server does not take the result of a task; it is lost');
    expect(logger.text).toContain('treasure');
  });

  it('a task that the server does not know: lost at once, nothing is sent in its place', async () => {
    failWith(httpError('HTTP_STATUS', 404, 'No such task found by id: t-1'));
    expect((await timed(delivery.deliver(resultOf(), false))).value.end).toBe('REFUSED');
    expect(client.updates).toHaveLength(1);
  });

  test.each<[string, object, string]>([
    ['a BigInt', { items: [{ id: 5n }] }, 'outputData.items[0].id: a BigInt'],
    [
      'a getter that throws',
      {
        get trap(): never {
          throw new Error('hands off');
        },
      },
      'outputData.trap: reading it throws hands off',
    ],
    [
      'a toJSON that throws',
      {
        at: {
          toJSON: () => {
            throw new Error('no date');
          },
        },
      },
      'outputData.at: reading it throws no date',
    ],
  ])('output with %s fails the task for good and names the place', async (_title, outputData, place) => {
    const { value } = await timed(delivery.deliver(resultOf({ outputData: outputData as never }), false));
    expect(value.end).toBe('FAILED_WITH_TERMINAL_ERROR');
    expect(client.results[0]!.reasonForIncompletion).toBe(`the output cannot be written as JSON: ${place}`);
    expect(logger.at('error')).toEqual([
      'the output of a task cannot be written as JSON; the task is failed',
    ]);
    expect(logger.text).toContain(place);
  });

  it('circular output does the same, also when the next task is asked for, which then comes', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    client.push(makeTask('t-2'));
    const { value } = await timed(delivery.deliver(resultOf({ outputData: circular }), true));
    expect(value).toMatchObject({ end: 'FAILED_WITH_TERMINAL_ERROR', next: { taskId: 't-2' } });
    expect(client.results[0]!.reasonForIncompletion).toContain('outputData.self: a circular reference');
  });

  describe('handBack', () => {
    it('gives the task back to the queue with the output that it had', async () => {
      const task = makeTask('t-1', { outputData: { page: 2 } });
      expect(await delivery.handBack(task, 'p-1')).toEqual({ end: 'HANDED_BACK', next: undefined });
      expect(client.updates).toEqual([
        {
          taskId: 't-1',
          workflowInstanceId: 'workflow-1',
          workerId: 'p-1',
          status: 'IN_PROGRESS',
          callbackAfterSeconds: 0,
          outputData: { page: 2 },
        },
      ]);
    });

    it('keeps the record of the processes that died with it', async () => {
      const reasonForIncompletion = '[process died 2 times with this task] worker process a#1 died';
      await delivery.handBack(makeTask('t-1', { retryCount: 2, reasonForIncompletion }), 'p-1');
      expect(client.updates[0]).toMatchObject({ status: 'IN_PROGRESS', reasonForIncompletion });
    });

    it('tries until the server takes it', async () => {
      failWith(unavailable, unavailable);
      expect((await timed(delivery.handBack(makeTask(), 'p-1'))).value.end).toBe('HANDED_BACK');
    });
  });

  describe('a result that may have come too late', () => {
    const receipt = { receivedAt: 0, responseTimeoutSeconds: 10 };
    beforeEach(() => void vi.setSystemTime(60_000));

    test.each<[string, Parameters<typeof makeTask>[1], string]>([
      ['it is what the server shows', { status: 'COMPLETED' }, 'COMPLETED'],
      ['the task timed out', { status: 'TIMED_OUT' }, 'LATE'],
      ['the workflow was ended', { status: 'CANCELED' }, 'LATE'],
      ['somebody else has it', { status: 'IN_PROGRESS' }, 'LATE'],
    ])('%s', async (_title, fields, end) => {
      client.answers.getTask = (id) => Promise.resolve(makeTask(id, fields));
      const { value } = await timed(delivery.deliver(resultOf(), false, receipt));
      expect(value.end).toBe(end);
      expect(logger.at('error')).toHaveLength(end === 'LATE' ? 1 : 0);
    });

    it('where the task cannot be read, it is taken for counted', async () => {
      expect((await timed(delivery.deliver(resultOf(), false, receipt))).value.end).toBe('COMPLETED');
    });

    it('in time, nobody asks', async () => {
      const getTask = vi.fn<(taskId: string) => Promise<Task>>(() => Promise.resolve(makeTask()));
      client.answers.getTask = getTask;
      await timed(delivery.deliver(resultOf(), false, { receivedAt: 55_000, responseTimeoutSeconds: 10 }));
      expect(getTask).not.toHaveBeenCalled();
    });
  });
});

test('a result that is too large to be sent fails its task, which is no late result, however long it took', async () => {
  const client = new FakeTaskClient();
  const logger = new RecordingLogger();
  const tooLarge = new TuttiError(
    'PAYLOAD_TOO_LARGE',
    'about 800.0 MB are more than the 64.0 MB that can be sent',
  );
  client.answers.update = ({ status }) =>
    status === 'COMPLETED' ? Promise.reject(tooLarge) : Promise.resolve();
  client.answers.getTask = () => Promise.resolve(makeTask('t-1', { status: 'FAILED_WITH_TERMINAL_ERROR' }));
  const receipt = { receivedAt: Date.now() - 60_000, responseTimeoutSeconds: 1 };
  const delivered = await new Delivery({ client, logger }).deliver(resultOf(), false, receipt);
  expect(delivered.end).toBe('FAILED_WITH_TERMINAL_ERROR');
  expect(client.results).toMatchObject([
    {
      status: 'FAILED_WITH_TERMINAL_ERROR',
      reasonForIncompletion:
        'the result is too large (COMPLETED): about 800.0 MB are more than the 64.0 MB that can be sent',
    },
  ]);
  expect(logger.at('error')).toHaveLength(1);
  expect(logger.text).toContain('the result of a task is too large to be sent; the task is failed');
  expect(logger.text).not.toMatch(/refuse|too late/);
});
