import { expect, it } from 'vitest';
import { RecentMap } from '../../../../src/native/backend/recent-map.js';

it('keeps what was asked for last, and makes anew what it has forgotten', () => {
  const map = new RecentMap<string, string>(2);
  const made: string[] = [];
  const ask = (key: string): string => map.getOr(key, () => (made.push(key), key.toUpperCase()));
  expect(['a', 'b', 'a', 'c', 'a', 'b'].map(ask)).toEqual(['A', 'B', 'A', 'C', 'A', 'B']);
  // "b" was forgotten for "c", and "a" was not.
  expect(made).toEqual(['a', 'b', 'c', 'b']);
  expect(map.size).toBe(2);
});
