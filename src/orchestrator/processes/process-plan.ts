/** A worker as the orchestrator knows it: never its code, only how it runs. */
export interface PlannedWorker {
  readonly key: string;
  readonly taskType: string;
  readonly concurrency: number;
  readonly pollInterval: number;
  /** How long its process may give no sign of progress, in milliseconds. */
  readonly blockedTimeout: number;
  /** Does not poll until it is resumed. */
  readonly startsPaused?: boolean;
  /** The file that exports it, for workers that were discovered. */
  readonly file: string | undefined;
}

/** What a process may use, and when it is replaced by a fresh one. What is absent has no limit. */
export interface ProcessLimits {
  /** Heap limit of JavaScript. */
  readonly heapMb?: number | undefined;
  /** Resident memory with which it is replaced. */
  readonly residentMb?: number | undefined;
  readonly recycleAfterTasks?: number | undefined;
  readonly recycleAfterMs?: number | undefined;
  /** Priority, from -20 (high) to 19 (low). */
  readonly nice?: number | undefined;
}

/** The longest that any of its workers may need. */
export function blockedTimeoutOf({ workers }: ProcessPlan): number {
  return Math.max(...workers.map((worker) => worker.blockedTimeout));
}

/** One worker process over its restarts. */
export interface ProcessPlan {
  readonly name: string;
  readonly workers: readonly PlannedWorker[];
  readonly limits?: ProcessLimits;
}
