import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../../../src/core/errors.js';
import {
  compiledGuard,
  guard,
  interpretedGuard,
  plainTypes,
  type GuardFactory,
} from '../../../../src/native/call/call-guard.js';
import { parsePrototype } from '../../../../src/native/c/prototype.js';

const FACTORIES: [string, GuardFactory][] = [
  ['compiled', compiledGuard],
  ['interpreted', interpretedGuard],
];

const GOOD: [type: string, value: unknown][] = [
  ['int8_t', -128],
  ['int8_t', 127],
  ['uint8_t', 255],
  ['int16_t', -32768],
  ['uint16_t', 65535],
  ['int32_t', -(2 ** 31)],
  ['int32_t', 2 ** 31 - 1],
  ['int32_t', -0],
  ['uint32_t', 2 ** 32 - 1],
  ['int64_t', Number.MAX_SAFE_INTEGER],
  ['int64_t', -(2n ** 63n)],
  ['uint64_t', 2n ** 64n - 1n],
  ['uint64_t', 0],
  ['float', 1.5],
  ['float', Infinity],
  ['float', NaN],
  ['float', 3.4028234663852886e38],
  ['double', NaN],
  ['double', 1e308],
  ['bool', false],
  ['const char *', 'grüß dich'],
  ['const char *', ''],
  ['const char *', null],
];

const BAD: [type: string, value: unknown, shown: string][] = [
  ['int8_t', 128, 'an integer from -128 to 127, got 128 (number)'],
  ['int8_t', -129, 'an integer from -128 to 127, got -129 (number)'],
  ['uint8_t', -1, 'an integer from 0 to 255, got -1 (number)'],
  ['uint8_t', 300, 'an integer from 0 to 255, got 300 (number)'],
  ['int16_t', 40_000, 'an integer from -32768 to 32767, got 40000 (number)'],
  ['uint16_t', 2 ** 32, 'an integer from 0 to 65535, got 4294967296 (number)'],
  ['int32_t', 2 ** 31, 'an integer from -2147483648 to 2147483647, got 2147483648 (number)'],
  ['int32_t', NaN, 'an integer from -2147483648 to 2147483647, got NaN (number)'],
  ['int32_t', 1.5, 'an integer from -2147483648 to 2147483647, got 1.5 (number)'],
  ['int32_t', Infinity, 'an integer from -2147483648 to 2147483647, got Infinity (number)'],
  ['int32_t', '1', 'an integer from -2147483648 to 2147483647, got "1" (string)'],
  ['int32_t', 1n, 'an integer from -2147483648 to 2147483647, got 1 (bigint)'],
  ['int32_t', null, 'an integer from -2147483648 to 2147483647, got null'],
  ['int32_t', true, 'an integer from -2147483648 to 2147483647, got true (boolean)'],
  ['int32_t', { valueOf: () => 1 }, 'an integer from -2147483648 to 2147483647, got an object'],
  ['uint32_t', -1, 'an integer from 0 to 4294967295, got -1 (number)'],
  ['uint32_t', 2 ** 32, 'an integer from 0 to 4294967295, got 4294967296 (number)'],
  ['int64_t', 2 ** 53, 'a safe integer or a bigint from -9223372036854775808 to 9223372036854775807'],
  ['int64_t', 2n ** 63n, 'got 9223372036854775808 (bigint)'],
  ['int64_t', 0.5, 'got 0.5 (number)'],
  ['uint64_t', -1, 'a safe integer from 0 or a bigint from 0 to 18446744073709551615, got -1 (number)'],
  ['uint64_t', -1n, 'got -1 (bigint)'],
  ['uint64_t', '5', 'got "5" (string)'],
  ['float', 1e39, 'a number that fits into 32 bits, got 1e+39 (number)'],
  ['float', '1', 'a number that fits into 32 bits, got "1" (string)'],
  ['double', 1n, 'a number, got 1 (bigint)'],
  ['double', undefined, 'a number, got undefined'],
  ['bool', 1, 'true or false, got 1 (number)'],
  ['const char *', 5, 'a string without NUL characters, or null, got 5 (number)'],
  ['const char *', undefined, 'a string without NUL characters, or null, got undefined'],
  ['const char *', 'secret\0word', 'a string without NUL characters, or null, got one with a NUL'],
];

/** Runs `action` and gives what it throws. */
function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe.each(FACTORIES)('a %s guard', (_, factory) => {
  const guarded = (prototype: string) => {
    const calls: unknown[][] = [];
    const native = (...args: unknown[]): unknown => {
      calls.push(args);
      return args.length;
    };
    const signature = parsePrototype(prototype);
    const made = guard(
      'Library.member',
      signature,
      plainTypes(signature)!,
      native,
      { cells, id: 7 },
      factory,
    );
    return { calls, ...made };
  };
  const cells = new Int32Array(2);

  it.each(GOOD)('passes on %s %s', (type, value) => {
    const { call, calls } = guarded(`int f(${type} x)`);
    expect(call(value)).toBe(1);
    expect(calls).toEqual([[value]]);
  });

  it.each(BAD)('refuses for %s: %s', (type, value, shown) => {
    const { call, calls } = guarded(`int f(${type} x)`);
    const error = thrownBy(() => call(value)) as TuttiError;
    expect(TuttiError.is(error, 'NATIVE_SIGNATURE')).toBe(true);
    expect(error.message).toContain(`Library.member ("int f(${type} x)"): expected parameter 1 "x" to be `);
    expect(error.message).toContain(shown);
    expect(calls).toEqual([]);
  });

  it('names the wrong one of several parameters', () => {
    const { call } = guarded('void f(int32_t, int32_t b, uint8_t)');
    expect(() => call(1, 2, 3)).not.toThrow();
    expect(() => call(1, 'x', 3)).toThrow('expected parameter 2 "b" to be');
    expect(() => call(1, 2, -3)).toThrow('expected parameter 3 to be');
  });

  it.each([
    ['int f(int a, int b)', [1], 'takes 2 arguments, got 1'],
    ['int f(int a, int b)', [1, 2, 3], 'takes 2 arguments, got 3'],
    ['int f(int a)', [], 'takes 1 argument, got 0'],
    ['int f(void)', [undefined], 'takes 0 arguments, got 1'],
  ])('%s called with %j', (prototype, args, message) => {
    const { call, calls } = guarded(prototype);
    expect(() => call(...args)).toThrow(message);
    expect(calls).toEqual([]);
  });

  it('calls another function once it was replaced', () => {
    const { call, calls, replace } = guarded('int f(int a)');
    replace(() => {
      throw new Error('replaced');
    });
    expect(() => call(1)).toThrow('replaced');
    expect(calls).toEqual([]);
  });

  it('marks the call while it runs, and what it was called from afterwards', () => {
    const seen: number[] = [];
    const signature = parsePrototype('int f(int a)');
    const { call } = guard(
      'Library.member',
      signature,
      plainTypes(signature)!,
      (depth) => {
        seen.push(cells[0]!);
        if (depth === 2) throw new Error('thrown');
        return depth;
      },
      { cells, id: 7 },
      factory,
    );
    cells[0] = 3;
    call(1);
    expect(() => call(2)).toThrow('thrown');
    expect(seen).toEqual([7, 7]);
    expect(cells[0]).toBe(3);
    expect(() => call('x')).toThrow('expected parameter 1');
    expect(cells[0]).toBe(3);
  });
});
