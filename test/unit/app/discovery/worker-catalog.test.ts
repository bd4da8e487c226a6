import 'reflect-metadata';
import { describe, expect, it, test } from 'vitest';
import { ConfigurationError } from '../../../../src/core/errors.js';
import {
  catalogEntry,
  duplicates,
  listedWorkers,
  pickWorkers,
} from '../../../../src/app/discovery/worker-catalog.js';
import { functionWorker } from '../../../../src/worker/definition/function-worker.js';
import { Worker } from '../../../../src/worker/definition/worker.decorator.js';
import { describeWorker } from '../../../support/describe-worker.js';

@Worker('greet', 500)
class GreetWorker {
  execute(): void {}
}
class Undecorated {
  execute(): void {}
}
class DerivedWorker extends GreetWorker {}
const add = functionWorker('add', function addNumbers() {});

describe('catalogEntry', () => {
  it('describes a decorated class', () => {
    expect(catalogEntry(GreetWorker)).toEqual({
      definition: expect.objectContaining({ dependencies: [GreetWorker] }),
      description: {
        key: 'greet:GreetWorker',
        taskType: 'greet',
        name: 'GreetWorker',
        options: { pollInterval: 500 },
        file: import.meta.filename,
        isDiscovered: false,
        problems: [],
      },
    });
  });

  it('describes a function worker, and the file that it was discovered in', () => {
    expect(catalogEntry(add, '/app/add.js')?.description).toMatchObject({
      key: 'add:addNumbers',
      file: '/app/add.js',
      isDiscovered: true,
    });
  });

  it('calls a worker by its `name`, so that a bundler that renames classes does not change its key', () => {
    const Renamed = class GreetWorker2 {
      execute(): void {}
    };
    Worker('greet', { name: 'GreetWorker' })(Renamed);
    expect(catalogEntry(Renamed)?.description).toMatchObject({
      key: 'greet:GreetWorker',
      name: 'GreetWorker',
    });
    const named = functionWorker('add', () => 1, { name: 'sum' });
    expect(catalogEntry(named)?.description).toMatchObject({ key: 'add:sum', name: 'sum' });
  });

  test.each([null, 5, { name: 5 }, { name: '' }])(
    'keeps the name of the class for the options %j',
    (options) => {
      const Wrong = class Wrong {
        execute(): void {}
      };
      Worker('greet', options as unknown as number)(Wrong);
      expect(catalogEntry(Wrong)?.description.name).toBe('Wrong');
    },
  );

  test.each([undefined, null, 'x', 5, {}, () => 1, Undecorated, DerivedWorker])(
    'has nothing for %o',
    (value) => {
      expect(catalogEntry(value)).toBeUndefined();
    },
  );
});

describe('listedWorkers', () => {
  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /entry 1 is undefined; a circular import, or a wrong name in the import\?$/],
    ['null', null, /entry 1: expected a class with @Worker or a functionWorker\(\), got null/],
    ['an object', {}, /expected a class with @Worker or a functionWorker\(\), got an object/],
    ['an instance', new GreetWorker(), /got an instance of GreetWorker; give the class itself$/],
    [
      'a class without decorator',
      Undecorated,
      /class Undecorated has no @Worker decorator of its own; add @Worker/,
    ],
    ['a subclass of a worker', DerivedWorker, /class DerivedWorker has no @Worker decorator of its own/],
    [
      'a function',
      function work() {},
      /function work must be wrapped: functionWorker\('<task type>', work\)/,
    ],
    [
      'an arrow function',
      (
        () => () =>
          1
      )(),
      /function \(anonymous\) must be wrapped/,
    ],
    ['a name', 'GreetWorker', /got "GreetWorker" \(string\)/],
  ])('%s is told with its place and what to do', (_title, value, pattern) => {
    const { entries, problems } = listedWorkers([GreetWorker, value, add]);
    expect(entries.map((entry) => entry.description.key)).toEqual(['greet:GreetWorker', 'add:addNumbers']);
    expect(problems).toEqual([expect.stringMatching(pattern)]);
    expect(problems[0]).toMatch(/^bootstrap\(\{ workers \}\): entry 1/);
  });
});

describe('duplicates', () => {
  it('are workers of one type and one name', () => {
    const twice = duplicates([
      describeWorker('greet'),
      describeWorker('add'),
      describeWorker('greet', { isDiscovered: true }),
    ]);
    expect(twice).toHaveLength(1);
    expect(twice[0]).toMatch(
      /two workers for task type 'greet' have the name GreetWorker \(listed, from \/app\/greet\.worker\.js; discovered in .*`processes`.*name: '…'/,
    );
  });

  it('are two workers that were given the same name', () => {
    const descriptions = [
      functionWorker('greet', () => 1, { name: 'hi' }),
      functionWorker('greet', () => 2, { name: 'hi' }),
    ].map((worker) => catalogEntry(worker)!.description);
    expect(duplicates(descriptions)).toEqual([
      expect.stringContaining("two workers for task type 'greet' have the name hi"),
    ]);
  });

  it('are not two workers that share a task type', () => {
    expect(
      duplicates([describeWorker('greet'), describeWorker('greet', { key: 'greet:Other', name: 'Other' })]),
    ).toEqual([]);
  });
});

describe('pickWorkers', () => {
  const entries = [catalogEntry(GreetWorker)!, catalogEntry(add)!];

  it('gives the entries in the order of the keys', () => {
    expect(pickWorkers(entries, ['add:addNumbers', 'greet:GreetWorker'])).toEqual([entries[1], entries[0]]);
  });

  test.each([
    [entries, 'greet:GreetWorker, add:addNumbers'],
    [[], 'no workers'],
  ])('says what is there when one is missing', (given, listed) => {
    const pick = (): unknown => pickWorkers(given, ['gone:Gone']);
    expect(pick).toThrow(ConfigurationError);
    expect(pick).toThrow(
      expect.objectContaining({
        code: 'WORKER_UNKNOWN',
        message: expect.stringContaining(`started for gone:Gone, but bootstrap() was given ${listed} here`),
      }),
    );
  });
});
