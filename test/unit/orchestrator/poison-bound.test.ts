import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crashResults, knownSuspect } from '../../../src/orchestrator/custody/crash-report.js';
import type { LedgerTask } from '../../../src/orchestrator/ledger/ledger-task.js';
import { RESTART_DEFAULTS, restartDecision } from '../../../src/orchestrator/replicas/restart-policy.js';
import { KnownKillers, poisonRecord } from '../../../src/worker/execution/poison.js';
import { makeDeath } from '../../support/make-death.js';
import { makeLedgerTask } from '../../support/make-ledger-task.js';

/** An attempt as it waits at the server. */
interface Attempt {
  readonly id: string;
  readonly isKiller: boolean;
  readonly reason: string | undefined;
}

interface Outcome {
  /** Processes that died. */
  readonly deaths: number;
  /** Those of them that the breaker counts. */
  readonly counted: number;
  readonly completed: ReadonlySet<string>;
  readonly failedForGood: ReadonlySet<string>;
  /** Highest count of deaths that a task ever carried. */
  readonly marks: ReadonlyMap<string, number>;
}

interface Scenario {
  /** Whether each task kills its process. */
  readonly kills: readonly boolean[];
  readonly concurrency: number;
  /** Processes of the same worker. */
  readonly processes: number;
  /** What is left to chance: order of deliveries, which killer is first, how late retries come. */
  readonly dice: readonly number[];
}

const workers = [{ taskType: 'greet', workerId: 'host-1-a' }];

/**
 * Processes that take tasks from a queue in any order: those under suspicion wait until the others have ended, and run
 * one after the other. A task that kills does so at any moment of its run.
 */
function play({ kills, concurrency, processes, dice }: Scenario): Outcome {
  let throws = 0;
  const below = (limit: number): number => (dice[throws++ % dice.length] ?? 0) % limit;
  const queue: Attempt[] = kills.map((isKiller, index) => ({
    id: `t-${index}`,
    isKiller,
    reason: undefined,
  }));
  const takeAny = (): Attempt => queue.splice(below(queue.length), 1)[0]!;
  const killers = new KnownKillers();
  const completed = new Set<string>();
  const failedForGood = new Set<string>();
  const marks = new Map<string, number>();
  let deaths = 0;
  let counted = 0;
  const toLedger = ({ id, reason }: Attempt, state: LedgerTask['state']): LedgerTask =>
    makeLedgerTask(id, { workflowInstanceId: id, state, deaths: poisonRecord(reason).deaths });

  const die = (running: readonly Attempt[], waiting: readonly Attempt[]): void => {
    deaths++;
    const tasks = [
      ...running.map((task) => toLedger(task, 'running')),
      ...waiting.map((task) => toLedger(task, 'waiting')),
    ];
    const results = crashResults(makeDeath({ workers, tasks }), { isStored: () => false, killers });
    const suspect = knownSuspect(tasks);
    if (suspect !== undefined) killers.add('greet', suspect);
    const death = { before: 0, livedMs: 0, isBySuspect: suspect !== undefined };
    counted += restartDecision(death, RESTART_DEFAULTS).deaths;
    for (const { taskId, status, reasonForIncompletion } of results) {
      const attempt = running.find(({ id }) => id === taskId)!;
      marks.set(taskId, poisonRecord(reasonForIncompletion).deaths);
      if (status === 'FAILED') queue.push({ ...attempt, reason: reasonForIncompletion });
      else failedForGood.add(taskId);
    }
    // Given back as the server has them.
    queue.push(...waiting);
  };

  /** A process from its start to its death, or until it has nothing to do for a moment. */
  const run = (): void => {
    const taken = Array.from({ length: Math.min(queue.length, 1 + below(concurrency)) }, takeAny);
    const isSuspect = ({ reason }: Attempt): boolean => poisonRecord(reason).deaths > 0;
    const suspects = taken.filter(isSuspect);
    let running = taken.filter((task) => !isSuspect(task));
    // Some have ended before the first killer strikes.
    const struck = running.filter((task) => task.isKiller);
    running = running.filter((task) => {
      const hasEnded = !task.isKiller && (struck.length === 0 || below(2) === 0);
      if (hasEnded) completed.add(task.id);
      return !hasEnded;
    });
    if (struck.length > 0) return die(running, suspects);
    while (suspects.length > 0) {
      const alone = suspects.shift()!;
      if (alone.isKiller) return die([alone], suspects);
      completed.add(alone.id);
    }
  };

  while (queue.length > 0) for (let process = 0; process < processes; process++) if (queue.length > 0) run();
  return { deaths, counted, completed, failedForGood, marks };
}

const scenarios = fc.record({
  kills: fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
  concurrency: fc.integer({ min: 1, max: 30 }),
  processes: fc.integer({ min: 1, max: 4 }),
  dice: fc.array(fc.nat(), { minLength: 50, maxLength: 200 }),
});

describe('with k tasks that kill their process among n', () => {
  it('at most 3 + 2(k − 1) processes die, at any concurrency and in any order', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const k = scenario.kills.filter(Boolean).length;
        const { deaths, counted } = play(scenario);
        expect(deaths).toBeLessThanOrEqual(k === 0 ? 0 : 3 + 2 * (k - 1));
        // The breaker counts the first death of each at most: deaths by known suspects are explained.
        expect(counted).toBeLessThanOrEqual(k);
      }),
      { seed: 20261124, numRuns: 500 },
    );
  });

  it('every killer is failed for good, every other task completes and is suspected once at most', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const { completed, failedForGood, marks } = play(scenario);
        scenario.kills.forEach((isKiller, index) => {
          const id = `t-${index}`;
          expect([failedForGood.has(id), completed.has(id)]).toEqual([isKiller, !isKiller]);
          if (!isKiller) expect(marks.get(id) ?? 0).toBeLessThanOrEqual(1);
        });
      }),
      { seed: 20261124, numRuns: 500 },
    );
  });

  it('the bound is reached, so that nothing below it holds', () => {
    const dice = [0];
    for (const k of [1, 2, 5]) {
      const one = play({ kills: Array.from({ length: k }, () => true), concurrency: 1, processes: 1, dice });
      expect(one.deaths).toBe(3 + 2 * (k - 1));
    }
  });
});
