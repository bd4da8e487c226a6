import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Container, injectable, postConstruct, preDestroy } from 'inversify';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native, NativeLibrary } from '../../src/native/native-library.decorator.js';
import { buildNativeProject, tuttiErrorOf } from '../support/native-project.js';

const source = readFileSync(new URL('../../native/sum/get_sum.cpp', import.meta.url), 'utf8');
const project = buildNativeProject({ 'sum/get_sum.cpp': source });

let searchPath: string | undefined;
beforeEach(() => {
  searchPath = process.env['TUTTI_NATIVE_PATH'];
  process.env['TUTTI_NATIVE_PATH'] = project.built;
});
afterEach(() => {
  if (searchPath === undefined) delete process.env['TUTTI_NATIVE_PATH'];
  else process.env['TUTTI_NATIVE_PATH'] = searchPath;
});
afterAll(() => project.remove());

@NativeLibrary('sum')
class SumLibrary {
  @native('int32_t get_sum(const int32_t a, const int32_t b)')
  readonly getSum!: (a: number, b: number) => number;
}

describe('a library in a container', () => {
  it.skipIf(!project.isBuilt)('is opened when it is resolved, synchronously', () => {
    const container = new Container();
    container.bind(SumLibrary).toSelf();
    const { getSum } = container.get(SumLibrary);
    expect(getSum(1, 2)).toBe(3);
    expect(getSum(-5, 3)).toBe(-2);
    expect(getSum(-(2 ** 31), 2 ** 31 - 1)).toBe(-1);
    expect(getSum(2 ** 31 - 1, 1)).toBe(-(2 ** 31));
    expect(() => getSum(2 ** 31, 1)).toThrow(
      'SumLibrary.getSum ("int32_t get_sum(const int32_t a, const int32_t b)")',
    );
    container.unbind(SumLibrary);
  });

  it.skipIf(!project.isBuilt)('is one object in a container, and injected like any other service', () => {
    @injectable()
    class Adder {
      constructor(readonly library: SumLibrary) {}
    }
    const container = new Container();
    container.bind(SumLibrary).toSelf();
    container.bind(Adder).toSelf();
    expect(container.get(Adder).library.getSum(20, 22)).toBe(42);
    expect(container.get(Adder).library).toBe(container.get(SumLibrary));
  });

  it.skipIf(!project.isBuilt)('is closed when it is unbound, also where a function was kept', async () => {
    const container = new Container();
    container.bind(SumLibrary).toSelf();
    const library = container.get(SumLibrary);
    const { getSum } = library;
    await container.unbindAllAsync();
    expect(tuttiErrorOf(() => getSum(1, 2)).code).toBe('ILLEGAL_STATE');
    expect(tuttiErrorOf(() => library.getSum(1, 2)).code).toBe('ILLEGAL_STATE');
  });

  it.skipIf(!project.isBuilt)('closing it leaves the same library of another container open', () => {
    const [first, second] = [new Container(), new Container()];
    for (const container of [first, second]) container.bind(SumLibrary).toSelf();
    first.get(SumLibrary);
    const other = second.get(SumLibrary);
    first.unbind(SumLibrary);
    expect(other.getSum(1, 2)).toBe(3);
    second.unbind(SumLibrary);
  });

  it.skipIf(!project.isBuilt)(
    'opens before and closes after the life cycle methods of the class',
    async () => {
      const log: string[] = [];
      @NativeLibrary('sum')
      class WithHooks {
        @postConstruct() async start(): Promise<void> {
          log.push(`start ${this.getSum(1, 1)}`);
          await Promise.resolve();
        }
        @preDestroy() async end(): Promise<void> {
          await Promise.resolve();
          log.push(`end ${this.getSum(2, 2)}`);
        }
        @native('int get_sum(int, int)') readonly getSum!: (a: number, b: number) => number;
      }
      const container = new Container();
      container.bind(WithHooks).toSelf();
      const library = await container.getAsync(WithHooks);
      await container.unbindAllAsync();
      expect(log).toEqual(['start 2', 'end 4']);
      expect(() => library.getSum(1, 1)).toThrow('closed');
    },
  );

  it.skipIf(!project.isBuilt)(
    'a subclass opens one library, with the dependencies and methods of its base class',
    async () => {
      const log: string[] = [];
      @injectable()
      class Offset {
        readonly value = 100;
      }
      @NativeLibrary('sum')
      class Base {
        @native('int get_sum(int, int)') readonly getSum!: (a: number, b: number) => number;
        constructor(readonly offset: Offset) {}
        @postConstruct() start(): void {
          log.push(`start ${this.getSum(this.offset.value, 1)}`);
        }
      }
      @NativeLibrary('sum')
      class Derived extends Base {
        @preDestroy() end(): void {
          log.push(`end ${this.getSum(this.offset.value, 2)}`);
        }
      }
      @NativeLibrary('sum')
      class OwnConstructor extends Base {
        constructor(
          offset: Offset,
          readonly second: Offset,
        ) {
          super(offset);
        }
      }
      const container = new Container();
      container.bind(Offset).toSelf();
      container.bind(Derived).toSelf();
      container.bind(OwnConstructor).toSelf();
      container.get(Derived);
      expect(container.get(OwnConstructor).second).toBeInstanceOf(Offset);
      await container.unbindAllAsync();
      expect(log).toEqual(['start 101', 'start 101', 'end 102']);
    },
  );

  it('a mistake rejects the resolution, with the reason as a cause', () => {
    @NativeLibrary('no-such-library')
    class Missing {
      @native('int f(int)') readonly f!: (a: number) => number;
    }
    @injectable()
    class Consumer {
      constructor(readonly library: Missing) {}
    }
    const container = new Container();
    container.bind(Missing).toSelf();
    container.bind(Consumer).toSelf();
    const error = tuttiErrorOf(() => container.get(Consumer));
    expect(error.name).toBe('ConfigurationError');
    expect(error.code).toBe('NATIVE_LIBRARY_MISSING');
    expect(error.message).toContain('Missing: the native library "no-such-library" is in none of the places');
    expect(error.message).toContain(`\n- ${join(project.built, 'lib')}`);
  });
});
