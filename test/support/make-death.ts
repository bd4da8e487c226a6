import type { ProcessDeath } from '../../src/orchestrator/ledger/process-death.js';
import { deathOf, type DeathFacts } from '../../src/orchestrator/processes/cause-of-death.js';

/** The death of a worker process that was ready and had nothing in flight, but for this. */
export function makeDeath(facts: Partial<DeathFacts> = {}): ProcessDeath {
  return deathOf({
    replica: 'greet#1',
    pid: 42,
    incarnation: 'cafe',
    workers: [],
    livedMs: 0,
    code: null,
    signal: null,
    stderrTail: '',
    error: undefined,
    killedFor: undefined,
    nativeCall: undefined,
    isByMemoryKiller: false,
    hasBegunBuilding: true,
    heapMb: undefined,
    tasks: [],
    mayHaveMore: false,
    hasLeft: false,
    ...facts,
  });
}
