import { describe, expect, it } from 'vitest';
import { splitExpressions, substitute, toText } from '../../../../src/server/model/expressions.js';

const VALUES: Record<string, unknown> = { n: 1, s: 'text', nil: null, list: [1, 'a'], key: 'n', odd: '${n}' };
const resolve = (expression: string): unknown => VALUES[expression];

describe('substitute', () => {
  it.each<[unknown, unknown]>([
    ['no expression', 'no expression'],
    ['${n}', 1],
    ['${list}', [1, 'a']],
    ['${nil}', null],
    ['${missing}', null],
    ['a ${n} b ${s}', 'a 1 b text'],
    ['${n}${s}', '1text'],
    ['x${missing}', 'xnull'],
    ['${${key}}', 1],
    ['v: ${${key}}', 'v: 1'],
    ['${odd}', '${n}'],
    ['${}', ''],
    ['$${n}', '${n}'],
    ['$${n} ${n}', '${n} 1'],
    ['$$${n}', '$${n}'],
    ['${open', '${open'],
    ['$ { } }', '$ { } }'],
    [7, 7],
    [null, null],
    [{ '${n}': ['${n}', { deep: '${s}' }] }, { '${n}': [1, { deep: 'text' }] }],
  ])('%j becomes %j', (value, expected) => {
    expect(substitute(value, resolve)).toEqual(expected);
  });

  it('leaves the original alone', () => {
    const original = { a: ['${n}'] };
    substitute(original, resolve);
    expect(original).toEqual({ a: ['${n}'] });
  });

  it('treats a key called __proto__ as any other', () => {
    const value = substitute(JSON.parse('{"__proto__": {"polluted": "${n}"}}'), resolve);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('splitExpressions', () => {
  it('keeps nested expressions inside the outer one', () => {
    expect(splitExpressions('a ${b.${c}} d')).toEqual([
      { literal: 'a ' },
      { expression: 'b.${c}' },
      { literal: ' d' },
    ]);
  });
});

describe('toText', () => {
  it.each<[unknown, string]>([
    [undefined, 'null'],
    [true, 'true'],
    [1.5, '1.5'],
    [[1, [2], null], '[1, [2], null]'],
    [{ a: 1, b: { c: 'x' } }, '{a=1, b={c=x}}'],
  ])('%j is written as %s', (value, expected) => {
    expect(toText(value)).toBe(expected);
  });
});
