import { describe, expect, it } from 'vitest';
import { ExclusiveGate } from '../../../src/worker/exclusive-gate.js';

/** Notes when somebody gets in. */
function visitors(gate: ExclusiveGate): {
  inside: string[];
  shared(name: string): void;
  alone(name: string): void;
} {
  const inside: string[] = [];
  return {
    inside,
    shared: (name) => {
      const waiting = gate.enterShared();
      if (waiting === undefined) inside.push(name);
      else void waiting.then(() => inside.push(name));
    },
    alone: (name) => void gate.enterExclusive().then(() => inside.push(name)),
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
    const { inside, shared, alone } = visitors(gate);
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
    gate.leaveExclusive();
    await turn();
    expect(inside).toEqual(['a', 'b', 'suspect', 'late']);
    expect(gate.isClosed).toBe(false);
  });

  it('several who want to be alone go one after the other', async () => {
    const gate = new ExclusiveGate();
    const { inside, shared, alone } = visitors(gate);
    alone('one');
    alone('two');
    shared('late');
    await turn();
    expect(inside).toEqual(['one']);
    gate.leaveExclusive();
    await turn();
    expect(inside).toEqual(['one', 'two']);
    gate.leaveExclusive();
    await turn();
    expect(inside).toEqual(['one', 'two', 'late']);
  });

  it('counts those whom it lets in after the wait: the next who wants to be alone waits for them', async () => {
    const gate = new ExclusiveGate();
    const { inside, shared, alone } = visitors(gate);
    alone('one');
    await turn();
    shared('a');
    shared('b');
    gate.leaveExclusive();
    alone('two');
    gate.leaveShared();
    await turn();
    expect(inside).not.toContain('two');
    gate.leaveShared();
    await turn();
    expect(inside).toEqual(['one', 'a', 'b', 'two']);
  });
});
