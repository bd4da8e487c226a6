import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../../src/server/model/api-error.js';
import { conductorEngine } from '../../../../src/server/engine/conductor-engine.js';
import type { Engine } from '../../../../src/server/engine/engine.js';
import { searchTasks } from '../../../../src/server/engine/search.js';
import { MemoryStore } from '../../../../src/server/store/memory-store.js';
import { NO_SCRIPTS } from '../../../support/engine-fixtures.js';
import { ManualClock } from '../../../support/manual-clock.js';

const REQUEST = { query: '', freeText: '*', sort: '', start: 0, size: 10 };

/** An engine with one task of this type that can be found. */
async function engineWith(taskType: string): Promise<Engine> {
  const { core: engine, deliveries } = conductorEngine({
    store: new MemoryStore(),
    evaluator: NO_SCRIPTS,
    clock: new ManualClock(),
    environment: () => undefined,
  });
  const tasks = [{ name: taskType, taskReferenceName: 'a' }];
  engine.catalogue.registerWorkflowDef(
    engine.catalogue.checkWorkflowDef({ name: 'flow', tasks }, 'def'),
    true,
  );
  engine.start(engine.catalogue.bind(engine.catalogue.workflowDef('flow', undefined)), {
    input: {},
    priority: 0,
    taskToDomain: {},
  });
  const { signal } = new AbortController();
  const poll = { taskType, workerId: 'w', domain: undefined, count: 1, timeoutMs: 0, signal };
  expect((await deliveries.poll(poll)).tasks).toHaveLength(1);
  return engine;
}

describe('a search', () => {
  const letters = fc
    .array(fc.constantFrom('a', 'b', '.'), { minLength: 1, maxLength: 8 })
    .map((all) => all.join(''));
  const pattern = fc.array(fc.constantFrom('a', 'b', '.', '*'), { maxLength: 8 }).map((all) => all.join(''));

  it('takes a star for any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        letters,
        fc.array(pattern, { minLength: 1, maxLength: 20 }),
        async (taskType, wanted) => {
          const engine = await engineWith(taskType);
          for (const one of wanted) {
            const asExpression = new RegExp(`^${one.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
            const { totalHits } = searchTasks(engine.store, { ...REQUEST, query: `taskDefName=${one}` });
            expect(totalHits, `${taskType} ~ ${one}`).toBe(asExpression.test(taskType) ? 1 : 0);
          }
          await engine.close();
        },
      ),
      { seed: 8, numRuns: 100 },
    );
  });

  it('with any query has a result or is refused, soon', async () => {
    const engine = await engineWith('a'.repeat(1_000));
    const parts =
      "taskType status workflowId x = > < IN AND * **a ' ( ) , a \\ . + ^ $ __proto__ constructor | 1";
    const part = fc.constantFrom(' ', ' AND ', ...parts.split(' '));
    const text = fc.array(part, { maxLength: 20 }).map((all) => all.join(''));
    const stretched = fc
      .tuple(text, fc.constantFrom(1, 1, 500))
      .map(([one, times]) => one.repeat(times).slice(0, 16_000));
    fc.assert(
      fc.property(stretched, text, text, (query, freeText, sort) => {
        const from = performance.now();
        try {
          expect(
            searchTasks(engine.store, { ...REQUEST, query, freeText, sort }).totalHits,
          ).toBeLessThanOrEqual(1);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          expect(error.status).toBe(400);
        }
        expect(performance.now() - from).toBeLessThan(2_000);
      }),
      { seed: 9, numRuns: 1_500 },
    );
    await engine.close();
  });
});
