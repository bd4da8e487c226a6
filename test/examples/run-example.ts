import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** For a whole example; a real server looks after some things only now and then. */
const LIMIT_MS = 100_000;
const MARKER = 'TEST_TUTTI_EXAMPLE_RUN';

export const EXAMPLES_FOLDER = join(ROOT, 'build', 'examples');
export const MODULES_FOLDER = join(ROOT, 'node_modules');
export const PACKAGE_FOLDER = ROOT;

/** Whether `npm run build:native` has found a compiler. */
export const hasSumLibrary = ['libsum.so', 'libsum.dylib', 'sum.dll'].some((file) =>
  existsSync(join(ROOT, 'native', 'build', `${process.platform}-${process.arch}`, file)),
);

export interface ExampleRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Of the process that was started, the orchestrator. */
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for the message of a failed expectation. */
  readonly output: string;
}

if (!hasSumLibrary) console.warn('NOT RUN: there is no C++ compiler, the workers in C++ are not tested');

/** Runs a compiled example as users do, on `CONDUCTOR_SERVER_URL` or its embedded server, until all of it is gone. */
export async function runExample(
  file: string,
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<ExampleRun> {
  const run = randomUUID();
  // On a real server results that wait for it are kept, and not in the home of the developer.
  const stateFolder = mkdtempSync(join(tmpdir(), 'tutti-example-state-'));
  const child = spawn(process.execPath, [file], {
    cwd: options.cwd ?? ROOT,
    env: { ...userEnvironment(), TUTTI_STATE_DIR: stateFolder, ...options.env, [MARKER]: run },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  const output = `${stdout}\n${stderr}`;
  await vi.waitFor(
    () => {
      const left = processesOf(run);
      if (left.length > 0) throw new Error(`processes ${left.join(', ')} are left by ${file}\n${output}`);
    },
    { timeout: 15_000, interval: 50 },
  );
  rmSync(stateFolder, { recursive: true, force: true });
  return { exitCode, signal, pid: child.pid!, stdout, stderr, output };
}

/** The rows of the first table with this column, each by the titles of its columns. */
export function readTable(text: string, title: string): Record<string, string>[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line, index) => line.includes(title) && /^-+ /.test(lines[index + 1] ?? ''));
  if (start === -1) throw new Error(`There is no table with a column "${title}" in:\n${text}`);
  const titles = cells(lines[start]!);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => line.trim() === '');
  return rows
    .slice(0, end === -1 ? undefined : end)
    .map((line) => Object.fromEntries(cells(line).map((cell, index) => [titles[index] ?? '', cell])));
}

function cells(line: string): string[] {
  return line.trim().split(/ {2,}/);
}

/** Without what the test runner and npm put there; a Conductor server and its key are taken from the developer. */
function userEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean =>
    /^(?:VITEST|CONDUCTOR_WORKER_|CONDUCTOR_LOG|TUTTI_|NODE_ENV$|NODE_OPTIONS$|npm_)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

/** Processes whose environment has the marker; where the system does not tell, none. */
function processesOf(run: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARKER}=${run}`);
      } catch {
        return false; // gone meanwhile, or somebody else's
      }
    });
}
