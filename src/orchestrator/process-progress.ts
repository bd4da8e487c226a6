import { cpuTicksOfTree } from './process-tree.js';

/** Without a beat for so long, the processor time is looked at. */
const QUIET_MS = 5_000;

/**
 * Whether a process gets on: its event loop answers, or it (or something that it started) uses processor time. Looked
 * at from outside, since a loop that computes cannot answer.
 */
export class ProcessProgress {
  readonly #pid: number;
  readonly #ticksOf: (pid: number) => number | undefined;
  #beatAt: number;
  #progressAt: number;
  #ticks: number | undefined;

  /** @param ticksOf - processor time of the process and its descendants; `undefined` where it cannot be told */
  constructor(pid: number, now: number, ticksOf: (pid: number) => number | undefined = cpuTicksOfTree) {
    this.#pid = pid;
    this.#ticksOf = ticksOf;
    this.#beatAt = now;
    this.#progressAt = now;
  }

  /** Its event loop has answered. */
  beat(now: number): void {
    this.#beatAt = now;
    this.#progressAt = now;
    this.#ticks = undefined;
  }

  /** Looks at the process; to be called about every second. Costs nothing while the loop answers. */
  look(now: number): void {
    if (now - this.#beatAt < QUIET_MS) return;
    const ticks = this.#ticksOf(this.#pid);
    // Where nothing can be seen, nothing is held against it.
    if (ticks === undefined || (this.#ticks !== undefined && ticks > this.#ticks)) this.#progressAt = now;
    this.#ticks = ticks;
  }

  /** Milliseconds without any sign of progress. */
  idleMs(now: number): number {
    return now - this.#progressAt;
  }
}
