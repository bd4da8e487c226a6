import { expect, test } from 'vitest';
import { ORCHESTRATOR_MEMBERS, withoutAwaitExplained } from '../../../src/app/missing-await.js';
import { Orchestrator } from '../../../src/orchestrator/orchestrator.js';

test('every public member of the orchestrator is explained, and the events', () => {
  const own = Object.getOwnPropertyNames(Orchestrator.prototype).filter((name) => name !== 'constructor');
  expect([...ORCHESTRATOR_MEMBERS].sort()).toEqual([...own, 'on', 'once', 'off'].sort());
});

test('the promise is as it was, but for the members of the orchestrator', async () => {
  const orchestrator = {} as Orchestrator;
  const promise = withoutAwaitExplained(Promise.resolve(orchestrator));
  expect(await promise).toBe(orchestrator);
  expect(Object.keys(promise)).toEqual([]);
  for (const member of ORCHESTRATOR_MEMBERS) {
    expect(() => (promise as unknown as Orchestrator)[member]).toThrow(
      expect.objectContaining({
        code: 'ILLEGAL_STATE',
        message: `bootstrap() returns a promise, which has no \`${member}\`. Fix: const orchestrator = await bootstrap(…)`,
      }),
    );
  }
});
