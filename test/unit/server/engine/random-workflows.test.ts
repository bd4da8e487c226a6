import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/conductor/wire/types.js';
import type { Evaluation, Evaluated } from '../../../../src/server/engine/decider-context.js';
import type { Evaluator } from '../../../../src/server/engine/engine.js';
import type { Changes } from '../../../../src/server/engine/execution.js';
import type { TaskModel } from '../../../../src/server/model/models.js';
import { MemoryStore } from '../../../../src/server/store/memory-store.js';
import { ManualClock } from '../../../support/manual-clock.js';
import {
  allTasksOf,
  definitionsOf,
  described,
  EngineRun,
  isOver,
  isWorkerTask,
  MOST_STEPS,
  moveAt,
  openTasksOf,
  randomCase,
  waitingTasks,
  type Family,
  type RandomCase,
} from '../../../support/random-workflows.js';

/** Always the same cases, and few enough for every run of the suite. */
const RUNS = { seed: 20_261_124, numRuns: Number(process.env['RANDOM_ROUNDS'] ?? 40) };
const PREFIX = 'P';

/** The two expressions of random workflows, without an interpreter. */
const SCRIPTS: Evaluator = {
  evaluate: ({ expression, input }: Evaluation): Promise<Evaluated> => {
    const values = input as Record<string, JsonObject | undefined>;
    const loop = /^\$\.(\w+)\['iteration'\] < (\d+)$/.exec(expression);
    if (loop === null) return Promise.resolve({ value: Number(values['n']) + 1 });
    const output = values[loop[1]!];
    return Promise.resolve(
      output === undefined
        ? { error: `TypeError: ${loop[1]!} is not defined`, isFinal: true }
        : { value: Number(output['iteration']) < Number(loop[2]) },
    );
  },
  close: () => Promise.resolve(),
};

/** A store whose rows are JSON, as they are in a file. */
class JsonStore extends MemoryStore {
  override commit(changes: Changes): void {
    super.commit(asJson(changes));
  }
}

function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function newIds(): () => string {
  let count = 0;
  return () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
}

interface Played {
  readonly run: EngineRun;
  readonly states: readonly JsonObject[];
  readonly last: Family;
}

/** Plays a case to its end. @param between - what happens between two steps; it may go on with another engine */
async function play(
  one: RandomCase,
  between: (run: EngineRun, family: Family) => Promise<EngineRun> | EngineRun = (run) => run,
): Promise<Played> {
  let run = new EngineRun(
    { store: new JsonStore(), evaluator: SCRIPTS, clock: new ManualClock(), newId: newIds() },
    { definitions: definitionsOf(one, PREFIX) },
  );
  const states: JsonObject[] = [];
  for (let step = 0; ; step++) {
    const family = await run.settled();
    states.push(described(family, PREFIX));
    if (isOver(family)) return { run, states, last: family };
    expect(step, 'steps').toBeLessThan(MOST_STEPS);
    run = await between(run, family);
    const waiting = waitingTasks(await run.settled());
    expect(waiting, 'tasks that wait for a worker, in a workflow that runs').not.toEqual([]);
    const { pick, status } = moveAt(one, step);
    await run.work(waiting[pick % waiting.length]!.taskType, status);
  }
}

function check(property: (one: RandomCase) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(randomCase, property), RUNS);
}

describe('random workflows and histories', () => {
  it('end, or wait for workers, with tasks that agree with each other and with the queues', () =>
    check(async (one) => {
      const { last } = await play(one, async (run, family) => {
        checkTasks(family);
        checkQueues(run, family);
        await checkThatNothingIsLeftToDecide(run);
        return run;
      });
      checkTasks(last);
      expect(openTasksOf(last)).toEqual([]);
    }));

  it('go the same way on a server that starts anew before each step', () =>
    check(async (one) => {
      const { states } = await play(one);
      const clock = new ManualClock();
      const ids = newIds();
      const restarted = await play(one, ({ workflowId, engine }) => {
        const newId = (): string => `1${ids().slice(1)}`;
        return new EngineRun({ store: engine.store, evaluator: SCRIPTS, clock, newId }, { workflowId });
      });
      expect(restarted.states).toEqual(states);
    }));
});

function checkQueues({ engine }: EngineRun, family: Family): void {
  const types = new Set(
    allTasksOf(family)
      .filter(isWorkerTask)
      .map((task) => task.taskType),
  );
  const queued = [...types].flatMap((type) => Array<string>(engine.queues.size(type)).fill(type));
  expect(queued.sort()).toEqual(waitingTasks(family).map((task) => task.taskType));
}

async function checkThatNothingIsLeftToDecide({ engine, workflowId }: EngineRun): Promise<void> {
  const before = asJson(engine.store.getExecution(workflowId));
  engine.run(workflowId, (execution) => execution.touchAll());
  await engine.idle();
  expect(asJson(engine.store.getExecution(workflowId))).toEqual(before);
}

/** What holds of the tasks of a workflow at any moment. */
function checkTasks(family: Family): void {
  const tasks = family.workflow.tasks as unknown as TaskModel[];
  const attempts = new Map<string, TaskModel[]>();
  for (const task of tasks) {
    attempts.set(task.referenceTaskName, [...(attempts.get(task.referenceTaskName) ?? []), task]);
    const isOpen = task.status === 'SCHEDULED' || task.status === 'IN_PROGRESS';
    expect(isOpen && (task.retried || task.executed), `${task.referenceTaskName} is open`).toBe(false);
    expect(task.retried && task.executed, `${task.referenceTaskName} was retried and gone beyond`).toBe(
      false,
    );
  }
  for (const [ref, list] of attempts) {
    expect(
      list.map((task) => task.retryCount),
      `attempts of ${ref}`,
    ).toEqual(list.map((_, index) => index));
    expect(
      list.map((task) => task.retried),
      `attempts of ${ref} that were retried`,
    ).toEqual(list.map((_, index) => index < list.length - 1));
    list.slice(1).forEach((task, index) => expect(task.retriedTaskId).toBe(list[index]!.taskId));
  }
  expect(tasks.map((task) => task.seq)).toEqual(tasks.map((_, index) => index + 1));
  for (const child of family.children.values()) checkTasks(child);
}
