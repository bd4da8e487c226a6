import { describe, expect, it } from 'vitest';
import { prepareJavaScript, runJavaScript } from '../../../../src/server/scripts/javascript.js';

/** Runs scripts as the thread does: the next interpreter is made after each. */
async function run(expression: string, input: unknown = null): Promise<unknown> {
  const limits = { timeoutMs: 2_000, memoryBytes: 16 * 1024 * 1024 };
  const request = {
    id: 1,
    language: 'javascript',
    expression,
    inputJson: JSON.stringify(input),
    ...limits,
  } as const;
  try {
    return JSON.parse(await runJavaScript(request)) as unknown;
  } finally {
    await prepareJavaScript();
  }
}

describe('scripts', () => {
  it.each<[string, unknown]>([
    ['$.a + 1', 2],
    ['undefined', null],
    ['`${$.text}!`', 'é😀!'],
    ['Object.keys(globalThis)', ['$']],
  ])('%s', async (script, value) => {
    expect(await run(script, { a: 1, text: 'é😀' })).toEqual(value);
  });

  it.each([
    ['throw new TypeError("no")', 'TypeError: no'],
    ['throw "text"', 'text'],
    ['not a script', 'SyntaxError'],
    ['const a = {}; a.a = a; a', 'circular reference'],
    ['({ toJSON() { throw new Error("late"); } })', 'Error: late'],
    ['function f() { f(); } f();', 'Maximum call stack size exceeded'],
  ])('%s: fails with its own message, and harms no script after it', async (script, message) => {
    await expect(run(script)).rejects.toThrow(message);
    expect(await run('6 * 7')).toBe(42);
  });

  it('leave nothing to each other', async () => {
    await run(
      'globalThis.left = 1; JSON.parse = JSON.stringify = () => "replaced"; Array.prototype.map = null; 1',
    );
    expect(await run('[typeof left, JSON.stringify([1].map((n) => n + $.n))]', { n: 1 })).toEqual([
      'undefined',
      '[2]',
    ]);
  });

  it('cannot change how their result is read', async () => {
    expect(await run('JSON.stringify = () => "replaced"; ({ b: 2 })')).toEqual({ b: 2 });
  });
});
