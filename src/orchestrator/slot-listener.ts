import type { TuttiError } from '../core/errors.js';
import type { LedgerTask } from './ledger.js';
import type { ClaimedTask } from './messages.js';
import type { ProcessDeath } from './process-death.js';
import type { WorkerIdentity } from './run-files.js';
import type { Slot } from './slot.js';
import type { RestartCause } from './watchdog.js';

/** A process of a slot that is gone. */
export interface SlotDeath extends ProcessDeath {
  /** What happened, in one sentence. */
  readonly reason: string;
  /** What was in flight in it. */
  readonly tasks: readonly LedgerTask[];
  /** How many of them have no result on disk. */
  readonly cutOff: number;
  readonly incarnation: string;
  readonly workers: readonly WorkerIdentity[];
  /** Whether the server may have given it tasks that it has not told of. */
  readonly mayHaveMore: boolean;
  /** It was told to leave, and did so with everything done. */
  readonly isClean: boolean;
}

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

/** What a slot tells its orchestrator. */
export interface SlotListener {
  /** A process is ready; it is the present one of its slot. */
  ready(slot: Slot): void;
  died(slot: Slot, death: SlotDeath): void;
  restarting(slot: Slot, delayMs: number, deaths: number): void;
  givenUp(slot: Slot, error: TuttiError): void;
  taskAdded(slot: Slot, task: LedgerTask): void;
  taskRemoved(slot: Slot, task: LedgerTask): void;
  /** Whether a task that was delivered before may be run. */
  claim(slot: Slot, claimed: ClaimedTask): Promise<boolean>;
  /** @param workers - those of the process whose request broke off */
  uncertain(slot: Slot, workers: readonly WorkerIdentity[]): void;
  /** A fresh process has taken over; the old one finishes its tasks and leaves. */
  replaced?(slot: Slot, replacement: Replacement): void;
  /** The fresh process did not get ready; the old one goes on. */
  replaceFailed?(slot: Slot, cause: RestartCause, error: TuttiError): void;
}
