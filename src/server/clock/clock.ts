/** The port to time: what the engine waits for and stamps goes through it, so that tests can turn the hands. */
export abstract class Clock {
  /** Epoch milliseconds. */
  abstract now(): number;
  /** Calls `run` once after `delayMs` milliseconds, or never when the returned function was called before. */
  abstract after(delayMs: number, run: () => void): () => void;
}

const LONGEST_TIMER_MS = 0x7fffffff;

/** The machine's clock. A delay beyond what a Node timer can hold fires early: whoever waits looks at `now()`. */
export class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }

  override after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
    // The server keeps the process alive, not what it waits for.
    timer.unref();
    return () => clearTimeout(timer);
  }
}
