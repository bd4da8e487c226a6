import { spawnSync } from 'node:child_process';

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
