import { writeSync } from 'node:fs';
import { ConfigurationError, describeThrown, reportOf } from '../../core/errors.js';
import { EXIT_CODES, setExitCode } from '../../protocol/exit-codes.js';
import { errorReport, OrchestratorChannel } from '../../host/orchestrator-channel.js';
import { isWorkerProcess } from '../../protocol/process-marker.js';

/**
 * Watches the main file until it calls `bootstrap()`. In a worker process it reports the error that ends it there: the
 * orchestrator prints it once for all processes, and says that they run the main file too. In the main process it says
 * more about an error than Node.js does.
 *
 * @returns ends the watch
 */
export function watchMainFile(): () => void {
  if (isWorkerProcess()) return watch('uncaughtException', (error) => void reportAndExit(error));
  const end = watch('uncaughtExceptionMonitor', comment);
  // After the listener above, which sets the exit code.
  printReports();
  return end;
}

function watch(
  event: 'uncaughtException' | 'uncaughtExceptionMonitor',
  listener: (error: unknown) => void,
): () => void {
  process.on(event, listener);
  return () => void process.off(event, listener);
}

async function reportAndExit(error: unknown): Promise<void> {
  // Whoever listens as well wants the process to live.
  if (process.listenerCount('uncaughtException') > 1) return;
  const code = error instanceof ConfigurationError ? EXIT_CODES.configuration : EXIT_CODES.failed;
  const message = { type: 'failed', error: { ...errorReport(error), origin: 'main file' } } as const;
  await new OrchestratorChannel().written(message);
  process.exit(code);
}

function comment(error: unknown): void {
  if (error instanceof ConfigurationError) setExitCode(EXIT_CODES.configuration);
  const hint = circularImportHint(describeThrown(error));
  if (hint !== undefined) process.stderr.write(`${hint}\n\n`);
}

/**
 * Prints an error of this package that ends the program by itself: Node.js would print its details and causes too, which
 * say the same again, and the line of this package that made it.
 */
function printReports(): void {
  process.on('uncaughtExceptionMonitor', (error: unknown) => {
    const text = reportOf(error);
    if (text === undefined || process.listenerCount('uncaughtException') > 0) return;
    writeSync(2, `\n${text}\n`);
    process.exit(EXIT_CODES.failed);
  });
}

/** What to do about an error whose message is Node's own for an import that goes in a circle. */
export function circularImportHint(message: string): string | undefined {
  const [, name] = /^Cannot access '([^']+)' before initialization/.exec(message) ?? [];
  if (name === undefined) return undefined;
  return (
    `${name} is used before its file has run, usually because two files import each other. Move what both need into a ` +
    'third file'
  );
}
