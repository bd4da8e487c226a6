import type { EventEmitter } from 'node:events';

/** Far in the future; the timer does nothing, it only keeps the process alive. */
const LONG_MS = 0x7fffffff;

/** Keeps the process alive while somebody waits for something that does not do so itself. */
export class KeepAlive {
  readonly #reasons = new Set<unknown>();
  #timer: NodeJS.Timeout | undefined;

  add(reason: unknown): void {
    this.#reasons.add(reason);
    this.#timer ??= setInterval(() => undefined, LONG_MS);
  }

  delete(reason: unknown): void {
    this.#reasons.delete(reason);
    if (this.#reasons.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The promise itself; until it settles the process stays alive. */
  during<T>(work: Promise<T>): Promise<T> {
    const reason = Symbol('work');
    this.add(reason);
    const release = (): void => this.delete(reason);
    work.then(release, release);
    return work;
  }

  /** While a listener waits for one event of `emitter`, the process stays alive. */
  holdForOnce(emitter: EventEmitter): void {
    const once = emitter.once.bind(emitter);
    emitter.once = (event, listener) => {
      this.add(listener);
      return once(event, listener);
    };
    emitter.on('removeListener', (_event, listener) => this.delete(listener));
  }
}
