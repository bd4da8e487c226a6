import { realpathSync } from 'node:fs';
import { requireOf } from '../core/own-location.js';

/** PM2 starts a file of its own in fork mode, which imports the program that it names in `pm_exec_path`. */
const PM2_CONTAINER = /[/\\]pm2[/\\]lib[/\\]ProcessContainerFork(?:Bun)?\.js$/;

/**
 * The file that this program is, also where a process manager has started it by a file of its own.
 *
 * @returns undefined where there is none: a REPL, `--eval`
 */
export function mainFile(program: Pick<NodeJS.Process, 'argv' | 'env'> = process): string | undefined {
  const file = program.argv[1];
  // The variable alone says nothing: programs that the one under PM2 starts inherit it.
  if (file !== undefined && PM2_CONTAINER.test(file)) return program.env['pm_exec_path'] ?? file;
  return file;
}

/** Through npm's links, without an extension, a folder: the way Node itself finds the file that it starts. */
export function resolveMainFile(file: string): string {
  try {
    const found = requireOf().resolve(file);
    // Its own way through links stops too early when what this process looked at last was a pipe or socket.
    return realpathSync.native(found);
  } catch {
    return file;
  }
}
