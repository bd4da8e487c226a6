import type { TuttiError } from '../../core/errors.js';
import type { ProcessDeath } from '../ledger/process-death.js';
import type { Replica } from './replica.js';
import type { RestartCause } from '../../protocol/states.js';

/** A process that is replaced while it runs. */
export interface Replacement {
  readonly cause: RestartCause;
  /** In words. */
  readonly reason: string;
  /** The process that leaves. */
  readonly oldPid: number;
  /** The process that takes its place. */
  readonly pid: number;
}

/** What a replica reports of itself. Of its tasks the ledger learns directly. */
export interface ReplicaListener {
  /** A process is ready; it is the current one of its replica. */
  ready(replica: Replica): void;
  /** @param failedTasks - ids of the tasks that are reported as failed */
  died(replica: Replica, death: ProcessDeath, failedTasks: readonly string[]): void;
  restarting(replica: Replica, delayMs: number, deaths: number): void;
  givenUp(replica: Replica, error: TuttiError): void;
  /** A fresh process has taken over; the old one finishes its tasks and leaves. */
  replaced?(replica: Replica, replacement: Replacement): void;
  /** The fresh process did not get ready; the old one goes on. */
  replaceFailed?(replica: Replica, cause: RestartCause, error: TuttiError): void;
}
