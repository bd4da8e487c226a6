/** What tells the series of one figure apart, such as `{ worker: 'greet:GreetWorker' }`. */
export type Labels = Readonly<Record<string, string>>;

/** Upper bounds of the buckets in which durations are counted, in milliseconds. One more bucket takes what is longer. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
];

/** Durations, counted by how long they were. */
export interface Durations {
  readonly count: number;
  /** Of all of them, in milliseconds. */
  readonly sumMs: number;
  /** How many are in each bucket of {@link DURATION_BOUNDS_MS}, and how many are longer. */
  readonly buckets: readonly number[];
}

/** A number that only grows. */
export interface Counter {
  readonly value: number;
  add(amount: number): void;
}

/** Durations as they are measured. */
export interface Histogram {
  readonly value: Durations;
  record(ms: number): void;
  /** Adds what was measured elsewhere. */
  add(measured: Durations): void;
}

/** The port to whatever keeps the figures of an application. The same name and labels give the same series. */
export abstract class Meter {
  abstract counter(name: string, labels: Labels): Counter;
  abstract histogram(name: string, labels: Labels): Histogram;
}

/** One series with its present value. */
export interface Series {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number | Durations;
}

/** Keeps its figures in memory, for whoever reads them now and then. */
export class MemoryMeter extends Meter {
  readonly #counters = new Map<string, Named<SimpleCounter>>();
  readonly #histograms = new Map<string, Named<SimpleHistogram>>();

  override counter(name: string, labels: Labels): Counter {
    return seriesOf(this.#counters, name, labels, () => new SimpleCounter());
  }

  override histogram(name: string, labels: Labels): Histogram {
    return seriesOf(this.#histograms, name, labels, () => new SimpleHistogram());
  }

  /** Everything that is kept, in the order in which it was first asked for; counters come first. */
  series(): Series[] {
    return [...this.#counters.values(), ...this.#histograms.values()].map(({ name, labels, kept }) => ({
      name,
      labels,
      value: kept.value,
    }));
  }
}

interface Named<T> {
  readonly name: string;
  readonly labels: Labels;
  readonly kept: T;
}

function seriesOf<T>(all: Map<string, Named<T>>, name: string, labels: Labels, make: () => T): T {
  const key = JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
  let series = all.get(key);
  if (series === undefined) {
    series = { name, labels, kept: make() };
    all.set(key, series);
  }
  return series.kept;
}

class SimpleCounter implements Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  add(amount: number): void {
    this.#value += amount;
  }
}

/** A histogram of its own: for durations that are measured in one place and kept in another. */
export class SimpleHistogram implements Histogram {
  readonly #buckets = emptyBuckets();
  #count = 0;
  #sumMs = 0;

  get value(): Durations {
    return { count: this.#count, sumMs: this.#sumMs, buckets: [...this.#buckets] };
  }

  record(ms: number): void {
    const bucket = DURATION_BOUNDS_MS.findIndex((bound) => ms <= bound);
    this.#buckets[bucket < 0 ? DURATION_BOUNDS_MS.length : bucket]! += 1;
    this.#count++;
    this.#sumMs += ms;
  }

  add({ count, sumMs, buckets }: Durations): void {
    this.#count += count;
    this.#sumMs += sumMs;
    buckets.forEach((number, bucket) => (this.#buckets[bucket]! += number));
  }

  /** @returns what was measured since the last time; `undefined`: nothing */
  take(): Durations | undefined {
    if (this.#count === 0) return undefined;
    const taken = this.value;
    this.#count = 0;
    this.#sumMs = 0;
    this.#buckets.fill(0);
    return taken;
  }
}

/** Durations of which there are none. */
export function noDurations(): Durations {
  return { count: 0, sumMs: 0, buckets: emptyBuckets() };
}

/** Durations that were measured apart, as one. */
export function sumOfDurations(all: readonly Durations[]): Durations {
  const sum = new SimpleHistogram();
  for (const one of all) sum.add(one);
  return sum.value;
}

function emptyBuckets(): number[] {
  return Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, () => 0);
}
