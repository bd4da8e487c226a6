/** Exit codes of a program that runs workers, and of its worker processes. */
export const EXIT_CODES = {
  /** Everything was finished or handed back. */
  clean: 0,
  /** Work was cut off, or an error that was not foreseen. */
  failed: 1,
  /** A worker was given up because its process died again and again. */
  givenUp: 70,
  /** Wrong configuration, workers or bindings (`EX_CONFIG` of sysexits.h): starting again changes nothing. */
  configuration: 78,
} as const;

/**
 * Lets the program end with this code, by itself or by an error that leaves its main file: of that Node would make
 * a 1, and whoever supervises the program could not tell what happened.
 */
export function setExitCode(exitCode: number): void {
  process.exitCode = exitCode;
  process.once('exit', (code) => {
    if (code === EXIT_CODES.failed) process.exitCode = exitCode;
  });
}
