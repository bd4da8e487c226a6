/** Far above what anything here takes, so that a slow machine fails no test. */
const LIMIT_MS = 60_000;

/**
 * Waits for a condition and returns what it gives.
 *
 * @param what - what is waited for, as it reads behind "waited in vain for"; a function is asked when it fails
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string),
  limitMs = LIMIT_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined && value !== null) {
      return value as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${limitMs} ms in vain for ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
