import { cpuTicksOfTree } from './process-tree.js';

/** Longer than the time between two beats: without one for so long, the processor time is looked at. */
const QUIET_MS = 3_000;
/** A look that comes later than this was kept back by this process itself; what happened meanwhile was not seen. */
const MAX_STEP_MS = 2_000;

/**
 * Whether a process gets on: its event loop answers, or it (or something that it started) uses processor time. Looked
 * at from outside, since a loop that computes cannot answer. Only time that was really watched counts against it: a
 * watcher that was itself blocked or suspended has seen nothing.
 */
export class ProcessProgress {
  readonly #pid: number;
  readonly #ticksOf: (pid: number) => number | undefined;
  #beatAt: number;
  #lookedAt: number;
  #ticks: number | undefined;
  #idleMs = 0;

  /**
   * @param now - on the clock of `performance.now()`, as everywhere here
   * @param ticksOf - processor time of the process and its descendants; `undefined` where it cannot be told
   */
  constructor(pid: number, now: number, ticksOf: (pid: number) => number | undefined = cpuTicksOfTree) {
    this.#pid = pid;
    this.#ticksOf = ticksOf;
    this.#beatAt = now;
    this.#lookedAt = now;
  }

  /** Its event loop has answered. */
  beat(now: number): void {
    this.#beatAt = now;
    this.#idleMs = 0;
    this.#ticks = undefined;
  }

  /** Looks at the process; to be called about every second. Costs nothing while the loop answers. */
  look(now: number): void {
    const passedMs = Math.min(now - this.#lookedAt, MAX_STEP_MS);
    this.#lookedAt = now;
    if (now - this.#beatAt < QUIET_MS) return;
    const before = this.#ticks;
    this.#ticks = this.#ticksOf(this.#pid);
    // Where nothing can be seen, nothing is held against it.
    if (this.#ticks === undefined || (before !== undefined && this.#ticks > before)) this.#idleMs = 0;
    else if (before !== undefined) this.#idleMs += passedMs;
  }

  /** Milliseconds without any sign of progress, as far as was seen. */
  get idleMs(): number {
    return this.#idleMs;
  }
}
