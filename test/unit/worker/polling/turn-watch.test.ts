import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TurnWatch } from '../../../../src/worker/polling/turn-watch.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Looks every two seconds, as the signs of life do. */
function look(watch: TurnWatch, seconds: number): number {
  let overdueMs = 0;
  for (let passed = 0; passed < seconds; passed += 2) {
    vi.advanceTimersByTime(2_000);
    overdueMs = watch.look();
  }
  return overdueMs;
}

test('a turn that is late, and stays so, is overdue; the next one ends that', () => {
  const watch = new TurnWatch();
  watch.turn(1_000);
  expect(look(watch, 6)).toBe(0);
  expect(look(watch, 60)).toBe(60_000);
  watch.turn(1_000);
  expect(watch.look()).toBe(0);
});

test('a loop that waits for room is never overdue', () => {
  const watch = new TurnWatch();
  watch.turn(Infinity);
  expect(look(watch, 3_600)).toBe(0);
});

test('time in which the event loop computed does not count', () => {
  const watch = new TurnWatch();
  watch.turn(1_000);
  vi.advanceTimersByTime(3_600_000);
  expect(watch.look()).toBeLessThanOrEqual(4_000);
});
