import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';

/** How long one command may take: far above what any needs on a busy machine. */
const COMMAND_LIMIT_MS = 180_000;
/** Package managers that run at the same time. */
const INSTALLATIONS_AT_A_TIME = 2;

export interface CommandResult {
  readonly code: number | null;
  /** Both streams, without colours. */
  readonly output: string;
}

/** A folder for the projects of one test file, outside of the repository; removed at the end. */
export function projectFolder(): () => string {
  let folder = '';
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'tutti-toolchains-'))));
  afterAll(() => {
    // Some ten thousand files, with which rmSync() of Node 20 takes a minute.
    if (process.platform !== 'win32') execFileSync('rm', ['-rf', folder]);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  return () => folder;
}

/** Writes the files of a project and gives it the packages of an installation. */
export function makeProject(
  folder: string,
  files: Readonly<Record<string, string>>,
  installation?: string,
): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  // A link, as pnpm makes them: what several projects use is installed once.
  if (installation !== undefined) {
    symlinkSync(join(installation, 'node_modules'), join(folder, 'node_modules'), 'junction');
  }
  return folder;
}

/** Actions of these two queues run one after the other. */
const queues: Promise<unknown>[] = Array.from({ length: INSTALLATIONS_AT_A_TIME }, () => Promise.resolve());
let next = 0;

/** Installs packages with npm beside the packed one. Two at a time, the others wait. */
export async function install(folder: string, packages: readonly string[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }));
  await oneOfTwo(() => run(folder, `npm install ${NPM_FLAGS} ${[inject('tarball'), ...packages].join(' ')}`));
  return folder;
}

export const NPM_FLAGS = '--prefer-offline --ignore-scripts --no-audit --no-fund';

/** Waits for a place for package managers, of which there are two. */
export function oneOfTwo<T>(action: () => Promise<T>): Promise<T> {
  const index = next++ % queues.length;
  const done = queues[index]!.then(action);
  // Its error is for whoever has asked.
  queues[index] = done.catch(() => undefined);
  return done;
}

/** Runs a command of the project; `node` is the Node that runs the tests. Throws with its output when it fails. */
export async function run(cwd: string, command: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const result = await tryToRun(cwd, command, env);
  if (result.code === 0) return result;
  throw new Error(`"${command}" ended with code ${String(result.code)} in ${cwd}:\n${result.output}`);
}

/** Runs a command of the project, whatever becomes of it. */
export function tryToRun(cwd: string, command: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      cwd,
      shell: true,
      env: { ...userEnvironment(cwd), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that all of it can be ended.
      detached: process.platform !== 'win32',
    });
    let output = '';
    const collect = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const timer = setTimeout(() => {
      output += `\n(ended after ${COMMAND_LIMIT_MS / 1_000} s)`;
      try {
        process.kill(process.platform === 'win32' ? child.pid! : -child.pid!, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }, COMMAND_LIMIT_MS);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

/**
 * What a user's shell has: the commands of the project, nothing of the test runner and npm, no server of the developer's.
 */
export function userEnvironment(cwd: string): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean =>
    /^(?:VITEST|CONDUCTOR_|TUTTI_|NODE_ENV$|NODE_OPTIONS$|FORCE_COLOR$|npm_(?:package|lifecycle|command))/.test(
      name,
    );
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
  // The Node that runs the tests comes first: an installation may have brought another one.
  const path = [dirname(process.execPath), join(cwd, 'node_modules', '.bin'), process.env['PATH']];
  return { ...own, NO_COLOR: '1', PATH: path.join(delimiter), TUTTI_STATE_DIR: join(cwd, '.state') };
}
