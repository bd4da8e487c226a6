import { closeSync, rmSync, writeSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, rename, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describeThrown } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { isOwnFolder, makePrivateFolder, openPrivateLog } from '../../os/private-files.js';
import type { RunSubject } from './run-files.js';
import type { WorkerIdentity } from '../../protocol/messages.js';
import {
  mayHaveLiveWorkers,
  processStartTime,
  readOwner,
  readWorkerNotes,
  runState,
  thisOwner,
  TOUCH_MS,
} from './run-liveness.js';
import { RunSocket } from './run-socket.js';

/** A folder in which an application may keep what must survive it. */
export interface StateFolder {
  readonly path: string;
  /** What holds it: everything below has to be this user's own. */
  readonly base: string;
  /** A person has chosen `base`, as with `TUTTI_STATE_DIR`; what is above it is not looked at. */
  readonly isChosen: boolean;
}

/** A folder that a person has chosen, in whatever is above it. */
export function chosenFolder(path: string): StateFolder {
  return { path, base: dirname(path), isChosen: true };
}

/** What an earlier run has left. */
export interface LeftRun {
  readonly outboxFolder: string;
  readonly workers: readonly WorkerIdentity[];
}

/** A run that is there, alive or dead. */
export interface FoundRun {
  readonly folder: string;
  readonly isDead: boolean;
  /** `undefined` where it cannot be read. */
  readonly subject: Partial<RunSubject> | undefined;
  /** Its own outbox, and those that it has taken over. */
  readonly outboxFolders: readonly string[];
}

const RUN = 'run-';
const LEFT = 'left-run-';
const EMBEDDED = 'tutti-embedded-';
/** A run lies directly in the one that took it over; deeper only when that one died while it did so. */
const MAX_DEPTH = 8;
/** Another run of the application may remove their common folder while this one is made. */
const MAKE_ATTEMPTS = 5;

/**
 * The folder of one run of an application: its outbox, and the ids of its workers. Readable by the owner only. When
 * the run is dead, the next one takes the folder over; a rename decides who, if several start together.
 */
export class RunDirectory {
  readonly #root: string;
  readonly folder: string;
  readonly #logger: Logger;
  readonly #secrets: string[] = [];
  readonly #socket: RunSocket | undefined;
  /** Removes the whole root at the end of the process; only where nothing of it is to survive. */
  readonly #removeAtExit: (() => void) | undefined;
  #touching: NodeJS.Timeout | undefined;

  private constructor(
    root: string,
    folder: string,
    logger: Logger,
    socket: RunSocket | undefined,
    removeAtExit?: () => void,
  ) {
    this.#root = root;
    this.folder = folder;
    this.#logger = logger;
    this.#socket = socket;
    this.#removeAtExit = removeAtExit;
  }

  /**
   * @param candidates - folders of the application, the best first; the first one is taken that can be written, and that
   *   nobody else could have filled. After one in the temporary folder, a new one there with a name that nobody can know
   * @returns undefined, with a warning, when none can be used: then nothing survives this process
   */
  static async open(
    candidates: readonly StateFolder[],
    logger: Logger,
    subject?: RunSubject,
  ): Promise<RunDirectory | undefined> {
    const failures: string[] = [];
    for (const candidate of candidates) {
      try {
        const folder = await makeRunFolder(candidate, subject);
        if (failures.length > 0)
          logger.warn('the outbox is not in its usual place', { folder: candidate.path, why: failures });
        return new RunDirectory(candidate.path, folder, logger, await RunSocket.open(folder));
      } catch (error) {
        failures.push(`${candidate.path}: ${describeThrown(error)}`);
      }
    }
    if (candidates.some(({ base }) => base === tmpdir())) {
      try {
        const root = await mkdtemp(join(tmpdir(), 'tutti-'));
        const folder = await makeRunFolder(chosenFolder(root), subject);
        logger.warn('the outbox is in a folder that the next start does not look for', {
          folder: root,
          why: failures,
        });
        return new RunDirectory(root, folder, logger, await RunSocket.open(folder));
      } catch (error) {
        failures.push(`${tmpdir()}: ${describeThrown(error)}`);
      }
    }
    logger.warn(
      'no folder for the outbox can be written: results that the server refuses are kept in memory only',
      { tried: failures },
    );
    return undefined;
  }

