import { describe, expect, it, test } from 'vitest';
import { ConfigurationError } from '../../../src/core/errors.js';
import {
  didYouMean,
  either,
  findProblems,
  integer,
  oneOf,
  rules,
  show,
  throwProblems,
  type OptionRule,
} from '../../../src/core/options.js';

describe('rules', () => {
  test.each<[string, OptionRule, unknown[], unknown[]]>([
    ['string', rules.string, ['x', ' '], ['', 1, null, undefined, {}]],
    ['boolean', rules.boolean, [true, false], ['true', 0, null]],
    ['function', rules.function, [() => 1, class {}], ['x', {}]],
    ['array', rules.array, [[], [1]], [{ length: 0 }, 'x']],
    ['object', rules.object, [{}, new Map()], [null, [], 'x', () => 1]],
    ['integer', integer(1, 10), [1, 10], [0, 11, 1.5, NaN, Infinity, '5', 5n, null]],
    ['integer without limit', integer(0), [0, Number.MAX_SAFE_INTEGER], [-1, Infinity, 2 ** 53]],
    ['oneOf', oneOf('a', 'b'), ['a', 'b'], ['c', '', 0, undefined]],
    ['either', either(rules.string, integer(1)), ['x', 1], [0, '', null]],
  ])('%s', (_name, rule, good, bad) => {
    for (const value of good) expect(rule.test(value), show(value)).toBe(true);
    for (const value of bad) expect(rule.test(value), show(value)).toBe(false);
  });
});

describe('findProblems', () => {
  const known = { concurrency: integer(1, 100), domain: rules.string };

  test.each<[string, Record<string, unknown>, string[]]>([
    ['right values', { concurrency: 5, domain: 'x' }, []],
    ['undefined counts as absent', { concurrency: undefined }, []],
    [
      'a wrong value',
      { concurrency: '5' },
      ['thing: expected `concurrency` to be an integer from 1 to 100, got "5" (string)'],
    ],
    [
      'a slip of the fingers',
      { concurency: 5 },
      ['thing: unknown option `concurency`, did you mean `concurrency`?'],
    ],
    ['an unknown key like no other', { retries: 5 }, ['thing: unknown option `retries`']],
    [
      'several mistakes',
      { concurrency: 0, domain: 7, zzzzzzzz: 1 },
      [
        'thing: expected `concurrency` to be an integer from 1 to 100, got 0 (number)',
        'thing: expected `domain` to be a non-empty string, got 7 (number)',
        'thing: unknown option `zzzzzzzz`',
      ],
    ],
    ['a key that every object inherits', { toString: 1 }, ['thing: unknown option `toString`']],
    ['the key constructor', { constructor: 1 }, ['thing: unknown option `constructor`']],
  ])('%s', (_title, options, problems) => {
    expect(findProblems('thing', options, known)).toEqual(problems);
  });
});

describe('throwProblems', () => {
  it('does nothing without problems', () => {
    expect(() => throwProblems([])).not.toThrow();
  });

  test.each<[string[], string]>([
    [['only one'], 'only one'],
    [['one', 'two'], '2 problems:\n- one\n- two'],
  ])('throws all of %j in one error', (problems, message) => {
    const thrown = catchFrom(() => throwProblems(problems));
    expect(thrown).toBeInstanceOf(ConfigurationError);
    expect(thrown).toMatchObject({ code: 'CONFIG_INVALID', message, details: { problems } });
  });

  it('tells each once', () => {
    expect(() => throwProblems(['one', 'two', 'one'])).toThrow(/^2 problems:\n- one\n- two$/);
  });
});

test.each<[string, string[], string | undefined]>([
  ['pollInterval', ['pollInterval', 'domain'], 'pollInterval'],
  ['polInterval', ['pollInterval', 'domain'], 'pollInterval'],
  ['POLLINTERVAL', ['pollInterval', 'domain'], 'pollInterval'],
  ['domian', ['pollInterval', 'domain'], 'domain'],
  ['retries', ['pollInterval', 'domain'], undefined],
  ['x', [], undefined],
])('didYouMean(%s)', (word, candidates, expected) => {
  expect(didYouMean(word, candidates)).toBe(expected);
});

test.each<[unknown, string]>([
  ['text', '"text" (string)'],
  [5, '5 (number)'],
  [5n, '5 (bigint)'],
  [true, 'true (boolean)'],
  [null, 'null'],
  [undefined, 'undefined'],
  [[1], 'an array'],
  [{ secret: 'hidden' }, 'an object'],
  [function named() {}, 'function named'],
  [
    (
      () => () =>
        1
    )(),
    'function (anonymous)',
  ],
  [Symbol('s'), 'Symbol(s) (symbol)'],
])('show(%o)', (value, text) => {
  expect(show(value)).toBe(text);
});

test('show() cuts long strings', () => {
  expect(show('x'.repeat(10_000)).length).toBeLessThan(200);
});

function catchFrom(fn: () => void): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
