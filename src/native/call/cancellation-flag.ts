/**
 * A flag for native code to look at while it computes: one 32-bit integer, 0 until `signal` aborts and 1 from then on.
 * Pass it where the prototype has `const volatile int32_t *`, to an asynchronous function: during a synchronous one
 * nothing can set it.
 *
 * @example
 * ```ts
 * await library.crunch(input, cancellationFlag(context.signal));
 * ```
 */
export function cancellationFlag(signal: AbortSignal): Int32Array {
  const flag = new Int32Array(1);
  const raise = (): void => void Atomics.store(flag, 0, 1);
  if (signal.aborted) raise();
  else signal.addEventListener('abort', raise, { once: true });
  return flag;
}
