import { fileURLToPath } from 'node:url';

/**
 * The file of the code that called `callee`, as an absolute path; `undefined` where the stack does not tell (code
 * that was evaluated, or a bundle).
 */
export function callerFile(callee: (...args: never[]) => unknown): string | undefined {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  const location = /(?:\(|at )((?:file:\/\/|\/|[A-Za-z]:\\)[^()]+?):\d+:\d+\)?\s*$/.exec(
    holder.stack ?? '',
  )?.[1];
  if (location === undefined) return undefined;
  return location.startsWith('file://') ? fileURLToPath(location) : location;
}
