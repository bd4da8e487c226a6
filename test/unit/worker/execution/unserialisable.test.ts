import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { findLossy, findUnserialisable } from '../../../../src/worker/execution/unserialisable.js';
import { thrownValues } from '../../../support/hostile-values.js';

const circular: Record<string, unknown> = { list: [{}] };
(circular['list'] as object[])[0] = { back: circular };
const shared = { a: 1 };

describe('findUnserialisable', () => {
  test.each<[string, unknown, string | undefined]>([
    ['plain data', { a: [1, 'x', null, true, { b: undefined }] }, undefined],
    ['functions and symbols, which JSON leaves out', { f: () => 1, s: Symbol('s') }, undefined],
    ['the same object twice, not in a circle', { one: shared, two: [shared] }, undefined],
    ['a Date', { at: new Date(0) }, undefined],
    ['a BigInt at the top', 1n, 'outputData: a BigInt'],
    ['a BigInt in a list', { items: [0, { id: 5n }] }, 'outputData.items[1].id: a BigInt'],
    ['a circular reference', circular, 'outputData.list[0].back: a circular reference'],
    ['a toJSON that gives a BigInt', { a: { toJSON: () => 1n } }, 'outputData.a: a BigInt from toJSON()'],
    ['a toJSON that hides the trouble', { a: { bad: 1n, toJSON: () => 'fine' } }, undefined],
    [
      'a toJSON that gives an object with trouble',
      { a: { toJSON: () => ({ n: 1n }) } },
      'outputData.a.n: a BigInt',
    ],
    [
      'a toJSON that throws',
      {
        a: {
          toJSON: () => {
            throw new Error('no');
          },
        },
      },
      'outputData.a: reading it throws no',
    ],
    [
      'a getter that throws',
      {
        a: {
          get b(): never {
            throw new Error('hands off');
          },
        },
      },
      'outputData.a.b: reading it throws hands off',
    ],
  ])('%s', (_title, value, expected) => {
    expect(findUnserialisable(value, 'outputData')).toBe(expected);
    if (expected === undefined) expect(() => JSON.stringify(value)).not.toThrow();
    else expect(() => JSON.stringify(value)).toThrow(/BigInt|circular|^no$|^hands off$/);
  });

  test.each(thrownValues())('survives a top level that throws %s', (_title, thrown) => {
    const toJSON = (): never => {
      throw thrown;
    };
    expect(findUnserialisable({ toJSON }, 'outputData')).toContain('outputData: reading it throws ');
  });

  it('passes over a BigInt that the program has taught to be written', () => {
    const prototype: object = BigInt.prototype;
    onTestFinished(() => void Reflect.deleteProperty(prototype, 'toJSON'));
    Object.defineProperty(prototype, 'toJSON', { value: String, configurable: true });
    expect(findUnserialisable({ id: 5n, own: circular }, 'outputData')).toBe(
      'outputData.own.list[0].back: a circular reference',
    );
  });

  it('finds no end in very deep values, and says so', () => {
    let deep: object = {};
    for (let level = 0; level < 5_000; level++) deep = { deep };
    expect(findUnserialisable(deep, 'outputData')).toMatch(/nested too deeply$/);
  });

  test.each(thrownValues())('survives %s', (_title, value) => {
    expect(['string', 'undefined']).toContain(typeof findUnserialisable({ value }, 'outputData'));
  });
});

class Account {
  readonly #balance = 5;
  get balance(): number {
    return this.#balance;
  }
}
class SavingsAccount extends Account {}
class Note {
  text?: string;
}
class Point {
  x = 1;
  get length(): number {
    return this.x;
  }
}

describe('findLossy', () => {
  test.each<[string, unknown]>([
    ['plain data', { a: [1, 'x', null, true, { b: undefined }], empty: {}, none: [] }],
    ['an object without prototype', Object.create(null)],
    ['a Date', { at: new Date(0) }],
    ['a Buffer, which has a toJSON', { data: Buffer.from('x') }],
    ['a URL, which has a toJSON', { url: new URL('http://localhost') }],
    ['a class with fields', { point: new Point() }],
    ['a class without fields, which hides nothing', { note: new Note() }],
    ['a wrapped string', { text: new String('x') }],
    ['a Map with a toJSON of its own', { map: Object.assign(new Map(), { toJSON: () => ({}) }) }],
    ['what JSON cannot write at all, which is found elsewhere', { id: 5n, circular }],
    ['a getter that throws, which is found elsewhere', withTrap()],
  ])('finds nothing in %s', (_title, value) => {
    expect(findLossy(value, 'outputData')).toBeUndefined();
  });

  test.each<[string, unknown, RegExp]>([
    ['a Map', { a: [{ map: new Map() }] }, /^outputData\.a\[0\]\.map: a Map; write Object\.fromEntries/],
    ['a Set', [new Set()], /^outputData\[0\]: a Set; write/],
    ['an error', { error: new TypeError('x') }, /^outputData\.error: an error, which/],
    ['an error of another realm', { e: runInNewContext('new Error("x")') as unknown }, /\.e: an error/],
    ['a DOMException', { e: new DOMException('x') }, /\.e: an error/],
    ['a promise', { a: Promise.resolve() }, /\.a: a promise; await it$/],
    ['a typed array', { a: new Float64Array(2) }, /\.a: a Float64Array; write Array\.from/],
    ['an ArrayBuffer', { a: new ArrayBuffer(2) }, /\.a: an ArrayBuffer; write Buffer\.from/],
    ['a DataView', { a: new DataView(new ArrayBuffer(2)) }, /\.a: a DataView/],
    ['a regular expression', { a: /x/ }, /\.a: a regular expression; write its `source`$/],
    ['a WeakMap', { a: new WeakMap() }, /\.a: a WeakMap, which cannot be read$/],
    [
      'search parameters',
      { a: new URLSearchParams('b=1') },
      /\.a: an object of class URLSearchParams, whose content/,
    ],
    [
      'a class that has getters only',
      { a: new Account() },
      /\.a: an object of class Account, whose content .*toJSON\(\)/,
    ],
    [
      'a class whose base has getters',
      { a: new SavingsAccount() },
      /\.a: an object of class SavingsAccount, whose/,
    ],
    ['the same object twice', { a: shared, b: { shared, set: new Set() } }, /\.b\.set: a Set/],
    ['something behind a circle', { circular, set: new Set() }, /^outputData\.set: a Set/],
  ])('finds %s', (_title, value, expected) => {
    expect(findLossy(value, 'outputData')).toMatch(expected);
  });

  test.each(thrownValues())('survives %s', (_title, value) => {
    expect(['string', 'undefined']).toContain(typeof findLossy({ value }, 'outputData'));
  });

  it('does not call a toJSON, which may do something', () => {
    let calls = 0;
    findLossy({ a: { toJSON: () => calls++, set: new Set() } }, 'outputData');
    expect(calls).toBe(0);
  });
});

function withTrap(): object {
  return {
    get trap(): never {
      throw new Error('hands off');
    },
  };
}
