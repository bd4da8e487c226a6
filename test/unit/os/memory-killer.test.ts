import { expect, test } from 'vitest';
import { MemoryKiller } from '../../../src/os/memory-killer.js';

test('a kill explains the death that follows it, and no other', () => {
  let count = 5;
  const killer = new MemoryKiller(() => count);
  expect(killer.explains(1_000)).toBe(false);
  count = 6;
  expect(killer.explains(2_000)).toBe(true);
  expect(killer.explains(2_100)).toBe(false);
});

test('two kills within a moment explain two deaths', () => {
  let count = 0;
  const killer = new MemoryKiller(() => count);
  count = 1;
  killer.look(1_000);
  count = 2;
  killer.look(1_500);
  expect([killer.explains(1_600), killer.explains(1_600), killer.explains(1_600)]).toEqual([
    true,
    true,
    false,
  ]);
});

test('a kill of something else is not put down to a later death', () => {
  let count = 0;
  const killer = new MemoryKiller(() => count);
  count = 1;
  killer.look(1_000);
  expect(killer.explains(10_000)).toBe(false);
});

test('where kills are not counted, none is known', () => {
  const killer = new MemoryKiller(() => undefined);
  killer.look(1_000);
  expect(killer.explains(1_000)).toBe(false);
});
