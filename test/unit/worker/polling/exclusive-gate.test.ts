import { afterEach, describe, expect, it, vi } from 'vitest';
import { ExclusiveGate } from '../../../../src/worker/polling/exclusive-gate.js';

/** Notes when somebody gets in. */
function visitors(gate: ExclusiveGate): {
  inside: string[];
  shared(name: string): void;
  alone(name: string, isStrict?: boolean, aloneMs?: number): void;
  leave(name: string): void;
} {
  const leaves = new Map<string, () => void>();
  const inside: string[] = [];
  return {
    inside,
    shared: (name) => {
      const waiting = gate.enterShared();
      if (waiting === undefined) inside.push(name);
      else void waiting.then(() => inside.push(name));
    },
    alone: (name, isStrict, aloneMs) =>
      void gate.enterExclusive(isStrict).then(() => {
        inside.push(name);
        leaves.set(name, gate.stayAlone(aloneMs));
      }),
    leave: (name) => leaves.get(name)?.(),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ExclusiveGate', () => {
  it('lets any number in side by side, without waiting', () => {
    const gate = new ExclusiveGate();
    expect([gate.enterShared(), gate.enterShared(), gate.enterShared()]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(gate.isClosed).toBe(false);
  });

  it('who wants to be alone waits for those inside, and holds up those who come later', async () => {
    const gate = new ExclusiveGate();
    const { inside, shared, alone, leave } = visitors(gate);
    shared('a');
    shared('b');
    alone('suspect');
    expect(gate.isClosed).toBe(true);
    shared('late');
    await turn();
    expect(inside).toEqual(['a', 'b']);
    gate.leaveShared();
    await turn();
    expect(inside).toEqual(['a', 'b']);
    gate.leaveShared();
    await turn();
    expect(inside).toEqual(['a', 'b', 'suspect']);
    leave('suspect');
    await turn();
    expect(inside).toEqual(['a', 'b', 'suspect', 'late']);
    expect(gate.isClosed).toBe(false);
  });

  it('several who want to be alone go one after the other', async () => {
    const gate = new ExclusiveGate();
    const { inside, shared, alone, leave } = visitors(gate);
    alone('one');
    alone('two');
    shared('late');
    await turn();
    expect(inside).toEqual(['one']);
    leave('one');
    await turn();
    expect(inside).toEqual(['one', 'two']);
    leave('two');
    await turn();
    expect(inside).toEqual(['one', 'two', 'late']);
  });

  it('counts those whom it lets in after the wait: the next who wants to be alone waits for them', async () => {
    const gate = new ExclusiveGate();
    const { inside, shared, alone, leave } = visitors(gate);
    alone('one');
    await turn();
    shared('a');
    shared('b');
    leave('one');
    alone('two');
    gate.leaveShared();
    await turn();
    expect(inside).not.toContain('two');
    gate.leaveShared();
    await turn();
    expect(inside).toEqual(['one', 'a', 'b', 'two']);
  });

  describe('who was alone long enough', () => {
    afterEach(() => void vi.useRealTimers());

    it('has others beside it, the next suspect too, but not one who must be alone to the end', async () => {
      vi.useFakeTimers();
      const gate = new ExclusiveGate();
      const { inside, shared, alone, leave } = visitors(gate);
      alone('long', false, 5_000);
      await vi.advanceTimersByTimeAsync(0);
      shared('a');
      await vi.advanceTimersByTimeAsync(4_999);
      expect(inside).toEqual(['long']);
      await vi.advanceTimersByTimeAsync(1);
      expect(inside).toEqual(['long', 'a']);
      expect(gate.isClosed).toBe(false);

      alone('next', false, 5_000);
      alone('strict', true);
      gate.leaveShared();
      await vi.advanceTimersByTimeAsync(0);
      expect(inside).toEqual(['long', 'a', 'next']);
      leave('next');
      await vi.advanceTimersByTimeAsync(60_000);
      expect(inside).not.toContain('strict');
      expect(gate.isClosed).toBe(true);
      leave('long');
      await vi.advanceTimersByTimeAsync(0);
      expect(inside).toEqual(['long', 'a', 'next', 'strict']);
    });

    it('and leaves before, lets nobody in twice', async () => {
      vi.useFakeTimers();
      const gate = new ExclusiveGate();
      const { inside, alone, leave } = visitors(gate);
      alone('one', false, 5_000);
      alone('two', true);
      await vi.advanceTimersByTimeAsync(0);
      leave('one');
      alone('three', true);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(inside).toEqual(['one', 'two']);
    });
  });
});
