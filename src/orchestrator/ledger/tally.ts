import {
  sumOfDurations,
  type Counter,
  type Durations,
  type Histogram,
  type Meter,
} from '../../core/meter.js';
import type { DurationsEntry } from '../../protocol/messages.js';
import type { TaskEnd } from '../../worker/execution/task-reporter.js';

/** How tasks have ended. */
export type EndCounts = Record<TaskEnd, number>;

const ENDS: readonly TaskEnd[] = [
  'COMPLETED',
  'FAILED',
  'FAILED_WITH_TERMINAL_ERROR',
  'IN_PROGRESS',
  'HANDED_BACK',
  'REFUSED',
  'LATE',
  'CANCELLED',
  'DUPLICATE',
];

export function newEndCounts(): EndCounts {
  return Object.fromEntries(ENDS.map((end) => [end, 0])) as EndCounts;
}

/** What was counted, for one worker or several. */
export interface TallyCounts {
  /** Tasks that have come. */
  readonly received: number;
  readonly counts: EndCounts;
  /** Tasks whose process died before their results were on disk. */
  readonly lostToCrashes: number;
  /** Leases that ended before their tasks. */
  readonly leasesLost: number;
}

/** The names of the figures, with the labels `replica` and `worker`; those of ends and durations have `end` as well. */
const FIGURES = {
  received: 'tasks_received',
  ended: 'tasks_ended',
  lostToCrashes: 'tasks_lost_to_crashes',
  leasesLost: 'leases_lost',
  duration: 'task_duration_ms',
} as const;

/** What the ledger counts and measures for one worker of a replica, over all its processes. Written by the ledger only. */
export class Tally {
  readonly #meter: Meter;
  readonly #labels: { readonly replica: string; readonly worker: string };
  readonly #received: Counter;
  readonly #ended: Readonly<Record<TaskEnd, Counter>>;
  readonly #lostToCrashes: Counter;
  readonly #leasesLost: Counter;
  readonly #durations = new Map<TaskEnd, Histogram>();

  constructor(meter: Meter, replica: string, worker: string) {
    this.#meter = meter;
    const labels = { replica, worker };
    this.#labels = labels;
    this.#received = meter.counter(FIGURES.received, labels);
    this.#lostToCrashes = meter.counter(FIGURES.lostToCrashes, labels);
    this.#leasesLost = meter.counter(FIGURES.leasesLost, labels);
    this.#ended = Object.fromEntries(
      ENDS.map((end) => [end, meter.counter(FIGURES.ended, { ...labels, end })]),
    ) as Record<TaskEnd, Counter>;
  }

  received(): void {
    this.#received.add(1);
  }

  ended(end: TaskEnd): void {
    this.#ended[end].add(1);
  }

  lostToCrash(): void {
    this.#lostToCrashes.add(1);
  }

  leaseLost(): void {
    this.#leasesLost.add(1);
  }

  /** How long tasks ran, as their process has measured it. */
  measured(entries: readonly DurationsEntry[]): void {
    for (const [end, durations] of entries) {
      let histogram = this.#durations.get(end);
      if (histogram === undefined) {
        histogram = this.#meter.histogram(FIGURES.duration, { ...this.#labels, end });
        this.#durations.set(end, histogram);
      }
      histogram.add(durations);
    }
  }

  get counts(): TallyCounts {
    return {
      received: this.#received.value,
      counts: Object.fromEntries(ENDS.map((end) => [end, this.#ended[end].value])) as EndCounts,
      lostToCrashes: this.#lostToCrashes.value,
      leasesLost: this.#leasesLost.value,
    };
  }

  /** How long the code of tasks has run, however they ended. */
  get durations(): Durations {
    return sumOfDurations([...this.#durations.values()].map((histogram) => histogram.value));
  }
}

/** What several workers have counted together. */
export function sumOf(tallies: readonly Tally[]): TallyCounts {
  let [received, lostToCrashes, leasesLost] = [0, 0, 0];
  const counts = newEndCounts();
  for (const { counts: one } of tallies) {
    received += one.received;
    lostToCrashes += one.lostToCrashes;
    leasesLost += one.leasesLost;
    for (const end of ENDS) counts[end] += one.counts[end];
  }
  return { received, counts, lostToCrashes, leasesLost };
}
