import type { Beat } from '../protocol/messages.js';

/** How busy an event loop is, seen from a timer that it runs anyway: a histogram of its delays would cost more. */
export class Pulse {
  readonly #intervalMs: number;
  #at = performance.now();
  #utilisation = performance.eventLoopUtilization();

  /** @param intervalMs - time between two beats */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** To be called at each beat. */
  beat(): Pick<Beat, 'loopDelayMs' | 'loopUtilisation'> {
    const now = performance.now();
    const utilisation = performance.eventLoopUtilization();
    const { utilization: share } = performance.eventLoopUtilization(utilisation, this.#utilisation);
    const loopDelayMs = Math.max(0, Math.round(now - this.#at - this.#intervalMs));
    this.#at = now;
    this.#utilisation = utilisation;
    return { loopDelayMs, loopUtilisation: Math.round(share * 1_000) / 1_000 };
  }
}
