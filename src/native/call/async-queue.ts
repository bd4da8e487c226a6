/** Runs at most so many asynchronous calls at a time; the others wait, first come, first served. */
export class AsyncQueue {
  readonly limit: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(start: () => Promise<T>): Promise<T> {
    if (this.#running >= this.limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await start();
    } finally {
      // The place is handed on, so that nobody who comes between takes it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/**
 * The queue of all asynchronous native calls of this process. Twice as many as libuv has threads: one that is done is
 * followed by the next without a turn of the event loop between them. Far more in flight cost more each, and at 256
 * koffi refuses.
 */
export const nativeCallQueue = new AsyncQueue(Math.min(2 * threadPoolSize(process.env), 100));

export function threadPoolSize(env: NodeJS.ProcessEnv): number {
  const given = Number.parseInt(env['UV_THREADPOOL_SIZE'] ?? '', 10);
  return Number.isNaN(given) ? 4 : Math.min(Math.max(given, 1), 1024);
}
