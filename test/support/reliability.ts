import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { AppOptions, AppProcess } from './app-process.js';
import { isAlive, killHard } from './processes.js';

/** A folder for each test of a file, gone afterwards. Call it before `appProcesses()`. */
export function folderOfEachTest(): () => string {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** How often the code of each task was begun, over all processes and programs. */
export function executions(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Nothing was executed yet.
  }
  for (const taskId of text.split('\n').filter((line) => line !== '')) {
    counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  }
  return counts;
}

/** What a program needs to keep its results in a folder of its own, so that tests never meet. */
export function stateIn(
  folder: string,
  env: NonNullable<AppOptions['env']> = {},
): NonNullable<AppOptions['env']> {
  return {
    TUTTI_STATE_DIR: join(folder, 'state'),
    TEST_TUTTI_EXECUTIONS: join(folder, 'executions'),
    ...env,
  };
}

/** SIGKILL for everything of a program at the same moment, the orchestrator first; resolves when nothing is left. */
export async function killEverything(app: AppProcess): Promise<void> {
  const pids = app.alive().map(({ pid }) => pid);
  for (const pid of [app.pid, ...pids]) killHard(pid);
  await app.until(() => pids.every((pid) => !isAlive(pid)), 'every process to be gone');
  await app.ended();
}
