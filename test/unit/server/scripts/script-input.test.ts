import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputForScript } from '../../../../src/server/scripts/script-input.js';

const INPUT = {
  loop: { iteration: 2, '1': { count: { result: 42 } }, '2': { count: { result: 43 } } },
  count: { result: 43 },
  list: [1, 2, 3],
  nothing: null,
  limit: 10,
};

describe('the input that a script gets', () => {
  it.each<[script: string, needed: object]>([
    ["$.loop['iteration'] < 10", { loop: { iteration: 2 } }],
    ['$.loop["iteration"] < $.limit', { loop: { iteration: 2 }, limit: 10 }],
    ['$.count.result.length > 1', { count: { result: 43 } }],
    [
      "$['count']['result'] == 1 || $['loop'].iteration > 3",
      { count: { result: 43 }, loop: { iteration: 2 } },
    ],
    ['$.list[0] + $.list.length', { list: [1, 2, 3] }],
    ['$.nothing.x', { nothing: null }],
    ['$.loop?.iteration', { loop: INPUT.loop }],
    ['$.loop.iteration + Object.keys($.loop).length', { loop: INPUT.loop }],
    ['1 + 1', {}],
  ])('%s: no more than it names', (script, needed) => {
    expect(inputForScript(script, INPUT)).toEqual(needed);
  });

  it.each([
    'JSON.stringify($)',
    'const { loop } = $; loop.iteration',
    '$[name]',
    '$?.loop',
    '$ .loop',
    '`${$.limit}`',
    '$.missing',
    '$.hasOwnProperty("loop")',
    'this.$.loop',
    'globalThis["$"]',
    'eval("\\x24.loop")',
    '$.loopé',
    '(function ($) { return $; })(1)',
    '$.limit$',
  ])('%s: everything, since what it reads cannot be seen', (script) => {
    expect(inputForScript(script, INPUT)).toBe(INPUT);
  });

  it('a method of an object sees the whole object', () => {
    expect(inputForScript('$.loop.hasOwnProperty("2")', INPUT)).toEqual({ loop: INPUT.loop });
  });

  it.each([[null], [[1]], ['text'], [7], [undefined]])('stays as it is when it is %j', (input) => {
    expect(inputForScript('$.a', input)).toBe(input);
  });

  it('never changes what a script gives', () => {
    const steps =
      ".loop .iteration ['1'] [\"2\"] .count .result .list .length [0] .nothing .missing ?.loop .loop2 .toString() .valueOf() .hasOwnProperty('1')";
    const step = fc.constantFrom(' .loop', "['a b']", ...steps.split(' '));
    const reference = fc.array(step, { maxLength: 4 }).map((some) => `$${some.join('')}`);
    const script = fc
      .array(fc.tuple(fc.constantFrom('typeof ', 'JSON.stringify', '', 'Object.keys'), reference), {
        minLength: 1,
        maxLength: 3,
      })
      .map((parts) => `[${parts.map(([before, text]) => `${before}(${text})`).join(', ')}]`);
    const outcome = (text: string, input: unknown): unknown => {
      try {
        return JSON.stringify(runInNewContext(text, { $: JSON.parse(JSON.stringify(input)) }));
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(script, (text) => {
        expect(outcome(text, inputForScript(text, INPUT))).toBe(outcome(text, INPUT));
      }),
      { numRuns: 300 },
    );
  });
});
