import { describe, expect, it } from 'vitest';
import { parseTypes } from '../../../../src/native/c/c-types.js';
import { declarationProblems, optionProblems } from '../../../../src/native/c/declaration-check.js';
import type { NativeFunctionOptions } from '../../../../src/native/c/native-types.js';
import { parsePrototype } from '../../../../src/native/c/prototype.js';

const { types } = parseTypes('typedef struct db db; typedef struct { int a; } Point;');
const problems = (text: string, options: NativeFunctionOptions = {}) =>
  declarationProblems({ signature: parsePrototype(text, undefined, types), options });

describe('a declaration', () => {
  it.each<[string, NativeFunctionOptions]>([
    ['const char *f(void)', {}],
    ['char *f(void)', { freedBy: 'free' }],
    ['const char *f(void)', { freedBy: 'free' }],
    ['Point *f(void)', { freedBy: 'free' }],
    ['Point *f(void)', {}],
    ['void *f(void)', {}],
    ['int f(_Out_ char **text)', { freedBy: { text: 'free' } }],
    ['int f(_Out_ const char **text)', {}],
    ['int f(_Out_ db **out, _Out_ void **memory, _Inout_ Point *p)', {}],
    ['int f(void (*each)(const char *, const Point *))', {}],
  ])('%s is right with %j', (text, options) => {
    expect(problems(text, options)).toEqual([]);
  });

  it.each<[string, NativeFunctionOptions, string]>([
    [
      'char *f(void)',
      {},
      'the result: who frees the text? Declare "const char *" when it stays the library\'s',
    ],
    ['char16_t *f(void)', {}, 'Declare "const char16_t *"'],
    ['int f(_Out_ char **text)', {}, 'parameter 1: who frees the text? Declare "const char **"'],
    ['int f(void)', { freedBy: 'free' }, 'freedBy: the result is no text or pointer'],
    ['void *f(void)', { freedBy: 'free' }, 'freedBy: the result is no text or pointer'],
    ['int f(const char *text)', { freedBy: { text: 'free' } }, 'freedBy: "text" is not an _Out_ parameter'],
    [
      'int f(_Out_ int *n)',
      { freedBy: { n: 'free' } },
      'freedBy: "n" is not an _Out_ parameter that brings a text',
    ],
    ['int f(_Out_ int *n)', { freedBy: { m: 'free' } }, 'freedBy: "m" is not an _Out_ parameter'],
    ['db f(void)', {}, 'the result: db can only be returned by pointer'],
    ['int f(_Out_ const int *n)', {}, 'parameter 1: nothing can be written through a pointer to const'],
    ['int f(_Out_ void *bytes)', {}, 'parameter 1: the size of void is not known'],
    ['int f(_Inout_ db *d)', {}, 'parameter 1: the size of db is not known'],
    ['int f(void (*each)(Point p))', {}, 'parameter 1: a callback cannot take the struct Point by value'],
    [
      'int f(const char *(*name)(int))',
      {},
      'parameter 1: a callback cannot return const char *: nobody could free it',
    ],
  ])('%s is wrong with %j: %s', (text, options, expected) => {
    expect(problems(text, options)).toEqual([expect.stringContaining(expected)]);
  });
});

it('wrong options are named, all of them', () => {
  expect(optionProblems({ async: 1, freedBy: '', int64: 'long', errno: true, serail: true })).toEqual([
    'options: expected `async` to be true or false, got 1 (number)',
    expect.stringContaining('options: expected `freedBy` to be the name of a function'),
    'options: expected `int64` to be one of "auto", "bigint", "number", got "long" (string)',
    expect.stringContaining('options: unknown option `serail`'),
  ]);
  expect(optionProblems('async')).toEqual(['expected the options to be an object, got "async" (string)']);
});
