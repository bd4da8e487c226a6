import { describe, expect, it, vi } from 'vitest';
import type { Evaluator } from '../../../../src/server/engine/engine.js';
import { Execution } from '../../../../src/server/engine/execution.js';
import { conductorEngine } from '../../../../src/server/engine/conductor-engine.js';
import type { JsonObject } from '../../../../src/conductor/wire/types.js';
import { MemoryStore } from '../../../../src/server/store/memory-store.js';
import { ManualClock } from '../../../support/manual-clock.js';

const COUNT = 1_000;

/** The condition of the loop below: all but the last iteration lead to another. */
const SCRIPTS: Evaluator = {
  evaluate: ({ input }) => {
    const { iteration } = (input as { loop: { iteration: number } }).loop;
    return Promise.resolve({ value: iteration < COUNT });
  },
  close: () => Promise.resolve(),
};

/**
 * Runs a workflow of system tasks, or of workers' tasks that are completed one by one, and counts what it looks at.
 *
 * @param others - open workflows of the same definition beside it, whose tasks wait in the same queue behind its own
 * @param polled - how many tasks are taken
 */
async function lookUps(
  tasks: JsonObject[],
  { others = 0, polled = COUNT } = {},
): Promise<{ total: number; most: number; taskCount: number }> {
  const { core, deliveries, updates } = conductorEngine({
    store: new MemoryStore(),
    clock: new ManualClock(),
    evaluator: SCRIPTS,
    random: () => 0,
    environment: () => undefined,
  });
  core.catalogue.registerWorkflowDef(core.catalogue.checkWorkflowDef({ name: 'flow', tasks }, 'flow'), false);
  const looked = vi.spyOn(Execution.prototype, 'nextToLookAt');
  const asked = vi.spyOn(Execution.prototype, 'latest');
  const changed = vi.spyOn(Execution.prototype, 'change');
  const all = vi.spyOn(Execution.prototype, 'tasks');
  const count = (): number => looked.mock.calls.length + asked.mock.calls.length + changed.mock.calls.length;
  try {
    const definition = core.catalogue.bind(core.catalogue.workflowDef('flow', undefined));
    const start = (): string => core.start(definition, { input: {}, priority: 0, taskToDomain: {} });
    const id = start();
    await core.idle();
    const own = count();
    for (let n = 0; n < others; n++) start();
    const ofOthers = count() - own;
    let most = 0;
    const signal = new AbortController().signal;
    const poll = { taskType: 'work', workerId: 'w', domain: undefined, count: polled, timeoutMs: 0, signal };
    const { tasks: given } = await deliveries.poll(poll);
    for (const task of given) {
      const before = count();
      updates.update({
        taskId: task.taskId,
        workflowInstanceId: id,
        status: 'COMPLETED',
        outputData: { n: task.seq },
        reasonForIncompletion: undefined,
        callbackAfterSeconds: 0,
        workerId: 'w',
        subWorkflowId: undefined,
        externalOutputPayloadStoragePath: undefined,
        executionMetadata: undefined,
        logs: [],
        extendLease: false,
      });
      // The last result ends the workflow, and everything is gathered once.
      if (task !== given.at(-1)) most = Math.max(most, count() - before);
    }
    const total = count() - ofOthers;
    expect(core.store.getWorkflow(id)?.status).toBe('COMPLETED');
    // Only what happens once in a workflow's life may go through the whole of it.
    expect(all.mock.calls.length).toBeLessThan(10);
    return { total, most, taskCount: core.execution(id).taskCount };
  } finally {
    vi.restoreAllMocks();
  }
}

describe('the cost of decisions', () => {
  it('a fork of 1,000 branches: each result looks at a few tasks, whatever their number', async () => {
    const refs = Array.from({ length: COUNT }, (_, index) => `b${index}`);
    const { total, most, taskCount } = await lookUps([
      {
        name: 'fork',
        taskReferenceName: 'fork',
        type: 'FORK_JOIN',
        forkTasks: refs.map((ref) => [{ name: 'work', taskReferenceName: ref, type: 'SIMPLE' }]),
      },
      { name: 'join', taskReferenceName: 'join', type: 'JOIN', joinOn: refs },
    ]);
    expect(taskCount).toBe(COUNT + 2);
    expect(most).toBeLessThan(20);
    expect(total).toBeLessThan(40 * COUNT);
  });

  it('does not depend on how many other workflows are open', async () => {
    const tasks = [{ name: 'work', taskReferenceName: 'a', type: 'SIMPLE' }];
    const alone = await lookUps(tasks, { polled: 1 });
    const among = await lookUps(tasks, { polled: 1, others: 3_000 });
    expect(among).toEqual(alone);
  });

  it('a dynamic fork of 1,000 branches', async () => {
    const dynamicTasks = Array.from({ length: COUNT }, (_, index) => ({
      name: 'work',
      taskReferenceName: `b${index}`,
      type: 'SIMPLE',
    }));
    const { total, most } = await lookUps([
      {
        name: 'fork',
        taskReferenceName: 'fork',
        type: 'FORK_JOIN_DYNAMIC',
        dynamicForkTasksParam: 'tasks',
        dynamicForkTasksInputParamName: 'inputs',
        inputParameters: { tasks: dynamicTasks, inputs: {} },
      },
      { name: 'join', taskReferenceName: 'join', type: 'JOIN' },
    ]);
    expect(most).toBeLessThan(20);
    expect(total).toBeLessThan(40 * COUNT);
  });

  it('a loop of 1,000 iterations', async () => {
    const { total, taskCount } = await lookUps([
      {
        name: 'loop',
        taskReferenceName: 'loop',
        type: 'DO_WHILE',
        loopCondition: "$.loop['iteration'] < 1000",
        loopOver: [
          { name: 'set', taskReferenceName: 'set', type: 'SET_VARIABLE', inputParameters: { x: 1 } },
          { name: 'noop', taskReferenceName: 'noop', type: 'NOOP' },
        ],
      },
    ]);
    expect(taskCount).toBe(2 * COUNT + 1);
    expect(total).toBeLessThan(60 * COUNT);
  });
});
