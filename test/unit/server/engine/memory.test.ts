import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { conductorEngine, type ConductorEngine } from '../../../../src/server/engine/conductor-engine.js';
import { emptyUpdate } from '../../../../src/server/engine/task-updates.js';
import { MemoryStore } from '../../../../src/server/store/memory-store.js';

const KEPT = 100;

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

let engine: ConductorEngine;
afterEach(() => engine.core.close());

function start(kept: number): void {
  engine = conductorEngine({
    store: new MemoryStore({ finished: kept, age: Infinity }),
    evaluator: { evaluate: () => Promise.resolve({ value: null }), close: () => Promise.resolve() },
    environment: () => undefined,
  });
  const { catalogue } = engine.core;
  // With time-outs and logs, since timers and logs must go as well.
  const taskDef = { name: 'work', ownerEmail: 'a@b.example', timeoutSeconds: 3_600 };
  catalogue.registerTaskDefs([taskDef]);
  const tasks = [
    { name: 'set', taskReferenceName: 'set', type: 'SET_VARIABLE', inputParameters: { text: 'x' } },
    {
      name: 'work',
      taskReferenceName: 'work',
      type: 'SIMPLE',
      inputParameters: { n: '${workflow.input.n}' },
    },
  ];
  const def = { name: 'flow', tasks, timeoutSeconds: 7_200, timeoutPolicy: 'TIME_OUT_WF' };
  catalogue.registerWorkflowDef(catalogue.checkWorkflowDef(def, 'flow'), false);
}

/** Workflows from their start to their end; every tenth is terminated while its task waits. */
async function finish(count: number): Promise<void> {
  const { core, deliveries, updates } = engine;
  const definition = core.catalogue.bind(core.catalogue.workflowDef('flow', undefined));
  const { signal } = new AbortController();
  const poll = { taskType: 'work', workerId: 'w', domain: undefined, count: 1, timeoutMs: 0, signal };
  for (let n = 0; n < count; n++) {
    const id = core.start(definition, {
      input: { n, text: 'y'.repeat(1_000) },
      priority: 0,
      taskToDomain: {},
      correlationId: `c${n}`,
    });
    if (n % 10 === 0) {
      core.terminate(id, 'not wanted any more');
      continue;
    }
    const [task] = (await deliveries.poll(poll)).tasks;
    const logs = [{ log: 'done', createdTime: n }];
    updates.update({ ...emptyUpdate(task!), status: 'COMPLETED', outputData: { n }, logs });
  }
}

describe('the memory of the engine', () => {
  it('is bounded by the retention: finished workflows leave nothing behind', async () => {
    start(KEPT);
    // What is compiled and cached, and as many finished workflows as are kept.
    await finish(1_000);
    const before = heapAfterGc();
    await finish(5_000);
    const grown = heapAfterGc() - before;
    expect([...engine.core.store.findWorkflows({})]).toHaveLength(KEPT);
    expect(engine.core.openWorkflows).toBe(0);
    // 5,000 of them that stayed would be over 20 MB.
    expect(grown).toBeLessThan(2_000_000);
  });

  it('grows with what is kept: the measurement sees workflows that stay', async () => {
    start(Infinity);
    await finish(1_000);
    const before = heapAfterGc();
    await finish(1_000);
    expect(heapAfterGc() - before).toBeGreaterThan(3_000_000);
  });
});
