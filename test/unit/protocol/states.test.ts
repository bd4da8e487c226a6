import { describe, expect, it, test } from 'vitest';
import { StateMachine, type Transitions } from '../../../src/core/state-machine.js';
import {
  ORCHESTRATOR_TRANSITIONS,
  REPLICA_TRANSITIONS,
  WORKER_PROCESS_TRANSITIONS,
} from '../../../src/protocol/states.js';

/** The moves that are allowed, one `from → to` each; every other one must throw. */
const MACHINES: readonly [name: string, table: Transitions<string>, allowed: readonly string[]][] = [
  [
    'orchestrator',
    ORCHESTRATOR_TRANSITIONS,
    [
      'created → starting',
      'created → stopping',
      'starting → running',
      'starting → stopping',
      'running → stopping',
      'stopping → stopped',
      'stopping → failed',
    ],
  ],
  [
    'replica',
    REPLICA_TRANSITIONS,
    [
      'idle → spawning',
      'spawning → ready',
      'spawning → stopping',
      'spawning → exited',
      'ready → stopping',
      'ready → exited',
      'stopping → exited',
      'exited → waiting',
      'exited → failed',
      'waiting → spawning',
      'waiting → exited',
      'failed → spawning',
    ],
  ],
  [
    'worker process',
    WORKER_PROCESS_TRANSITIONS,
    [
      'starting → running',
      'starting → draining',
      'starting → failed',
      'running → draining',
      'running → failed',
      'draining → aborting',
      'draining → stopped',
      'draining → failed',
      'aborting → stopped',
      'aborting → failed',
    ],
  ],
];

describe.each(MACHINES)('%s', (name, table, allowed) => {
  const states = Object.keys(table);
  const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

  test.each(pairs)('%s → %s', (from, to) => {
    const machine = new StateMachine(name, table, from);
    if (allowed.includes(`${from} → ${to}`)) {
      machine.to(to);
      expect(machine.state).toBe(to);
    } else {
      expect(() => machine.to(to)).toThrow(`${name} cannot go from "${from}" to "${to}"`);
    }
  });

  it('leads from its first state to every other', () => {
    const reached = new Set([states[0]!]);
    for (const state of reached) for (const next of table[state]!) reached.add(next);
    expect([...reached].sort()).toEqual([...states].sort());
  });
});
