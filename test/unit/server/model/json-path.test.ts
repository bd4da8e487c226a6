import { describe, expect, it } from 'vitest';
import { compileJsonPath, parseJsonPath, readJsonPath } from '../../../../src/server/model/json-path.js';

const DOCUMENT = {
  output: {
    list: [{ q: 1, tag: 'x' }, { q: 2 }, { r: 3 }],
    'a key': 'k',
    'dash-ed': 1,
    nil: null,
    text: 'abc',
  },
  numbers: [3, 1, 2],
};

describe('readJsonPath', () => {
  it.each<[string, unknown]>([
    ['r', DOCUMENT],
    ['r.output.dash-ed', 1],
    ["r.output['a key']", 'k'],
    ['r["output"]["a key"]', 'k'],
    ['r.output.nil', null],
    ['r.output.none', undefined],
    ['r.output.none.deeper', undefined],
    ['r.output.text.length', undefined],
    ['r.output.list.q', undefined],
    ['r.numbers[0]', 3],
    ['r.numbers[-1]', 2],
    ['r.numbers[5]', undefined],
    ['r.numbers[0,2]', [3, 2]],
    ['r.numbers[1:]', [1, 2]],
    ['r.numbers[:-1]', [3, 1]],
    ['r.numbers[*]', [3, 1, 2]],
    ['r.output.list[*].q', [1, 2]],
    ['r.output.list[*].none', []],
    ['r..q', [1, 2]],
    ['r.output.list[0].*', [1, 'x']],
    ["r.output.list[0]['q','tag']", { q: 1, tag: 'x' }],
    ['r.numbers.length()', 3],
    ['r.output.list[*].q.length()', [null, null]],
    ['r.output.list[*].length()', [2, 1, 1]],
    ['r.output.list[*].q.sum()', undefined],
    ['r.output.list[0].keys()', ['q', 'tag']],
    ['r.numbers.sum()', 6],
    ['r.numbers.min()', 1],
    ['r.numbers.max()', 3],
    ['r.numbers.avg()', 2],
    ['r.numbers.first()', 3],
    ['r.numbers.last()', 2],
    ['r.output.text.length()', undefined],
    ['r.constructor', undefined],
    ['r.output.__proto__', undefined],
  ])('%s', (text, expected) => {
    const path = parseJsonPath(text);
    expect(path?.root).toBe('r');
    expect(readJsonPath(path!, DOCUMENT)).toEqual(expected);
  });

  it.each([
    '',
    '.a',
    'a.',
    'a[',
    'a[x]',
    'a[?@.q==1]',
    'a[?(@.q==)]',
    'a[?(@.q=1)]',
    'a[?(true)]',
    'a[?(@.q==1]',
    'a[?()]',
    'a[?(@.q=~/x/)]',
    'a.unknown()',
    "a['b",
  ])('%j is no path', (text) => {
    expect(parseJsonPath(text)).toBeUndefined();
  });
});

describe('filters', () => {
  it.each<[string, unknown]>([
    ['r.numbers[?(@ > 1)]', [3, 2]],
    ["r.output.list[?(@.q >= 1 && @.tag == 'x')].q", [1]],
    ['r.output.list[?(@.q > $.limits.low)].q', [2]],
    ['r.output.list[?(!@.q)]', [{ r: 3 }]],
    ['r.output.list[?(@.q != null)].q', [1, 2]],
    ["r.output.list[?(@.tag == 'it\\'s')]", []],
    ['r.output[?(@.nil == null)].text', ['abc']],
    ['r.output.text[?(@.x)]', undefined],
    ['r.output.none[?(@.x)]', []],
    ['r..[?(@.q > 1)].q', [2]],
  ])('%s', (text, expected) => {
    const roots: Record<string, unknown> = { r: DOCUMENT, limits: { low: 1 } };
    expect(readJsonPath(parseJsonPath(text)!, DOCUMENT, (name) => roots[name])).toEqual(expected);
  });

  it('with a regular expression are refused by name', () => {
    expect(() => compileJsonPath('a[?(@.q =~ /x/)]')).toThrow('regular expression (=~)');
  });

  it('nested deeper than can be read are no path', () => {
    expect(parseJsonPath(`a[?${'('.repeat(100_000)}@.q${')'.repeat(100_000)}]`)).toBeUndefined();
    expect(parseJsonPath(`a${'[?(@'.repeat(100_000)}`)).toBeUndefined();
  });

  it('end when they would look at too much', () => {
    const list = Array.from({ length: 2_000 }, (_, index) => index);
    const path = parseJsonPath('r[?(@ in $.r)]')!;
    expect(readJsonPath(path, list, () => list)).toBeUndefined();
  });
});

describe('what has to look at all of a value counts for as much as it is long', () => {
  /** Steps that reach one value 200,000 times. */
  const OFTEN = `${`[${'0,'.repeat(99)}0]`.repeat(2)}[${'0,'.repeat(19)}0]`;
  const map = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, index]));
  const numbers = Array.from({ length: 20_000 }, (_, index) => index);
  const text = 'x'.repeat(20_000_000);

  it.each<[string, unknown]>([
    [`r${OFTEN}.length()`, map],
    [`r${OFTEN}.keys()`, map],
    [`r${OFTEN}.stddev()`, numbers],
    [`r${OFTEN}[?(@.v contains 'y')]`, { v: text }],
    [`r${OFTEN}[?(@.v == 5)]`, { v: text }],
    [`r${OFTEN}[?(@.v == $.other.w)]`, { v: `${text}a` }],
    [`r${OFTEN}[?(@.v <= $.other.w)]`, { v: `${text}a` }],
    [`r${OFTEN}[?(@.v == $.other.map)]`, { v: map }],
    [`r${OFTEN}[?(@.v empty false)]`, { v: map }],
  ])('%s finds nothing, soon', (path, value) => {
    const other = { w: `${text}b`, map: { ...map, more: 1 } };
    const from = performance.now();
    const found = readJsonPath(parseJsonPath(path)!, [[[value]]], (name) =>
      name === 'other' ? other : undefined,
    );
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(found).toBeUndefined();
  });
});
