import { OomCounter } from './cgroup.js';

/** The counter may be raised before the end of the process is noticed, but not longer ago than this. */
const RECENT_MS = 5_000;

/** Tells whether a process that died of SIGKILL was killed by the system because memory was used up. */
export class MemoryKiller {
  readonly #count: () => number | undefined;
  #known: number | undefined;
  #unexplained = 0;
  #raisedAt = -Infinity;

  /** @param count - how often the system has done so; `undefined` where it is not counted */
  constructor(count: () => number | undefined = counterOfThisProcess()) {
    this.#count = count;
    this.#known = count();
  }

  /** To be called about every second, so that a kill is not put down to a later death. */
  look(now: number): void {
    if (this.#known === undefined) return;
    const count = this.#count();
    if (count === undefined || count <= this.#known) return;
    this.#unexplained = count - this.#known + (now - this.#raisedAt > RECENT_MS ? 0 : this.#unexplained);
    this.#known = count;
    this.#raisedAt = now;
  }

  /** Whether it was the cause of a death by SIGKILL just now; each kill explains one death. */
  explains(now: number): boolean {
    this.look(now);
    if (this.#unexplained === 0 || now - this.#raisedAt > RECENT_MS) return false;
    this.#unexplained--;
    return true;
  }
}

function counterOfThisProcess(): () => number | undefined {
  const counter = new OomCounter();
  return () => counter.read();
}
