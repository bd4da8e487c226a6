import { expect, test } from 'vitest';
import type { ProcessPlan } from '../../../../src/orchestrator/processes/process-plan.js';
import { changesTo, type Change } from '../../../../src/orchestrator/replicas/reconciliation.js';

const plan = (name: string, concurrency = 1): ProcessPlan => ({
  name,
  workers: [
    { key: 'a:A', taskType: 'a', concurrency, pollInterval: 100, blockedTimeout: 60_000, file: undefined },
  ],
});
const renewal = { cause: 'age', reason: 'it is old' } as const;

test.each<[string, Change[], string[], (string | ProcessPlan)[], string[]]>([
  ['nothing runs: all are started', [{ action: 'start', plan: plan('a') }], [], ['a'], []],
  ['all run already: nothing', [], ['a', 'b'], ['a', 'b'], []],
  [
    'one is not wanted any more, and one is new',
    [
      { action: 'stop', name: 'a' },
      { action: 'start', plan: plan('c') },
    ],
    ['a', 'b'],
    ['b', 'c'],
    [],
  ],
  [
    'one has another plan',
    [
      {
        action: 'replace',
        plan: plan('b', 5),
        renewal: { cause: 'command', reason: 'its plan has changed' },
      },
    ],
    ['a', 'b'],
    ['a', plan('b', 5)],
    [],
  ],
  [
    'a fresh process is asked for',
    [{ action: 'replace', plan: plan('b'), renewal }],
    ['a', 'b'],
    ['a', 'b'],
    ['b'],
  ],
  ['a fresh process is asked for where none runs', [{ action: 'start', plan: plan('a') }], [], ['a'], ['a']],
])('%s', (_title, changes, running, wanted, renewed) => {
  const replicas = wanted.map((one) => (typeof one === 'string' ? plan(one) : one));
  const renewals = new Map(renewed.map((name) => [name, renewal]));
  expect(
    changesTo(
      { replicas, renewals },
      running.map((name) => plan(name)),
    ),
  ).toEqual(changes);
});
