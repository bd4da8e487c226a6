import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';
import type { Environment } from './config.js';

/** Folders that hold a folder for each application, the best first. Absolute: code of workers may change the folder. */
export function stateRoots(env: Environment): string[] {
  const chosen = env['TUTTI_STATE_DIR'];
  if (chosen !== undefined && chosen !== '') return [resolve(chosen)];
  const state = env['XDG_STATE_HOME'];
  const user = state !== undefined && isAbsolute(state) ? state : join(homedir(), '.local', 'state');
  return [join(user, 'tutti'), temporaryFolder()];
}

/**
 * Folders in which an application may keep what must survive it (its outbox), the best first: one for each main file
 * and server address, so that results never go to another server.
 *
 * `TUTTI_STATE_DIR`, else the user's state folder (`XDG_STATE_HOME`, `~/.local/state`), else the temporary folder.
 */
export function stateFolders(entry: string, serverUrl: string, env: Environment): string[] {
  const hash = createHash('sha256').update(`${entry}\n${serverUrl}`).digest('hex').slice(0, 12);
  const name = `${basename(entry, extname(entry)).replace(/[^\w.-]/g, '_')}-${hash}`;
  return stateRoots(env).map((root) => join(root, name));
}

/** The folder of a server that lives only as long as this process: its tasks end with it. */
export function temporaryStateFolder(): string {
  return join(temporaryFolder(), `embedded-${process.pid}-${Date.now().toString(36)}`);
}

/** With the user in its name: a folder that belongs to somebody else could not be written. */
function temporaryFolder(): string {
  return join(tmpdir(), `tutti-${userInfo().uid}`);
}
