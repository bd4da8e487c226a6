import type { Transitions } from '../core/state-machine.js';

/**
 * `idle` not started yet · `spawning` process started, not ready · `ready` running tasks · `stopping` told to stop ·
 * `exited` process gone · `waiting` before the next start · `failed` given up, started again on demand only
 */
export type ReplicaState = 'idle' | 'spawning' | 'ready' | 'stopping' | 'exited' | 'waiting' | 'failed';

export const REPLICA_TRANSITIONS: Transitions<ReplicaState> = {
  idle: ['spawning'],
  spawning: ['ready', 'stopping', 'exited'],
  ready: ['stopping', 'exited'],
  stopping: ['exited'],
  exited: ['waiting', 'failed'],
  waiting: ['spawning', 'exited'],
  failed: ['spawning'],
};

/** `created` → `starting` → `running` → `stopping` → `stopped`; `failed` when the start failed or every replica was given up. */
export type OrchestratorState = 'created' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

export const ORCHESTRATOR_TRANSITIONS: Transitions<OrchestratorState> = {
  created: ['starting', 'stopping'],
  starting: ['running', 'stopping'],
  running: ['stopping'],
  stopping: ['stopped', 'failed'],
  stopped: [],
  failed: [],
};

/** `running` polls; `draining` finishes its tasks; `aborting` has told them to end. */
export type WorkerProcessState = 'starting' | 'running' | 'draining' | 'aborting' | 'stopped' | 'failed';

export const WORKER_PROCESS_TRANSITIONS: Transitions<WorkerProcessState> = {
  starting: ['running', 'draining', 'failed'],
  running: ['draining', 'failed'],
  draining: ['aborting', 'stopped', 'failed'],
  aborting: ['stopped', 'failed'],
  stopped: [],
  failed: [],
};
