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

/** Why a process was started again, or replaced by a fresh one. */
export type RestartCause =
  /** It died. */
  | 'crash'
  /** Its heap, its resident memory or the memory of the container was used up. */
  | 'memory'
  /** A task did not end after its execution time-out. */
  | 'execution-timeout'
  /** It neither answered nor computed. */
  | 'blocked'
  /** A signal had stopped it. */
  | 'stopped'
  /** It did not poll although it had room. */
  | 'not-polling'
  /** It did not get ready in time. */
  | 'not-ready'
  /** `recycleAfterTasks` */
  | 'tasks'
  /** `recycleAfter` */
  | 'age'
  /** Somebody asked for it. */
  | 'command';
