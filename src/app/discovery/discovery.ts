import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { ConfigurationError, programFrames } from '../../core/errors.js';
import { ConsoleLogger, type Logger } from '../../core/logger.js';
import { guardChannel } from '../../orchestrator/processes/channel-guard.js';
import { openEnvelope } from '../../protocol/messages.js';
import { OrphanGuard } from '../../orchestrator/processes/orphan-guard.js';
import type { DiscoveryAnswer, FileFindings } from './discovery-process.js';
import { circularImportHint } from '../role/main-file.js';
import { DISCOVERY_PROCESS } from '../role/role.js';
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
  const { found, problems } = await importInProcess(files, root, logger);
  if (problems.length > 0) throw importError(problems);
  const workers = found.flatMap((one) => one.workers);
  if (workers.length === 0) {
    const count = files.length === 1 ? '1 file matches' : `${files.length} files match`;
    const reasons = found.map((one) => describeFindings(one, root));
    throw new ConfigurationError(
      'DISCOVERY_FAILED',
      `discover: ${count} ${quoted}, but none exports a class with @Worker or a functionWorker():\n` +
        listed(reasons),
      { details: { files, reasons } },
    );
  }
  for (const one of found) {
    const isMistake = one.workers.length === 0 || one.notExported.length > 0;
    logger.log(isMistake ? 'warn' : 'debug', `discover: ${describeFindings(one, root)}`);
  }
  return workers;
}

/** What a file holds, or why nothing, in one line. */
function describeFindings({ file, workers, exports, notExported }: FileFindings, root: string): string {
  const found = workers.map(({ name, taskType }) => `${name} (${taskType})`);
  const missed =
    notExported.length === 0
      ? []
      : [
          `${notExported.join(', ')} ${notExported.length === 1 ? 'is' : 'are'} declared but not exported; add \`export\``,
        ];
  const nothing =
    found.length + missed.length > 0
      ? []
      : [`no worker; it exports ${exports.length === 0 ? 'nothing' : shortList(exports)}`];
  return `${relative(root, file)}: ${[...(found.length > 0 ? [found.join(', ')] : []), ...missed, ...nothing].join('; ')}`;
}

function shortList(names: readonly string[]): string {
  const most = 5;
  return names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

function listed(lines: readonly string[]): string {
  const most = 20;
  const rest = lines.length > most ? [`… and ${lines.length - most} more`] : [];
  return [...lines.slice(0, most), ...rest].map((line) => `- ${line}`).join('\n');
}

/** One line for each file first, the stacks after them. */
function importError(problems: readonly ImportProblem[]): ConfigurationError {
  const lines = problems.map(({ text }) => text);
  const stacks = problems.flatMap(({ stack = '' }) => (stack === '' ? [] : [`\n${stack}`]));
  const first =
    lines.length === 1 ? `discover: ${lines[0]}` : `discover: ${lines.length} files:\n${listed(lines)}`;
  return new ConfigurationError('DISCOVERY_FAILED', [first, ...stacks].join('\n'), {
    details: { problems: lines },
  });
}

interface ImportProblem {
  readonly text: string;
  /** Of what the file has thrown. */
  readonly stack?: string;
}

function importInProcess(
  files: readonly string[],
  root: string,
  logger: Logger,
): Promise<{ found: readonly FileFindings[]; problems: ImportProblem[] }> {
  const child = fork(DISCOVERY_PROCESS, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // A file whose import hangs must not outlive this process, should it be killed meanwhile.
  const guard = new OrphanGuard(logger, `the discovery in ${basename(root)}`);
  guard.start(0);
  if (child.pid !== undefined) guard.add(child.pid);
  let found: readonly FileFindings[] = [];
  const problems: ImportProblem[] = [];
  let current = '';
  let isDone = false;
  const nameOf = (file: string): string => relative(root, file);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      problems.push({ text: `${nameOf(current)} was not imported within ${IMPORT_TIMEOUT_MS / 1_000} s` });
      isDone = true;
      child.kill('SIGKILL');
    }, IMPORT_TIMEOUT_MS);
    child.on('message', (received) => {
      const answer = openEnvelope(received) as DiscoveryAnswer | undefined;
      if (answer === undefined) return;
      if (answer.type === 'importing') current = answer.file;
      if (answer.type === 'failed') {
        const { file, message, stack } = answer;
        problems.push({
          text: `${nameOf(file)} cannot be imported: ${message}${importHint(message)}`,
          stack: programFrames(stack) || placeInFile(stack),
        });
      }
      if (answer.type === 'done') {
        isDone = true;
        ({ found } = answer);
      }
    });
    guardChannel(child, (problem) => {
      problems.push({ text: `${nameOf(current)} cannot be imported: ${problem}` });
      isDone = true;
      child.kill('SIGKILL');
    });
    child.on('error', (error) =>
      problems.push({ text: `the process that imports the files cannot run: ${error.message}` }),
    );
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      guard.stop();
      if (!isDone)
        problems.push({
          text: `${nameOf(current)} ended the process that imports it (${describeEnd(code, signal)})`,
        });
      resolve({ found, problems });
    });
    child.send({ files }, () => undefined);
  });
}

/** What Node.js puts before the stack of a syntax error: the file with the line. */
function placeInFile(stack: string): string {
  const lines = stack.split('\n');
  const header = lines.findIndex((line) => /^\w*Error\b/.test(line));
  return lines.slice(0, Math.max(0, header)).join('\n').trimEnd();
}

function importHint(message: string): string {
  const hint = circularImportHint(message);
  return hint === undefined ? '' : `. ${hint}`;
}

function describeEnd(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${String(code)}; does it call process.exit()?` : `signal ${signal}`;
}
