import type { TaskEnd } from '../../worker/execution/task-reporter.js';

/** How tasks have ended. */
export type EndCounts = Record<TaskEnd, number>;

export function newEndCounts(): EndCounts {
  return {
    COMPLETED: 0,
    FAILED: 0,
    FAILED_WITH_TERMINAL_ERROR: 0,
    IN_PROGRESS: 0,
    HANDED_BACK: 0,
    REFUSED: 0,
    LATE: 0,
    CANCELLED: 0,
    DUPLICATE: 0,
  };
}

/** What the ledger counts for one worker of a replica, over all its processes. */
export interface Tally {
  /** Tasks that have come to it. */
  readonly received: number;
  readonly counts: Readonly<EndCounts>;
  /** Tasks whose process died before their results were on disk. */
  readonly lostToCrashes: number;
  /** Leases that ended before their tasks. */
  readonly leasesLost: number;
}

/** A tally as the ledger itself writes it. */
export interface OpenTally extends Tally {
  received: number;
  readonly counts: EndCounts;
  lostToCrashes: number;
  leasesLost: number;
}

export function newTally(): Tally {
  return { received: 0, counts: newEndCounts(), lostToCrashes: 0, leasesLost: 0 };
}

/** What several workers have counted together. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum: OpenTally = { received: 0, counts: newEndCounts(), lostToCrashes: 0, leasesLost: 0 };
  for (const { received, counts, lostToCrashes, leasesLost } of tallies) {
    sum.received += received;
    sum.lostToCrashes += lostToCrashes;
    sum.leasesLost += leasesLost;
    for (const end of Object.keys(counts) as TaskEnd[]) sum.counts[end] += counts[end];
  }
  return sum;
}
