import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuttiError } from '../../src/core/errors.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));

/** A temporary project with native sources, compiled by the build script. */
export interface NativeProject {
  readonly root: string;
  /** The folder of the compiled libraries. */
  readonly built: string;
  /** False where there is no compiler: then nothing is built, and a warning was printed. */
  readonly isBuilt: boolean;
  remove(): void;
}

/** @param sources - text by path below `native/` */
export function buildNativeProject(sources: Readonly<Record<string, string>>): NativeProject {
  const root = mkdtempSync(join(tmpdir(), 'tutti-native-'));
  for (const [path, text] of Object.entries(sources)) {
    const file = join(root, 'native', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--root', root], { encoding: 'utf8' });
  if (status !== 0) {
    if (!stderr.includes('NATIVE_COMPILER_MISSING')) throw new Error(stderr);
    console.warn('NOT RUN: there is no C++ compiler, tests that call native libraries are skipped');
  }
  return {
    root,
    built: join(root, 'native', 'build', `${process.platform}-${process.arch}`),
    isBuilt: status === 0,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The source of one of the project's own libraries. @param path - below `native/` */
export function copyOf(path: string): string {
  return readFileSync(new URL(`../../native/${path}`, import.meta.url), 'utf8');
}

/** The first error of this package among what `action` throws and its causes. */
export function tuttiErrorOf(action: () => unknown): TuttiError {
  try {
    action();
  } catch (error) {
    for (let cause = error; cause !== undefined; cause = (cause as Error).cause) {
      if (TuttiError.is(cause)) return cause;
    }
    throw error;
  }
  throw new Error('nothing was thrown');
}
