import { expect, test } from 'vitest';
import { counted, countedInARow } from '../../../src/core/words.js';

test.each([
  [0, '0 deaths', '0 deaths in a row'],
  [1, '1 death', '1 death'],
  [2, '2 deaths', '2 deaths in a row'],
])('%i has its plural', (count, words, inARow) => {
  expect([counted(count, 'death'), countedInARow(count, 'death')]).toEqual([words, inARow]);
});
