import { describe, expect, it, onTestFinished, test } from 'vitest';
import { findUnserialisable } from '../../../src/worker/unserialisable.js';
import { thrownValues } from '../../support/hostile-values.js';

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
