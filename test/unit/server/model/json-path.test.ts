import { describe, expect, it } from 'vitest';
import { parseJsonPath, readJsonPath } from '../../../../src/server/model/json-path.js';

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
    ['r.output.list[*].q.length()', 2],
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

  it.each(['', '.a', 'a.', 'a[', 'a[x]', 'a[?(@.q==1)]', 'a.unknown()', "a['b"])('%j is no path', (text) => {
    expect(parseJsonPath(text)).toBeUndefined();
  });
});
