import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNestedDeeper } from '../../../src/core/json-depth.js';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

it('agrees with the depth of the parsed value, brackets in strings included', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const depth = depthOf(JSON.parse(text));
      expect(isNestedDeeper(text, depth)).toBe(false);
      if (depth > 0) expect(isNestedDeeper(text.padEnd(depth + 1), depth - 1)).toBe(true);
    }),
    { seed: 4, numRuns: 300 },
  );
});

it.each([
  ['[[]]', 1, true],
  ['[[]]', 2, false],
  ['{"a":"[[[[\\"[["}', 1, false],
  ['"'.repeat(3), 1, false],
  ['"\\', 0, false],
  ['['.repeat(1_000_000), 1_000, true],
])('%.20s with a limit of %i: %s', (text, maxDepth, expected) => {
  expect(isNestedDeeper(text, maxDepth)).toBe(expected);
});
