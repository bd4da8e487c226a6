import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** `nobody`: a user who may do what every user may. */
export const SECOND_USER = 65_534;
/** Acting as somebody else needs root. */
export const canActAsSecondUser = process.getuid?.() === 0;

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
