/**
 * Resolves after `ms` milliseconds, or at once when `signal` aborts: callers look at the signal themselves,
 * so that a stop is an ordinary turn of their loop and not an exception.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.min(ms, 0x7fffffff));
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** `promise`, or `undefined` when it has not settled after `ms` milliseconds. The promise itself goes on. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const limit = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, limit.signal).then(() => undefined)]);
  } finally {
    limit.abort();
  }
}
