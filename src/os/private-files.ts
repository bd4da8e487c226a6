import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
} from 'node:fs';
import { realpathSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

/** A file or folder is not one that only this user can have put there. */
export class NotPrivateError extends Error {
  override readonly name = 'NotPrivateError';
}

// Without O_NONBLOCK, opening a FIFO waits for a writer. Windows has neither flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
const APPEND_FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NONBLOCK ?? 0) |
  (constants.O_NOFOLLOW ?? 0);

/** What `open` answers for a symbolic link that is not followed, and for a socket. */
const NOT_REGULAR_CODES = new Set(['ELOOP', 'EMLINK', 'ENXIO']);

/**
 * Reads a regular file of this user. Never waits, and never follows a symbolic link in the last part of the path.
 *
 * @throws NotPrivateError for anything else than such a file, and for one above `maxBytes`; otherwise the error of the file system
 */
export async function readPrivateFile(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, READ_FLAGS).catch((error: unknown) => {
    throw openError(error);
  });
  try {
    checkFile(await handle.stat(), maxBytes);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** {@link readPrivateFile}, synchronously. */
export function readPrivateFileSync(file: string, maxBytes: number): Buffer {
  const descriptor = openPrivately(file, READ_FLAGS);
  try {
    const { size } = checkFile(fstatSync(descriptor), maxBytes);
    const content = Buffer.alloc(size);
    let length = 0;
    for (let count = -1; count !== 0 && length < size; length += count)
      count = readSync(descriptor, content, length, size - length, length);
    return content.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Opens a regular file of this user for appending; makes it, readable by the owner only, when there is none.
 *
 * @returns the descriptor
 * @throws NotPrivateError when something else is in its place; otherwise the error of the file system
 */
export function openPrivateLog(file: string): number {
  const descriptor = openPrivately(file, APPEND_FLAGS);
  try {
    checkFile(fstatSync(descriptor), Number.MAX_SAFE_INTEGER);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Whether this is a real folder of this user; a symbolic link to one is not. */
export function isOwnFolder(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.isDirectory() && isOwn(stats);
}

/**
 * Makes a folder, readable by the owner only, or takes the one that is there, when nobody else can have put anything
 * into it.
 *
 * @param base - the part of `path` that exists, or is made, as it is: each folder below it has to be a real folder of
 *   this user
 * @param isChosen - a person has chosen `base`: folders above are not looked at, and the group may write to those
 *   below, as Kubernetes arranges it with `fsGroup`
 * @throws NotPrivateError when somebody else could replace or fill it; otherwise the error of the file system
 */
export function makePrivateFolder(path: string, base: string, isChosen: boolean): void {
  mkdirSync(base, { recursive: true, mode: 0o700 });
  if (!isChosen) checkAbove(base);
  let folder = base;
  for (const part of relative(base, path).split(sep)) {
    folder = join(folder, part);
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    checkFolder(folder, isChosen);
  }
}

function checkFolder(folder: string, mayGroupWrite: boolean): void {
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) throw new NotPrivateError(`${folder} is not a folder`);
  if (process.geteuid === undefined) return;
  if (!isOwn(stats)) throw new NotPrivateError(`${folder} belongs to user ${stats.uid}`);
  if ((stats.mode & (mayGroupWrite ? 0o002 : 0o022)) !== 0)
    throw new NotPrivateError(`other users may write to ${folder}`);
  // Nobody else could write to it: closing it is enough.
  if (!mayGroupWrite && (stats.mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

/** @throws NotPrivateError when a stranger may rename a folder on the way, and so put another in its place */
function checkAbove(base: string): void {
  if (process.geteuid === undefined) return;
  // In a user namespace the system's own folders belong to whoever `/` belongs to.
  const system = lstatSync('/').uid;
  for (let folder = realpathSync(base); dirname(folder) !== folder; folder = dirname(folder)) {
    const stats = lstatSync(folder);
    if (!isOwn(stats) && stats.uid !== 0 && stats.uid !== system)
      throw new NotPrivateError(`${folder} belongs to user ${stats.uid}`);
    // In a sticky folder such as /tmp only the owner of an entry renames it.
    if ((stats.mode & 0o002) !== 0 && (stats.mode & 0o1000) === 0)
      throw new NotPrivateError(`every user may write to ${folder}`);
  }
}

function openPrivately(file: string, flags: number): number {
  try {
    return openSync(file, flags, 0o600);
  } catch (error) {
    throw openError(error);
  }
}

function openError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return NOT_REGULAR_CODES.has(code ?? '') ? new NotPrivateError('it is not a regular file') : error;
}

function checkFile(stats: Stats, maxBytes: number): Stats {
  if (!stats.isFile()) throw new NotPrivateError('it is not a regular file');
  if (!isOwn(stats)) throw new NotPrivateError(`it belongs to user ${stats.uid}`);
  if (stats.size > maxBytes) throw new NotPrivateError(`${stats.size} bytes are too many`);
  return stats;
}

/** By the user whose rights count, and who owns what is made. Windows knows no such ids. */
function isOwn({ uid }: Stats): boolean {
  const own = process.geteuid?.();
  return own === undefined || uid === own;
}
