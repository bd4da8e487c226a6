import { Heap } from '../../core/heap.js';
import type { Clock } from '../clock/clock.js';

interface Entry {
  readonly at: number;
  readonly key: string;
  readonly workflowId: string;
}

/** Calls back when something is due by itself. One timer of the clock for all; nothing polls. */
export class Timers {
  readonly #clock: Clock;
  readonly #onDue: (workflowId: string, key: string) => void;
  readonly #due = new Map<string, Entry>();
  #heap = new Heap<Entry>(byTime);
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;
  #isClosed = false;

  constructor(clock: Clock, onDue: (workflowId: string, key: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Replaces the moment of a key; `undefined` = none. */
  set(key: string, workflowId: string, at: number | undefined): void {
    const before = this.#due.get(key);
    if (at === undefined) {
      if (before !== undefined) this.#due.delete(key);
      this.#letGo(before);
      return;
    }
    if (before?.at === at) return;
    const entry = { at, key, workflowId };
    this.#due.set(key, entry);
    this.#heap.push(entry);
    // What was replaced stays in the heap until its time comes; too much of it is swept out.
    if (this.#heap.size > 1_000 && this.#heap.size > 4 * this.#due.size) this.#rebuild();
    if (before !== undefined && before.at < at) this.#letGo(before);
    else this.#arm();
  }

  /** The clock must not wait for a moment at which nothing happens any more: a virtual one would jump there. */
  #letGo(entry: Entry | undefined): void {
    if (entry === undefined || entry.at !== this.#timer?.at) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #rebuild(): void {
    this.#heap = new Heap<Entry>(byTime);
    for (const entry of this.#due.values()) this.#heap.push(entry);
  }

  #arm(): void {
    while (this.#heap.peek() !== undefined && this.#due.get(this.#heap.peek()!.key) !== this.#heap.peek()) {
      this.#heap.pop();
    }
    const next = this.#heap.peek();
    if (next === undefined || this.#isClosed) {
      this.#timer?.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) {
      if (this.#timer.at <= next.at) return;
      this.#timer.cancel();
    }
    const cancel = this.#clock.after(next.at - this.#clock.now(), () => this.#fire());
    this.#timer = { at: next.at, cancel };
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let next = this.#heap.peek(); next !== undefined && next.at <= now; next = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#due.get(next.key) !== next) continue;
      this.#due.delete(next.key);
      this.#onDue(next.workflowId, next.key);
    }
    this.#arm();
  }
}

function byTime(a: Entry, b: Entry): number {
  return a.at - b.at;
}
