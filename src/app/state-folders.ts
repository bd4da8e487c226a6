import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';
import type { StateFolder } from '../orchestrator/custody/run-directory.js';
import type { Environment } from '../core/environment.js';

/**
 * The folder that holds a folder for each application: `TUTTI_STATE_DIR`, else `tutti` in the user's state folder
 * (`XDG_STATE_HOME`, `~/.local/state`). Absolute: code of workers may change the folder. `undefined` for a user without
 * a home.
 */
export function stateRoot(env: Environment): string | undefined {
  return usualRoot(env)?.path;
}

/**
 * Folders in which an application may keep what must survive it (its outbox), the best first: one for each main file
 * and server address, so that results never go to another server. Below {@link stateRoot}; when nobody has chosen that
 * by `TUTTI_STATE_DIR`, one in the temporary folder comes after it.
 */
export function stateFolders(entry: string, serverUrl: string, env: Environment): StateFolder[] {
  const hash = createHash('sha256').update(`${entry}\n${serverUrl}`).digest('hex').slice(0, 12);
  const name = `${basename(entry, extname(entry)).replace(/[^\w.-]/g, '_')}-${hash}`;
  const usual = usualRoot(env);
  const roots =
    usual?.isChosen === true ? [usual] : [...(usual === undefined ? [] : [usual]), temporaryRoot()];
  return roots.map((root) => ({ ...root, path: join(root.path, name) }));
}

function usualRoot(env: Environment): StateFolder | undefined {
  const chosen = env['TUTTI_STATE_DIR'];
  if (chosen !== undefined && chosen !== '')
    return { path: resolve(chosen), base: resolve(chosen), isChosen: true };
  const state = env['XDG_STATE_HOME'];
  const base = state !== undefined && isAbsolute(state) ? state : userStateFolder();
  return base === undefined ? undefined : { path: join(base, 'tutti'), base, isChosen: false };
}

function userStateFolder(): string | undefined {
  try {
    return join(homedir(), '.local', 'state');
  } catch {
    // In a container the user may have neither HOME nor an entry in the list of users.
    return undefined;
  }
}

/** With the user in its name: a folder that belongs to somebody else cannot be used. */
function temporaryRoot(): StateFolder {
  // userInfo() fails for a user who is not in the list.
  const user = process.geteuid?.() ?? userInfo().username;
  return { path: join(tmpdir(), `tutti-${user}`), base: tmpdir(), isChosen: false };
}
