import type { TuttiError } from '../../core/errors.js';
import type { LedgerTask } from '../ledger/ledger.js';
import type { ClaimedTask, WorkerIdentity } from '../../protocol/messages.js';
import type { ProcessDeath } from '../processes/process-death.js';
import type { Replica } from './replica.js';
import type { RestartCause } from '../processes/watchdog.js';

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

/** What a replica tells its orchestrator. */
export interface ReplicaListener {
  /** A process is ready; it is the present one of its replica. */
  ready(replica: Replica): void;
  died(replica: Replica, death: ProcessDeath): void;
  restarting(replica: Replica, delayMs: number, deaths: number): void;
  givenUp(replica: Replica, error: TuttiError): void;
  taskAdded(replica: Replica, task: LedgerTask): void;
  taskRemoved(replica: Replica, task: LedgerTask): void;
  /** Whether a task that was delivered before may be run. */
  claim(replica: Replica, claimed: ClaimedTask): Promise<boolean>;
  /** @param workers - those of the process whose request broke off */
  uncertain(replica: Replica, workers: readonly WorkerIdentity[]): void;
  /** A fresh process has taken over; the old one finishes its tasks and leaves. */
  replaced?(replica: Replica, replacement: Replacement): void;
  /** The fresh process did not get ready; the old one goes on. */
  replaceFailed?(replica: Replica, cause: RestartCause, error: TuttiError): void;
}