  /**
   * A folder for a run whose server ends with it: gone at the end of the process at the latest. What such runs have left
   * that were killed is removed.
   *
   * @returns undefined, with a line in the log, when the temporary folder cannot be written
   */
  static async openTemporary(logger: Logger, subject?: RunSubject): Promise<RunDirectory | undefined> {
    await removeDeadTemporaries(logger);
    let remove = (): void => undefined;
    try {
      const root = await mkdtemp(join(tmpdir(), EMBEDDED));
      remove = () => rmSync(root, { recursive: true, force: true });
      process.once('exit', remove);
      const folder = await makeRunFolder(chosenFolder(root), subject);
      return new RunDirectory(root, folder, logger, await RunSocket.open(folder), remove);
    } catch (error) {
      process.removeListener('exit', remove);
      remove();
      logger.info('the temporary folder cannot be written: results are kept in memory only', {
        folder: tmpdir(),
        error: describeThrown(error),
      });
      return undefined;
    }
  }

  get outboxFolder(): string {
    return join(this.folder, 'outbox');
  }

  /** Where worker processes note the native calls that they are in. */
  get nativeCallsFolder(): string {
    return join(this.folder, 'native-calls');
  }

  /** Results by idempotency key: they belong to the application, not to this run. */
  get resultsFolder(): string {
    return join(this.#root, 'results');
  }

  /** Writes a file that only the owner can read. @returns its path */
  async writeSecret(name: string, text: string): Promise<string> {
    const file = join(this.folder, name);
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
    this.#secrets.push(file);
    return file;
  }

  /** Shows now and then that this run is alive. */
  keepAlive(): void {
    this.#touching = setInterval(() => {
      const now = new Date();
      utimes(join(this.folder, 'owner.json'), now, now).catch((error: unknown) =>
        this.#logger.warn('the folder of the outbox cannot be written any more', {
          error: describeThrown(error),
        }),
      );
    }, TOUCH_MS);
    this.#touching.unref();
  }

  /** Notes ids that the server may know, so that the next run can ask for their tasks. @param pid - their process */
  noteWorkers(workers: readonly WorkerIdentity[], pid: number): void {
    const startTime = processStartTime(pid);
    const lines = workers.map(
      ({ taskType, workerId }) => `${JSON.stringify({ taskType, workerId, pid, startTime })}\n`,
    );
    try {
      const descriptor = openPrivateLog(join(this.folder, 'workers.jsonl'));
      try {
        writeSync(descriptor, lines.join(''));
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      this.#logger.warn('the ids of workers cannot be written down', { error: describeThrown(error) });
    }
  }

  /**
   * Takes over what dead runs of the same application have left. Left for another call are runs of which worker
   * processes are still alive, since they may be finishing their tasks, and runs of which only time will tell.
   */
  async takeOverDeadRuns(): Promise<{ runs: LeftRun[]; isComplete: boolean }> {
    const runs: LeftRun[] = [];
    let isComplete = true;
    for (const name of await foldersIn(this.#root, RUN)) {
      const left = join(this.#root, name);
      if (left === this.folder) continue;
      const state = await runState(left);
      if (state === 'alive') continue;
      if (state === 'unknown' || (await mayHaveLiveWorkers(left))) {
        isComplete = false;
        continue;
      }
      const taken = join(this.folder, `left-${name}`);
      try {
        await rename(left, taken);
      } catch {
        // Another start was faster.
        continue;
      }
      runs.push({ outboxFolder: join(taken, 'outbox'), workers: await readWorkers(taken) });
      for (const nested of await nestedRuns(taken)) {
        // Up one level: however often a start fails, the paths do not grow.
        const moved = join(this.folder, basename(nested));
        const place = await rename(nested, moved).then(
          () => moved,
          () => nested,
        );
        runs.push({ outboxFolder: join(place, 'outbox'), workers: await readWorkers(place) });
      }
    }
    return { runs, isComplete };
  }

  /** @param isEmpty - nothing is left that the next run needs: the folder goes */
  async close(isEmpty: boolean): Promise<void> {
    clearInterval(this.#touching);
    await Promise.all(this.#secrets.map((file) => rm(file, { force: true }).catch(() => undefined)));
    this.#socket?.close();
    if (this.#removeAtExit !== undefined) {
      process.removeListener('exit', this.#removeAtExit);
      await this.#isRemoved(this.#root);
      return;
    }
    if (isEmpty && !(await hasSetAside(this.folder)) && (await this.#isRemoved(this.folder))) {
      // Unless something else is in it: other runs, or results by idempotency key.
      await rmdir(this.#root).catch(() => undefined);
      return;
    }
    // The next start sees by this that the run is over, and looks what is left.
    await writeFile(join(this.folder, 'ended'), '', { mode: 0o600, flag: 'wx' }).catch(() => undefined);
  }

  async #isRemoved(folder: string): Promise<boolean> {
    try {
      await rm(folder, { recursive: true, force: true });
      return true;
    } catch (error) {
      this.#logger.warn('the folder of the run cannot be removed; the next start does it', {
        folder,
        error: describeThrown(error),
      });
      return false;
    }
  }
}

/** The runs of an application, alive and dead. @param root - the application's folder */
export async function findRuns(root: string): Promise<FoundRun[]> {
  const folders = (await foldersIn(root, RUN)).map((name) => join(root, name));
  return await Promise.all(
    folders.map(async (folder) => ({
      folder,
      isDead: (await runState(folder)) === 'dead',
      subject: await readOwner(folder),
      outboxFolders: [folder, ...(await nestedRuns(folder))].map((run) => join(run, 'outbox')),
    })),
  );
}

/** @throws when the folder cannot be made, or could be somebody else's */
async function makeRunFolder(
  { path, base, isChosen }: StateFolder,
  subject: RunSubject | undefined,
): Promise<string> {
  const folder = await makeUniqueFolder(path, base, isChosen);
  await mkdir(join(folder, 'outbox'), { mode: 0o700 });
  await mkdir(join(folder, 'native-calls'), { mode: 0o700 });
  const owner = JSON.stringify(thisOwner(subject));
  await writeFile(join(folder, 'owner.json'), owner, { mode: 0o600, flag: 'wx' });
  return folder;
}

async function makeUniqueFolder(path: string, base: string, isChosen: boolean): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      makePrivateFolder(path, base, isChosen);
      return await mkdtemp(join(path, `${RUN}${process.pid}-${Date.now().toString(36)}`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === MAKE_ATTEMPTS) throw error;
    }
  }
}

/** Names of the real folders of this user that begin so; none when the folder itself is not one. */
async function foldersIn(folder: string, prefix: string): Promise<string[]> {
  if (!isOwnFolder(folder)) return [];
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.startsWith(prefix));
  return names.filter((name) => isOwnFolder(join(folder, name)));
}

/** Folders of runs that a dead run had taken over itself. */
async function nestedRuns(folder: string, depth = 1): Promise<string[]> {
  if (depth > MAX_DEPTH) return [];
  const nested: string[] = [];
  for (const name of await foldersIn(folder, LEFT)) {
    const run = join(folder, name);
    // The deepest first: they can be moved out before the folder that they are in.
    nested.push(...(await nestedRuns(run, depth + 1)), run);
  }
  return nested;
}

/** The run that took it over may have died before it could ask the server. */
async function readWorkers(folder: string): Promise<WorkerIdentity[]> {
  return (await readWorkerNotes(folder)).map(({ taskType, workerId }) => ({ taskType, workerId }));
}

/** Files that are no results were put aside for somebody to look at. */
async function hasSetAside(folder: string): Promise<boolean> {
  for (const run of [folder, ...(await nestedRuns(folder))]) {
    const names = await readdir(join(run, 'outbox')).catch(() => [] as string[]);
    if (names.some((name) => name.endsWith('.set-aside'))) return true;
  }
  return false;
}

/** What runs with an embedded server have left that were killed: their tasks are gone with their server. */
async function removeDeadTemporaries(logger: Logger): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [] as string[])) {
    const root = join(tmpdir(), name);
    if (!name.startsWith(EMBEDDED) || !isOwnFolder(root)) continue;
    const runs = await foldersIn(root, RUN);
    const states = await Promise.all(runs.map((run) => runState(join(root, run))));
    // Without a run it may be in the making.
    const isOver = runs.length > 0 ? states.every((state) => state === 'dead') : await isOld(root);
    if (!isOver) continue;
    await rm(root, { recursive: true, force: true }).catch((error: unknown) =>
      logger.debug('a folder that an earlier run has left cannot be removed', {
        folder: root,
        error: describeThrown(error),
      }),
    );
  }
}

async function isOld(folder: string): Promise<boolean> {
  const stats = await lstat(folder).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > 60_000;
}
