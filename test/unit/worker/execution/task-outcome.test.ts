import { describe, expect, it, test } from 'vitest';
import { TuttiError } from '../../../../src/core/errors.js';
import { TaskResult } from '../../../../src/conductor/wire/task-result.js';
import { inProgress } from '../../../../src/worker/execution/in-progress.js';
import { NonRetryableError } from '../../../../src/worker/execution/non-retryable-error.js';
import { taskOutcome, type TaskOutcome } from '../../../../src/worker/execution/task-outcome.js';
import { angryProxy, thrownValues } from '../../../support/hostile-values.js';
import { makeTask } from '../../../support/make-task.js';

const STATUSES = ['COMPLETED', 'FAILED', 'FAILED_WITH_TERMINAL_ERROR', 'IN_PROGRESS'];

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
}

class Temperature {
  readonly #celsius = 21;
  toJSON(): unknown {
    return { celsius: this.#celsius };
  }
}

function returned(value: unknown, callbackAfterSeconds?: number): TaskOutcome {
  return taskOutcome({ kind: 'returned', value, callbackAfterSeconds });
}

function resultWith(fields: Partial<Record<keyof TaskResult, unknown>>): TaskResult {
  return Object.assign(TaskResult.from(makeTask()), fields);
}

function throwing(value: unknown): () => never {
  return () => {
    throw value;
  };
}

function* generate(): Generator<number> {
  yield 1;
}

async function* generateLater(): AsyncGenerator<number> {
  yield 1;
}

/** The shape that a TaskResult of another copy of the package has. */
function foreignResult(fields: object = {}): object {
  return {
    taskId: 't',
    workflowInstanceId: 'w',
    status: 'COMPLETED',
    outputData: { a: 1 },
    logs: [],
    ...fields,
  };
}

/** What must hold of every outcome: the server can take it. */
function expectAcceptable(outcome: TaskOutcome): void {
  expect(STATUSES).toContain(outcome.status);
  expect(outcome.outputData).toBeTypeOf('object');
  expect(Array.isArray(outcome.outputData)).toBe(false);
  expect(['string', 'undefined']).toContain(typeof outcome.reasonForIncompletion);
  expect(outcome.callbackAfterSeconds ?? 0).toSatisfy(Number.isInteger);
  expect(outcome.callbackAfterSeconds ?? 0).toBeGreaterThanOrEqual(0);
  expect(outcome.logs).toBeInstanceOf(Array);
  for (const entry of outcome.logs) expect(entry.log).toBeTypeOf('string');
  if (outcome.status.startsWith('FAILED') && outcome.reasonForIncompletion !== undefined) {
    expect(outcome.reasonForIncompletion.trim()).not.toBe('');
  }
}

describe('returned values that complete the task', () => {
  const date = new Date(0);
  test.each<[string, unknown, unknown]>([
    ['undefined', undefined, {}],
    ['null', null, {}],
    ['a plain object', { total: 3 }, { total: 3 }],
    ['an empty object', {}, {}],
    ['an object without prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['a string', 'hello', { result: 'hello' }],
    ['an empty string', '', { result: '' }],
    ['a number', 7, { result: 7 }],
    ['zero', 0, { result: 0 }],
    ['false', false, { result: false }],
    ['a BigInt', 5n, { result: 5n }],
    ['an array', [1, 2], { result: [1, 2] }],
    ['an empty array', [], { result: [] }],
    ['a class instance', new Money(5, 'EUR'), { amount: 5, currency: 'EUR' }],
    ['an object with toJSON', new Temperature(), { celsius: 21 }],
    ['a Date', date, { result: date.toJSON() }],
    ['toJSON giving a primitive', { toJSON: () => 'short' }, { result: 'short' }],
    ['toJSON giving an array', { toJSON: () => [1] }, { result: [1] }],
    ['toJSON giving null', { toJSON: () => null }, { result: null }],
    ['a wrapped string', new String('boxed'), { result: 'boxed' }],
    ['a wrapped number', new Number(3), { result: 3 }],
    ['a wrapped boolean', new Boolean(false), { result: false }],
    ['an object that only has a status', { status: 'DONE' }, { status: 'DONE' }],
    ['a TaskResult', TaskResult.from(makeTask()).addOutputData('sum', 3), { sum: 3 }],
    ['a TaskResult without output', resultWith({ outputData: undefined }), {}],
    ['a TaskResult whose output is null', resultWith({ outputData: null }), {}],
    ['a TaskResult whose output is a list', resultWith({ outputData: [1] }), { result: [1] }],
    ['a TaskResult whose output is a string', resultWith({ outputData: 'text' }), { result: 'text' }],
    ['a TaskResult of another copy', foreignResult(), { a: 1 }],
    ['a TaskResult of another copy without logs', foreignResult({ logs: undefined }), { a: 1 }],
  ])('%s', (_title, value, outputData) => {
    const outcome = returned(value);
    expectAcceptable(outcome);
    expect(outcome.status).toBe('COMPLETED');
    expect({ ...outcome.outputData }).toEqual(outputData);
  });

  it('keeps the very object: it is serialised once, later', () => {
    const value = { deep: { list: [1, 2] } };
    expect(returned(value).outputData).toBe(value);
  });

  it('does not take a returned task for a TaskResult, although it has the same fields', () => {
    const task = makeTask();
    expect(returned(task)).toEqual({ status: 'COMPLETED', outputData: task, logs: [] });
  });

  it('takes a circular object: the sender names the place', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(returned(circular)).toMatchObject({ status: 'COMPLETED', outputData: circular });
  });
});

describe('returned TaskResults', () => {
  test.each(STATUSES)('keep the status %s', (status) => {
    expect(returned(resultWith({ status, reasonForIncompletion: 'why' }))).toMatchObject({
      status,
      reasonForIncompletion: 'why',
    });
  });

  test.each([undefined, null, 'DONE', 'completed', '', 3, 'TIMED_OUT'])(
    'with status %s fail for good',
    (status) => {
      const outcome = returned(resultWith({ status }));
      expectAcceptable(outcome);
      expect(outcome.status).toBe('FAILED_WITH_TERMINAL_ERROR');
      expect(outcome.reasonForIncompletion).toContain(
        'COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR, IN_PROGRESS',
      );
    },
  );

  it('of another copy are held to the same statuses', () => {
    expect(returned(foreignResult({ status: 'DONE' })).status).toBe('FAILED_WITH_TERMINAL_ERROR');
  });

  it('bring their log lines', () => {
    const result = TaskResult.from(makeTask()).addLog('one').addLog('two');
    expect(returned(result).logs.map((entry) => entry.log)).toEqual(['one', 'two']);
  });

  test.each<[string, unknown, string[]]>([
    ['null', null, []],
    ['a string', 'one line', ['one line']],
    ['an object', { a: 1 }, ['{"a":1}']],
    ['a list of strings', ['a', 'b'], ['a', 'b']],
    [
      'holes and wrong entries',
      [null, undefined, 5, { log: 'good' }, { log: 7 }],
      ['null', 'undefined', '5', 'good', '7'],
    ],
  ])('with logs that are %s do no harm', (_title, logs, lines) => {
    const outcome = returned(resultWith({ logs }));
    expectAcceptable(outcome);
    expect(outcome.status).toBe('COMPLETED');
    expect(outcome.logs.map((entry) => entry.log)).toEqual(lines);
  });

  test.each<[string, unknown, string]>([
    ['an error', new Error('broken'), 'broken'],
    ['an object', { code: 1 }, '{"code":1}'],
    ['a number', 5, '5'],
  ])('with a reason that is %s get a readable one', (_title, reasonForIncompletion, text) => {
    const outcome = returned(resultWith({ status: 'FAILED', reasonForIncompletion }));
    expectAcceptable(outcome);
    expect(outcome.reasonForIncompletion).toBe(text);
  });

  test.each([-1, NaN, Infinity, 'soon', null, {}])(
    'with callbackAfterSeconds %s fail for good',
    (seconds) => {
      const outcome = returned(resultWith({ status: 'IN_PROGRESS', callbackAfterSeconds: seconds }));
      expectAcceptable(outcome);
      if (seconds === null) expect(outcome.status).toBe('IN_PROGRESS');
      else expect(outcome).toMatchObject({ status: 'FAILED_WITH_TERMINAL_ERROR' });
    },
  );

  it('have their seconds rounded up', () => {
    expect(
      returned(resultWith({ status: 'IN_PROGRESS', callbackAfterSeconds: 0.2 })).callbackAfterSeconds,
    ).toBe(1);
  });
});

describe("returned objects in the shape of the official SDK's task result", () => {
  test.each<[string, object, object]>([
    [
      'FAILED with a reason and output',
      { status: 'FAILED', reasonForIncompletion: 'declined', outputData: { code: 3 } },
      { status: 'FAILED', reasonForIncompletion: 'declined', outputData: { code: 3 } },
    ],
    ['COMPLETED with output', { status: 'COMPLETED', outputData: { a: 1 } }, { outputData: { a: 1 } }],
    ['COMPLETED with a reason only', { status: 'COMPLETED', reasonForIncompletion: '' }, { outputData: {} }],
    [
      'FAILED_WITH_TERMINAL_ERROR',
      { status: 'FAILED_WITH_TERMINAL_ERROR', reasonForIncompletion: 'no such order' },
      { status: 'FAILED_WITH_TERMINAL_ERROR', reasonForIncompletion: 'no such order', outputData: {} },
    ],
    [
      'IN_PROGRESS with seconds',
      { status: 'IN_PROGRESS', outputData: { page: 2 }, callbackAfterSeconds: 30 },
      { status: 'IN_PROGRESS', outputData: { page: 2 }, callbackAfterSeconds: 30 },
    ],
    [
      'all keys, those that are not supported left empty',
      {
        taskId: 'of another task',
        workflowInstanceId: 'w',
        workerId: 'me',
        status: 'FAILED',
        outputData: { a: 1 },
        reasonForIncompletion: 'why',
        callbackAfterSeconds: 0,
        logs: [{ log: 'one', createdTime: 5 }],
        externalOutputPayloadStoragePath: undefined,
        subWorkflowId: '',
        extendLease: false,
      },
      { status: 'FAILED', outputData: { a: 1 }, logs: [{ log: 'one', createdTime: 5 }] },
    ],
  ])('%s', (_title, value, expected) => {
    const outcome = returned(value);
    expectAcceptable(outcome);
    expect(outcome).toMatchObject({ status: 'COMPLETED', ...expected });
  });

  test.each<[string, object]>([
    ['another key', { status: 'FAILED', outputData: {}, orderId: 7 }],
    ['a status that is none', { status: 'PAID', outputData: {} }],
    ['a status of a task that no worker reports', { status: 'TIMED_OUT', outputData: {} }],
    ['a status in small letters', { status: 'failed', reasonForIncompletion: 'x' }],
    ['a status that is no string', { status: { FAILED: true }, outputData: {} }],
    ['nothing but a status', { status: 'FAILED' }],
    ['a status and logs', { status: 'FAILED', logs: [] }],
    ['no status', { outputData: { a: 1 } }],
  ])('with %s is output like any other', (_title, value) => {
    expect(returned(value)).toEqual({ status: 'COMPLETED', outputData: value, logs: [] });
  });

  test.each<[string, unknown]>([
    ['externalOutputPayloadStoragePath', 's3://bucket/key'],
    ['subWorkflowId', 'w-2'],
    ['extendLease', true],
  ])('%s, which is not supported, fails for good', (key, value) => {
    expect(returned({ status: 'COMPLETED', outputData: {}, [key]: value })).toMatchObject({
      status: 'FAILED_WITH_TERMINAL_ERROR',
      reasonForIncompletion: `\`${key}\` of a task result is not supported; return the output itself`,
    });
  });

  test.each<[string, unknown, RegExp]>([
    ['an error', new Error('declined'), /left out: it is an error/],
    ['an error inside', { error: new Error('declined') }, /left out: outputData\.error: an error/],
    ['a proxy that throws', angryProxy(), /left out: proxy trap/],
  ])('one that reports a failure stays FAILED when its output is %s', (_title, outputData, log) => {
    const outcome = returned({ status: 'FAILED', reasonForIncompletion: 'declined', outputData });
    expect(outcome).toMatchObject({ status: 'FAILED', reasonForIncompletion: 'declined', outputData: {} });
    expect(outcome.logs.at(-1)?.log).toMatch(log);
  });
});

describe('tasks that are not done yet', () => {
  test.each<[string, TaskOutcome, object]>([
    ['inProgress()', returned(inProgress()), { callbackAfterSeconds: 0, outputData: {} }],
    [
      'inProgress with all',
      returned(inProgress({ callbackAfterSeconds: 30, output: { page: 2 } })),
      { callbackAfterSeconds: 30, outputData: { page: 2 } },
    ],
    [
      'fractions are rounded up',
      returned(inProgress({ callbackAfterSeconds: 1.2 })),
      { callbackAfterSeconds: 2 },
    ],
    [
      'callbackAfter() and an object',
      returned({ page: 3 }, 5),
      { callbackAfterSeconds: 5, outputData: { page: 3 } },
    ],
    ['callbackAfter() and nothing', returned(undefined, 5), { callbackAfterSeconds: 5, outputData: {} }],
    [
      'inProgress before callbackAfter()',
      returned(inProgress({ callbackAfterSeconds: 7 }), 5),
      { callbackAfterSeconds: 7 },
    ],
    ['callbackAfter() where inProgress has none', returned(inProgress(), 5), { callbackAfterSeconds: 5 }],
    [
      'callbackAfter() and a TaskResult',
      returned(TaskResult.from(makeTask()).addOutputData('page', 1), 5),
      { callbackAfterSeconds: 5, outputData: { page: 1 } },
    ],
  ])('%s', (_title, outcome, expected) => {
    expectAcceptable(outcome);
    expect(outcome).toMatchObject({ status: 'IN_PROGRESS', ...expected });
  });

  it('a TaskResult that says FAILED stays so, whatever callbackAfter() said', () => {
    expect(returned(resultWith({ status: 'FAILED' }), 5).status).toBe('FAILED');
  });

  // The last two: the server answers 500 to what is no 64-bit number, and it would be sent again for ever.
  test.each([-1, NaN, Infinity, -Infinity, '5', {}, Object.create(null), Symbol('s'), 5n, 2 ** 31, 1e308])(
    'bad seconds fail for good and are shown: case %#',
    (seconds) => {
      for (const outcome of [
        returned(inProgress({ callbackAfterSeconds: seconds as number })),
        returned({}, seconds as number),
      ]) {
        expectAcceptable(outcome);
        expect(outcome.status).toBe('FAILED_WITH_TERMINAL_ERROR');
      }
    },
  );

  it('is known from another copy of the package by its brand', () => {
    const foreign = Object.defineProperty({ callbackAfterSeconds: 9 }, Symbol.for('tutti:in-progress'), {
      value: true,
    });
    expect(returned(foreign)).toMatchObject({ status: 'IN_PROGRESS', callbackAfterSeconds: 9 });
  });
});

describe('returned values that cannot be read', () => {
  test.each<[string, unknown, RegExp]>([
    ['a Map', new Map([['a', 1]]), /^the output cannot be written as JSON: it is a Map; write Object\.from/],
    ['a Set', new Set([1]), /^the output cannot be written as JSON: it is a Set; write \[\.\.\.set\]$/],
    ['a typed array', new Uint8Array(2), /it is a Uint8Array; write Array\.from/],
    ['a list with a Set', [{ tags: new Set() }], /JSON: outputData\.result\[0\]\.tags: a Set; write/],
    ['an object with an error', { last: new RangeError('x') }, /JSON: outputData\.last: an error, which/],
    ['a missing await', { total: Promise.resolve(3) }, /JSON: outputData\.total: a promise; await it$/],
    ['inProgress() with a Map', inProgress({ output: { a: new Map() } }), /JSON: outputData\.a: a Map/],
    [
      'an error',
      new RangeError('too far'),
      /is an error, which fails a task only when it is thrown: .*too far/,
    ],
    ['a function', () => 1, /JSON: it is a function; return a plain object/],
    ['a symbol', Symbol('s'), /JSON: it is a symbol; return a plain object/],
    ['a generator', generate(), /generator.*has not run/],
    ['an async generator', generateLater(), /generator.*has not run/],
    ['a proxy that throws', angryProxy(), /cannot be read: proxy trap/],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('toJSON broke');
        },
      },
      /cannot be read: toJSON broke/,
    ],
    ['a toJSON that throws undefined', { toJSON: throwing(undefined) }, /cannot be read/],
    ['a TaskResult with a Map as output', resultWith({ outputData: new Map() }), /JSON: it is a Map; write/],
  ])('%s fails for good with a reason', (_title, value, reason) => {
    const outcome = returned(value);
    expectAcceptable(outcome);
    expect(outcome.status).toBe('FAILED_WITH_TERMINAL_ERROR');
    expect(outcome.reasonForIncompletion).toMatch(reason);
  });

  test.each(thrownValues())(
    'no outcome of returning %s is one that the server cannot take',
    (_title, value) => {
      const outcomes = [
        returned(value),
        returned(value, 5),
        returned(resultWith({ outputData: value })),
        returned(resultWith({ status: value })),
        returned(resultWith({ reasonForIncompletion: value })),
        returned(resultWith({ logs: value })),
        returned(resultWith({ logs: [value, { log: value }] })),
        returned(resultWith({ callbackAfterSeconds: value })),
        returned(inProgress({ output: value as Record<string, unknown> })),
      ];
      for (const outcome of outcomes) expectAcceptable(outcome);
      expect(outcomes).toHaveLength(9);
    },
  );
});

