import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { ConfigurationError } from '../core/errors.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import { guardChannel } from '../orchestrator/channel-guard.js';
import { openEnvelope } from '../orchestrator/messages.js';
import { OrphanGuard } from '../orchestrator/orphan-guard.js';
import type { DiscoveryAnswer } from './discovery-process.js';
import { DISCOVERY_PROCESS } from './role.js';
import type { WorkerDescription } from './worker-catalog.js';

/** All files together must be imported in this time. */
const IMPORT_TIMEOUT_MS = 60_000;

/**
 * The workers that the matched files export. The files are imported in a process of their own, never in this one.
 *
 * @param root - folder that the patterns are relative to
 * @throws ConfigurationError `DISCOVERY_FAILED` with every file that cannot be imported, or when nothing is found
 */
export async function discoverWorkers(
  patterns: readonly string[],
  root: string,
  logger: Logger = new ConsoleLogger(),
): Promise<WorkerDescription[]> {
  if (patterns.length === 0) return [];
  if (!existsSync(DISCOVERY_PROCESS)) {
    throw new ConfigurationError(
      'DISCOVERY_FAILED',
      'discover: Tutti is part of a bundle, in which there are no files of workers. Fix: list them in `workers`, or keep ' +
        'the package `tutti` out of the bundle (external)',
    );
  }
  const { matchingFiles } = await import('./discovery-files.js');
  const files = await matchingFiles(patterns, root);
  const quoted = patterns.map((pattern) => `'${pattern}'`).join(', ');
  if (files.length === 0) {
    throw new ConfigurationError(
      'DISCOVERY_FAILED',
      `discover: no file matches ${quoted} below ${root}. The patterns are relative to the folder of the entry file, ` +
        'and must match what runs: the compiled .js files',
      { details: { patterns, root } },
    );
  }
  const { workers, problems } = await importInProcess(files, root, logger);
  if (problems.length > 0) {
    throw new ConfigurationError('DISCOVERY_FAILED', `discover: ${problems.join('\ndiscover: ')}`, {
      details: { problems },
    });
  }
  if (workers.length === 0) {
    throw new ConfigurationError(
      'DISCOVERY_FAILED',
      `discover: ${files.length} file(s) match ${quoted}, but none exports a class with @Worker or a functionWorker()`,
      { details: { files } },
    );
  }
  return workers;
}

function importInProcess(
  files: readonly string[],
  root: string,
  logger: Logger,
): Promise<{ workers: WorkerDescription[]; problems: string[] }> {
  const child = fork(DISCOVERY_PROCESS, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // A file whose import hangs must not outlive this process, should it be killed meanwhile.
  const guard = new OrphanGuard(logger, `the discovery in ${basename(root)}`);
  guard.start(0);
  if (child.pid !== undefined) guard.add(child.pid);
  const workers: WorkerDescription[] = [];
  const problems: string[] = [];
  let current = '';
  let isDone = false;
  const nameOf = (file: string): string => relative(root, file);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      problems.push(`${nameOf(current)} was not imported within ${IMPORT_TIMEOUT_MS / 1_000} s`);
      isDone = true;
      child.kill('SIGKILL');
    }, IMPORT_TIMEOUT_MS);
    child.on('message', (received) => {
      const answer = openEnvelope(received) as DiscoveryAnswer | undefined;
      if (answer === undefined) return;
      if (answer.type === 'importing') current = answer.file;
      if (answer.type === 'imported') workers.push(...answer.workers);
      if (answer.type === 'failed')
        problems.push(`${nameOf(answer.file)} cannot be imported: ${answer.message}\n${answer.stack}`);
      if (answer.type === 'done') isDone = true;
    });
    guardChannel(child, (problem) => {
      problems.push(`${nameOf(current)} cannot be imported: ${problem}`);
      isDone = true;
      child.kill('SIGKILL');
    });
    child.on('error', (error) =>
      problems.push(`the process that imports the files cannot run: ${error.message}`),
    );
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      guard.stop();
      if (!isDone)
        problems.push(`${nameOf(current)} ended the process that imports it (${describeEnd(code, signal)})`);
      resolve({ workers, problems });
    });
    child.send({ files }, () => undefined);
  });
}

function describeEnd(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${String(code)}; does it call process.exit()?` : `signal ${signal}`;
}
