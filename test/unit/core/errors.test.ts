import { runInNewContext } from 'node:vm';
import { describe, expect, it, test } from 'vitest';
import {
  ConfigurationError,
  describeThrown,
  HttpError,
  IllegalStateError,
  stackOf,
  TuttiError,
} from '../../../src/core/errors.js';
import { angryProxy, thrownValues } from '../../support/hostile-values.js';

function bare(fields: object): object {
  return Object.assign(Object.create(null) as object, fields);
}

describe('describeThrown', () => {
  test.each(thrownValues())('gives a readable text for %s', (_title, value) => {
    const text = describeThrown(value);
    expect(text).toBeTypeOf('string');
    expect(text.trim()).not.toBe('');
  });

  test.each<[string, unknown, string]>([
    ['the message of an error', new TypeError('no such thing'), 'no such thing'],
    ['the name of an error without message', new TypeError(''), 'TypeError'],
    ['a string as it is', 'plain', 'plain'],
    ['a word for undefined', undefined, 'undefined was thrown'],
    ['a word for null', null, 'null was thrown'],
    ['the message of any object', { message: 'hello' }, 'hello'],
    ['JSON for an object without message', { code: 7 }, '{"code":7}'],
    ['a word for a number', 42, '42 was thrown'],
    ['a word for a BigInt', 42n, '42 was thrown'],
    ['a word for a boolean', false, 'false was thrown'],
    ['a word for a blank string', ' \n', 'an empty string was thrown'],
    ['the name of a function', function thrower() {}, 'the function thrower was thrown'],
    ['a word for an empty object', {}, 'an empty object was thrown'],
    ['a word for an empty list', [], 'an empty array was thrown'],
    ['a word for an object without prototype', Object.create(null), 'an empty object was thrown'],
    ['the message of an object without prototype', bare({ message: 'bare' }), 'bare'],
    ['the fields of an object without prototype', bare({ code: 7 }), '{"code":7}'],
    ['code and message of an object', { code: 'DECLINED', message: 'no funds' }, 'no funds (code DECLINED)'],
    ['what JSON shows as nothing', new Set([1, 2]), 'Set(2) { 1, 2 }'],
    ['what JSON cannot show', { id: 5n }, '{ id: 5n }'],
    ['the message of a DOMException', new DOMException('too late', 'TimeoutError'), 'too late'],
    ['the name of a DOMException', new DOMException('', 'TimeoutError'), 'TimeoutError (code 23)'],
    ['the message of an error of another realm', runInNewContext('new RangeError("far away")'), 'far away'],
    ['the name of an error of another realm', runInNewContext('new RangeError()'), 'RangeError'],
    ['the errors of an aggregate', new AggregateError([new Error('one'), 'two'], 'both'), 'both: one; two'],
    [
      'the errors of an aggregate without message, as Node makes one',
      Object.assign(new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')]), {
        code: 'ECONNREFUSED',
      }),
      'AggregateError (code ECONNREFUSED): ::1 refused; 127.0.0.1 refused',
    ],
    [
      'some of very many errors',
      new AggregateError(Array.from({ length: 8 }, (_, index) => new Error(`no ${index}`))),
      'AggregateError: no 0; no 1; no 2; no 3; no 4; and 3 more',
    ],
    [
      'the causes',
      new TypeError('fetch failed', { cause: new Error('connect', { cause: 'no route' }) }),
      'fetch failed; caused by: connect; caused by: no route',
    ],
    [
      'no cause that the message has already',
      new Error('saving failed: disk full', { cause: new Error('disk full') }),
      'saving failed: disk full',
    ],
    [
      'no cause of an error of the package, whose message is complete',
      new TuttiError('HTTP_NETWORK', 'the server cannot be reached', { cause: new Error('secret') }),
      'the server cannot be reached',
    ],
  ])('gives %s', (_title, value, text) => {
    expect(describeThrown(value)).toBe(text);
  });
});

describe('stackOf', () => {
  it('has the stacks of the errors of an aggregate', () => {
    const error = new AggregateError([new Error('one'), new Error('two', { cause: 'why' })], 'both');
    expect(stackOf(error)).toMatch(
      /AggregateError: both[^]*\none of its errors: Error: one[^]*\none of its errors: Error: two[^]*\ncaused by: why/,
    );
  });

  test.each(thrownValues())('gives a readable text for %s', (_title, value) => {
    const text = stackOf(value);
    expect(text).toBeTypeOf('string');
    expect(text.trim()).not.toBe('');
  });

  it('has the stacks of the causes', () => {
    const error = new Error('outer', { cause: new Error('middle', { cause: 'the root' }) });
    const text = stackOf(error);
    expect(text).toMatch(/Error: outer[\s\S]*caused by: Error: middle[\s\S]*caused by: the root$/);
  });

  it('ends where causes go round in a circle', () => {
    const [a, b] = [new Error('a'), new Error('b')];
    a.cause = b;
    b.cause = a;
    expect(stackOf(a).match(/caused by/g)).toHaveLength(1);
  });
});

it('very long texts keep beginning and end only', () => {
  const error = new Error(`begin ${'x'.repeat(1_000_000)} end`);
  error.cause = 'y'.repeat(1_000_000);
  expect(describeThrown(error)).toMatch(
    /^begin x+ … \(\d+ characters\) … x+ end; caused by: y+ … \(\d+ characters\) … y+$/,
  );
  expect(describeThrown(error).length).toBeLessThan(11_000);
  const stack = stackOf(error);
  expect(stack).toMatch(/^Error: begin x+ … [\s\S]*errors\.test\.ts[\s\S]*caused by: y+ … /);
  expect(stack.length).toBeLessThan(40_000);
});

describe('TuttiError', () => {
  it('is recognised by its brand, also when it comes from another copy of the package', () => {
    const foreign = Object.assign(new Error('x'), { code: 'HTTP_AUTH' });
    Object.defineProperty(foreign, Symbol.for('tutti:error'), { value: true });
    expect(TuttiError.is(foreign)).toBe(true);
    expect(TuttiError.is(foreign, 'HTTP_AUTH')).toBe(true);
    expect(TuttiError.is(foreign, 'HTTP_BODY')).toBe(false);
  });

  test.each(thrownValues())('does not take %s for one of its own', (_title, value) => {
    expect(TuttiError.is(value)).toBe(false);
  });

  it('keeps code, cause, details and the name of the subclass', () => {
    const cause = new Error('why');
    const error = new ConfigurationError('CONFIG_INVALID', 'wrong', { cause, details: { key: 'x' } });
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'CONFIG_INVALID', cause });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'ConfigurationError',
      code: 'CONFIG_INVALID',
      message: 'wrong',
      details: { key: 'x' },
    });
  });

  it('names both states of an illegal move', () => {
    expect(new IllegalStateError('orchestrator', 'stopped', 'running').message).toBe(
      'orchestrator cannot go from "stopped" to "running"',
    );
  });
});

describe('HttpError.isRetryable', () => {
  test.each<[number | undefined, boolean]>([
    [undefined, true],
    [200, true],
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [408, true],
    [409, false],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ])('status %s: %s', (status, isRetryable) => {
    const error = new HttpError('HTTP_STATUS', 'x', { method: 'GET', path: '/', status });
    expect(error.isRetryable).toBe(isRetryable);
  });
});

it('hostile values are hostile', () => {
  expect(() => String((angryProxy() as { message?: string }).message)).toThrow('must not be touched');
});
