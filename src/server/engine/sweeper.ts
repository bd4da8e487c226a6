import { Heap } from '../../core/heap.js';
import type { Clock } from './clock.js';

interface Entry {
  readonly at: number;
  readonly workflowId: string;
}

/** Calls for a new decision on a workflow when its next time-out is due. One timer for all. */
export class Sweeper {
  readonly #clock: Clock;
  readonly #check: (workflowId: string) => void;
  readonly #due = new Map<string, number>();
  readonly #heap = new Heap<Entry>((a, b) => a.at - b.at);
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;
  #isClosed = false;

  constructor(clock: Clock, check: (workflowId: string) => void) {
    this.#clock = clock;
    this.#check = check;
  }

  /** Sees to a check at `at` or before. A check that is too early does no harm: it plans the next one. */
  checkBy(workflowId: string, at: number): void {
    if (at >= (this.#due.get(workflowId) ?? Number.POSITIVE_INFINITY)) return;
    this.#due.set(workflowId, at);
    this.#heap.push({ at, workflowId });
    this.#arm();
  }

  /** No more checks for a workflow that has ended. */
  forget(workflowId: string): void {
    this.#due.delete(workflowId);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (next === undefined || this.#isClosed) return;
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
      // An entry that is not the workflow's present one was replaced by an earlier one, or forgotten.
      if (this.#due.get(next.workflowId) !== next.at) continue;
      this.#due.delete(next.workflowId);
      this.#check(next.workflowId);
    }
    this.#arm();
  }
}
