import { TuttiError } from '../core/errors.js';
import type { Orchestrator } from '../orchestrator/orchestrator.js';

/** Members of the orchestrator that a program may look for on the promise; a unit test compares them with the class. */
export const ORCHESTRATOR_MEMBERS = [
  'clients',
  'drain',
  'join',
  'ready',
  'kill',
  'off',
  'on',
  'once',
  'pause',
  'restart',
  'resume',
  'serverUrl',
  'setConcurrency',
  'setPollInterval',
  'start',
  'state',
  'status',
  'stop',
] as const satisfies readonly (keyof Orchestrator)[];

/**
 * The same promise, on which every member of the orchestrator throws: without a compiler, a forgotten `await` would
 * otherwise be a bare "is not a function".
 */
export function withoutAwaitExplained(promise: Promise<Orchestrator>): Promise<Orchestrator> {
  for (const member of ORCHESTRATOR_MEMBERS) {
    void Object.defineProperty(promise, member, {
      configurable: true,
      get: () => {
        throw new TuttiError(
          'ILLEGAL_STATE',
          `bootstrap() returns a promise, which has no \`${member}\`. Fix: const orchestrator = await bootstrap(…)`,
        );
      },
    });
  }
  return promise;
}
