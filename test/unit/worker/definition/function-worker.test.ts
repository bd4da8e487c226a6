import type { ServiceIdentifier } from 'inversify';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import {
  functionWorker,
  isFunctionWorker,
  type FunctionWorker,
} from '../../../../src/worker/definition/function-worker.js';

class Greeter {}

function build(...args: unknown[]): FunctionWorker {
  return (functionWorker as (...args: unknown[]) => FunctionWorker)(...args);
}

describe('functionWorker', () => {
  it('records what it was given', () => {
    const add = (): number => 3;
    const worker = functionWorker('add', add, { pollInterval: 250, inject: [Greeter] });
    expect(worker).toMatchObject({
      taskType: 'add',
      name: 'add',
      execute: add,
      inject: [Greeter],
      options: { pollInterval: 250 },
      file: import.meta.filename,
      problems: [],
    });
  });

  it('passes task, context and services on in this order', () => {
    const seen: unknown[] = [];
    const worker = functionWorker('x', (...args: unknown[]) => void seen.push(...args), {
      inject: [Greeter],
    });
    worker.execute('task' as never, 'context' as never, 'greeter');
    expect(seen).toEqual(['task', 'context', 'greeter']);
  });

  it('takes the types of injected classes, and yours for tokens', () => {
    const LIMIT: unique symbol = Symbol('limit');
    const CLOCK = 'clock' as ServiceIdentifier<Date>;
    const worker = functionWorker(
      'x',
      (_task, _context, greeter, limit: number, name: string, clock) => {
        expectTypeOf(greeter).toEqualTypeOf<Greeter>();
        expectTypeOf(clock).toEqualTypeOf<Date>();
        return { text: `${name} ${limit.toFixed(1)}` };
      },
      { inject: [Greeter, LIMIT, 'name', CLOCK] },
    );
    expect(worker.inject).toEqual([Greeter, LIMIT, 'name', CLOCK]);
  });

  test.each<[string, FunctionWorker, string]>([
    ['the given name', functionWorker('x', function add() {}, { name: 'other' }), 'other'],
    ['the name of the function', functionWorker('x', function add() {}), 'add'],
    ['a word for a function without name', functionWorker('x', () => 1), 'function'],
  ])('is called by %s', (_title, worker, name) => {
    expect(worker.name).toBe(name);
  });

  test.each<[string, unknown, boolean]>([
    ['a function worker', functionWorker('x', () => 1), true],
    [
      'one of another copy',
      Object.defineProperty({}, Symbol.for('tutti:function-worker'), { value: true }),
      true,
    ],
    ['a look-alike', { taskType: 'x', execute: () => 1 }, false],
    ['a function', () => 1, false],
    ['null', null, false],
    ['undefined', undefined, false],
  ])('isFunctionWorker knows %s', (_title, value, expected) => {
    expect(isFunctionWorker(value)).toBe(expected);
  });
});

describe('mistakes are collected, not thrown', () => {
  const fn = (): void => undefined;
  test.each<[string, unknown[], RegExp[]]>([
    ['no task type', [undefined, fn], [/the task type to be a non-empty string, got undefined/]],
    ['no function', ['x', { execute: fn }], [/functionWorker\('x'\): expected a function, got an object/]],
    ['no list of services', ['x', fn, { inject: Greeter }], [/`inject` to be an array/]],
    ['null for services', ['x', fn, { inject: null }], [/`inject` to be an array.*got null/]],
    [
      'a service that is not there',
      ['x', fn, { inject: [Greeter, undefined] }],
      [/entry 1 of `inject` is undefined.*import type/],
    ],
    ['a wrong value', ['x', fn, { concurrency: 'many' }], [/`concurrency`/]],
    [
      'an unknown key',
      ['x', fn, { pollingInterval: 5 }],
      [/unknown option `pollingInterval`, did you mean `pollInterval`/],
    ],
    ['a number as options', ['x', fn, 500], [/the options must be an object/]],
    ['null as options', ['x', fn, null], [/the options must be an object/]],
    ['an empty name', ['x', fn, { name: '' }], [/`name` to be a non-empty string/]],
    ['a name that is no string', ['x', fn, { name: 5 }], [/`name` to be a non-empty string/]],
    ['several', [5, 5, { inject: 5, paused: 5 }], [/`paused`/, /the task type/, /a function/, /`inject`/]],
  ])('%s', (_title, args, expected) => {
    const { problems } = build(...args);
    expect(problems).toHaveLength(expected.length);
    for (const pattern of expected) expect(problems.join('\n')).toMatch(pattern);
  });
});
