import { describe, expect, it, test, vi } from 'vitest';
import { IllegalStateError } from '../../../src/core/errors.js';
import { StateMachine, type Transitions } from '../../../src/core/state-machine.js';

type Light = 'red' | 'green' | 'broken';
const TRANSITIONS: Transitions<Light> = { red: ['green', 'broken'], green: ['red'], broken: [] };
const STATES = Object.keys(TRANSITIONS) as Light[];

describe('StateMachine', () => {
  test.each(STATES.flatMap((from) => STATES.map((to) => [from, to] as const)))('%s → %s', (from, to) => {
    const onChange = vi.fn<(from: Light, to: Light) => void>();
    const machine = new StateMachine<Light>('light', TRANSITIONS, from, onChange);
    const isAllowed = TRANSITIONS[from].includes(to);
    expect(machine.can(to)).toBe(isAllowed);
    if (isAllowed) {
      machine.to(to);
      expect(machine.state).toBe(to);
      expect(onChange).toHaveBeenCalledExactlyOnceWith(from, to);
    } else {
      expect(() => machine.to(to)).toThrow(new IllegalStateError('light', from, to));
      expect(machine.state).toBe(from);
      expect(onChange).not.toHaveBeenCalled();
    }
  });

  it('tells whether it is in one of several states', () => {
    const machine = new StateMachine<Light>('light', TRANSITIONS, 'red');
    expect(machine.is('green', 'red')).toBe(true);
    expect(machine.is('green', 'broken')).toBe(false);
  });

  it('has the new state when it tells of the change', () => {
    const seen: Light[] = [];
    const machine: StateMachine<Light> = new StateMachine<Light>('light', TRANSITIONS, 'red', () =>
      seen.push(machine.state),
    );
    machine.to('green');
    expect(seen).toEqual(['green']);
  });
});
