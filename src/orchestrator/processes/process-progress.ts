import type { DescendantSample, ProcessSample } from '../../os/process-inspector.js';

/** Beats come every 2 seconds: no silence before this means anything. */
const QUIET_MS = 3_000;
/** A look that comes later than this was kept back by this process itself; what happened meanwhile was not seen. */
const MAX_STEP_MS = 2_000;
/** Age and silence are known that exactly: beats come every 2 seconds, and may be read late. */
const AGE_MARGIN_MS = 2_500;

/**
 * Whether a process gets on: its event loop answers, it (or something that it started) uses processor time, or it
 * waits for a program that it has started since its loop last answered. Looked at from outside, since a loop that
 * computes cannot answer. Only time that was really watched counts against it: a watcher that was itself blocked or
 * suspended has seen nothing. Times are those of `performance.now()`.
 */
export class ProcessProgress {
  #beatAt: number;
  #lookedAt: number;
  #cpuMs: number | undefined;
  #descendantCpuMs: number | undefined;
  #idleMs = 0;
  #isStopped = false;
  #isQuiet = false;

  constructor(now: number) {
    this.#beatAt = now;
    this.#lookedAt = now;
  }

  /** Its event loop has answered. */
  beat(now: number): void {
    this.#beatAt = now;
    this.#idleMs = 0;
    this.#isQuiet = false;
    this.#descendantCpuMs = undefined;
  }

  /** What was seen so far does not count: something else held the process. */
  forgive(): void {
    this.#idleMs = 0;
  }

  /**
   * To be called about every second.
   *
   * @param sample - `undefined` when nothing can be seen: then nothing is held against it
   * @param descendants - asked only when the process itself is silent and idle
   */
  look(now: number, sample: ProcessSample | undefined, descendants: () => DescendantSample): void {
    const passedMs = now - this.#lookedAt;
    const before = this.#cpuMs;
    this.#lookedAt = now;
    this.#cpuMs = sample?.cpuMs;
    this.#isStopped = sample?.isStopped === true;
    const isComputing = sample?.isRunning === true || (sample?.cpuMs ?? 0) > (before ?? Infinity);
    if (sample === undefined || before === undefined || isComputing) {
      this.#idleMs = 0;
      return;
    }
    // What the process wrote meanwhile may not be read yet: the next look decides.
    const isLate = passedMs > MAX_STEP_MS;
    if (!isLate) this.#idleMs += passedMs;
    this.#isQuiet = !isLate && this.isSilent(now);
    // A stopped process waits for nobody.
    const mayWait = this.#isQuiet && !sample.isStopped;
    if (mayWait && this.#areActive(descendants(), now)) this.#idleMs = 0;
  }

  /** Milliseconds without any sign of progress, as far as was seen. */
  get idleMs(): number {
    return this.#isQuiet ? this.#idleMs : 0;
  }

  /** Milliseconds since its event loop last answered. */
  silentMs(now: number): number {
    return now - this.#beatAt;
  }

  /** Whether its event loop does not answer: all that it sent before is read, and a beat is overdue. */
  isSilent(now: number): boolean {
    return this.silentMs(now) >= QUIET_MS;
  }

  /** Whether a signal has stopped it. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  #areActive({ cpuMs, youngestAgeMs }: DescendantSample, now: number): boolean {
    const before = this.#descendantCpuMs;
    this.#descendantCpuMs = cpuMs;
    // A program that was there while the loop still answered is no reason why it does not answer any more.
    if (youngestAgeMs <= this.silentMs(now) + AGE_MARGIN_MS) return true;
    return before !== undefined && cpuMs > before;
  }
}