describe('thrown values', () => {
  test.each(thrownValues())('%s fails this attempt, with a reason and a log', (_title, thrown) => {
    const outcome = taskOutcome({ kind: 'threw', thrown });
    expectAcceptable(outcome);
    expect(outcome.status).toBe('FAILED');
    expect(outcome.reasonForIncompletion).toBeTypeOf('string');
    expect(outcome.logs).toHaveLength(1);
    expect(outcome.outputData).toEqual({});
  });

  it('puts message and stack with causes where people look for them', () => {
    const thrown = new Error('outer', { cause: new Error('inner') });
    const outcome = taskOutcome({ kind: 'threw', thrown });
    expect(outcome.reasonForIncompletion).toBe('outer; caused by: inner');
    expect(outcome.logs[0]!.log).toMatch(/Error: outer[\s\S]*caused by: Error: inner/);
  });

  test.each<[string, unknown]>([
    ['NonRetryableError', new NonRetryableError('never again')],
    ['a subclass', new (class Refused extends NonRetryableError {})('never again')],
    [
      'one of another copy of the package',
      Object.defineProperty(new Error('never again'), Symbol.for('tutti:non-retryable'), { value: true }),
    ],
    ['a frozen one', Object.freeze(new NonRetryableError('never again'))],
  ])('%s fails the task for good', (_title, thrown) => {
    expect(taskOutcome({ kind: 'threw', thrown })).toMatchObject({
      status: 'FAILED_WITH_TERMINAL_ERROR',
      reasonForIncompletion: 'never again',
    });
  });

  it('an error of the package that is not NonRetryableError may be tried again', () => {
    expect(taskOutcome({ kind: 'threw', thrown: new TuttiError('HTTP_TIMEOUT', 'x') }).status).toBe('FAILED');
  });
});

it('a task that was told to end and did not is FAILED for the reason that it was told', () => {
  expect(taskOutcome({ kind: 'aborted', reason: 'time is up' })).toMatchObject({
    status: 'FAILED',
    reasonForIncompletion: 'time is up',
  });
});

it('tells why a task was aborted where Node wraps the reason in an AbortError', () => {
  const cause = new TuttiError('TASK_ABORTED', 'the application stops');
  const thrown = Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError' });
  expect(taskOutcome({ kind: 'threw', thrown }).reasonForIncompletion).toBe('the application stops');
});
