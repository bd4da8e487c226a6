import type { ProcessSample } from '../../os/process-inspector.js';

/** The processor share is that of the last so many milliseconds. */
const WINDOW_MS = 5_000;

/** What a process uses, as it is shown. */
export class ProcessFigures {
  #from: { at: number; cpuMs: number } | undefined;
  #cpuPercent: number | undefined;
  #residentBytes: number | undefined;

  /** @param now - on the clock of `performance.now()` */
  look(now: number, sample: ProcessSample | undefined): void {
    if (sample === undefined) return;
    this.#residentBytes = sample.residentBytes;
    this.#from ??= { at: now, cpuMs: sample.cpuMs };
    const passedMs = now - this.#from.at;
    if (passedMs < WINDOW_MS) return;
    this.#cpuPercent = Math.round(((sample.cpuMs - this.#from.cpuMs) / passedMs) * 1_000) / 10;
    this.#from = { at: now, cpuMs: sample.cpuMs };
  }

  /** What the process has reported itself, where it cannot be seen from outside. */
  reported(residentBytes: number | undefined): void {
    this.#residentBytes = residentBytes ?? this.#residentBytes;
  }

  /** 100 is one processor; `undefined` until it is known. */
  get cpuPercent(): number | undefined {
    return this.#cpuPercent;
  }

  get residentMb(): number | undefined {
    return this.#residentBytes === undefined ? undefined : Math.round(this.#residentBytes / 2 ** 20);
  }
}
