import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'vitest';

/** `nobody`: a user who may do what every user may. */
export const SECOND_USER = 65_534;

/**
 * Skips a test that acts as {@link SECOND_USER} where that is not possible, and says so in the output. Call it first in the
 * test, or give it to `beforeEach`.
 */
export function needsSecondUser({ skip, task }: Pick<TestContext, 'skip' | 'task'>): void {
  if (process.getuid?.() === 0) return;
  const reason = 'NOT RUN: only root can act as another user';
  console.warn(`${reason}: ${task.name}`);
  skip(reason);
}

/** Runs a shell script as {@link SECOND_USER}. @throws with its standard error when it fails */
export function asSecondUser(script: string): void {
  const { status, stderr } = spawnSync('/bin/sh', ['-ec', script], {
    uid: SECOND_USER,
    gid: SECOND_USER,
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the second user's script failed: ${stderr}`);
}

/** A process of {@link SECOND_USER} that has given itself this name. Lives until `end` is called. */
export async function processNamed(name: string): Promise<{ pid: number; end: () => void }> {
  const script = 'printf %s "$1" > /proc/$$/comm; echo named; read line';
  const child = spawn('/bin/sh', ['-ec', script, 'sh', name], {
    uid: SECOND_USER,
    gid: SECOND_USER,
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return { pid: child.pid!, end: () => child.stdin.end() };
}
