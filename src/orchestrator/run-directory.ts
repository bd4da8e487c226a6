import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeThrown } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/** A worker as a server knows it. */
export interface WorkerIdentity {
  readonly taskType: string;
  readonly workerId: string;
}

/** What an earlier run has left. */
export interface LeftRun {
  readonly outboxFolder: string;
  readonly workers: readonly WorkerIdentity[];
}

/** How often a run shows that it is alive, and after how long without it is taken for dead. */
const TOUCH_MS = 10_000;
const DEAD_AFTER_MS = 60_000;

/** A worker with the process that it was in. */
interface WorkerNote extends WorkerIdentity {
  readonly pid: number | undefined;
  readonly startTime: string | undefined;
}

/** What a run is a run of; for people, and for commands that look at what it has left. */
export interface RunSubject {
  readonly entry: string;
  readonly serverUrl: string;
}

interface Owner extends Partial<RunSubject> {
  readonly pid: number;
  readonly host: string;
  readonly startTime: string | undefined;
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

/**
 * The folder of one run of an application: its outbox, and the ids of its workers. Readable by the owner only. When
 * the run is dead, the next one takes the folder over; a rename decides who, if several start together.
 */
export class RunDirectory {
  readonly #root: string;
  readonly folder: string;
  readonly #logger: Logger;
  readonly #secrets: string[] = [];
  #touching: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(root: string, folder: string, logger: Logger) {
    this.#root = root;
    this.folder = folder;
    this.#logger = logger;
  }

  /**
   * @param candidates - folders of the application, the best first; the first that can be written is taken
   * @returns undefined, with a warning, when none can be written: then nothing survives this process
   */
  static async open(
    candidates: readonly string[],
    logger: Logger,
    subject?: RunSubject,
  ): Promise<RunDirectory | undefined> {
    const failures: string[] = [];
    for (const root of candidates) {
      try {
        const folder = join(root, `run-${process.pid}-${Date.now().toString(36)}`);
        await mkdir(join(folder, 'outbox'), { recursive: true, mode: 0o700 });
        const startTime = processStartTime(process.pid);
        const owner: Owner = { pid: process.pid, host: hostname(), startTime, ...subject };
        await writeFile(join(folder, 'owner.json'), JSON.stringify(owner), { mode: 0o600 });
        if (failures.length > 0)
          logger.warn('the outbox is not in its usual place', { folder: root, why: failures });
        return new RunDirectory(root, folder, logger);
      } catch (error) {
        failures.push(`${root}: ${describeThrown(error)}`);
      }
    }
    logger.warn(
      'no folder for the outbox can be written: results that the server refuses are kept in memory only',
      {
        tried: failures,
      },
    );
    return undefined;
  }

  get outboxFolder(): string {
    return join(this.folder, 'outbox');
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
    const lines = workers.map((worker) => `${JSON.stringify({ ...worker, pid, startTime })}\n`).join('');
    this.#writing = this.#writing
      .then(() => appendFile(join(this.folder, 'workers.jsonl'), lines, { mode: 0o600 }))
      .catch((error: unknown) =>
        this.#logger.warn('the ids of workers cannot be written down', { error: describeThrown(error) }),
      );
  }

  /**
   * Takes over what dead runs of the same application have left. A run of which worker processes are still alive is
   * left for another call: they may be finishing their tasks.
   */
  async takeOverDeadRuns(): Promise<{ runs: LeftRun[]; isComplete: boolean }> {
    const names = await readdir(this.#root).catch(() => [] as string[]);
    const runs: LeftRun[] = [];
    let isComplete = true;
    for (const name of names) {
      const left = join(this.#root, name);
      if (!name.startsWith('run-') || left === this.folder || !(await isDead(left))) continue;
      if (await hasLiveWorkers(left)) {
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
      runs.push(...(await nestedRuns(taken)));
    }
    return { runs, isComplete };
  }

  /** @param isEmpty - nothing is left that the next run needs: the folder goes */
  async close(isEmpty: boolean): Promise<void> {
    clearInterval(this.#touching);
    await this.#writing;
    await Promise.all(this.#secrets.map((file) => rm(file, { force: true }).catch(() => undefined)));
    if (isEmpty && !(await hasSetAside(this.folder)) && (await this.#isRemoved())) return;
    // The next start sees by this that the run is over, and looks what is left.
    await writeFile(join(this.folder, 'ended'), '', { mode: 0o600 }).catch(() => undefined);
  }

  async #isRemoved(): Promise<boolean> {
    try {
      await rm(this.folder, { recursive: true, force: true });
      return true;
    } catch (error) {
      this.#logger.warn('the folder of the run cannot be removed; the next start does it', {
        folder: this.folder,
        error: describeThrown(error),
      });
      return false;
    }
  }
}

/** The runs of an application, alive and dead. @param root - the application's folder */
export async function findRuns(root: string): Promise<FoundRun[]> {
  const names = await readdir(root).catch(() => [] as string[]);
  const folders = names.filter((name) => name.startsWith('run-')).map((name) => join(root, name));
  return await Promise.all(
    folders.map(async (folder) => ({
      folder,
      isDead: await isDead(folder),
      subject: await readOwner(folder).catch(() => undefined),
      outboxFolders: [join(folder, 'outbox'), ...(await nestedRuns(folder)).map((run) => run.outboxFolder)],
    })),
  );
}

async function readOwner(folder: string): Promise<Owner> {
  return JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8')) as Owner;
}

/** Runs that a dead run had taken over itself. */
async function nestedRuns(folder: string): Promise<LeftRun[]> {
  const all = await readdir(folder).catch(() => [] as string[]);
  const names = all.filter((name) => name.startsWith('left-run-'));
  const runs: LeftRun[] = [];
  for (const name of names) {
    const nested = join(folder, name);
    // The run that took it over may have died before it could ask the server.
    const workers = await readWorkers(nested);
    runs.push({ outboxFolder: join(nested, 'outbox'), workers }, ...(await nestedRuns(nested)));
  }
  return runs;
}

async function isDead(folder: string): Promise<boolean> {
  try {
    const ended = await stat(join(folder, 'ended')).catch(() => undefined);
    if (ended !== undefined) return true;
    const owner = await readOwner(folder);
    if (owner.host === hostname()) return !isAlive(owner);
    const { mtimeMs } = await stat(join(folder, 'owner.json'));
    return Date.now() - mtimeMs > DEAD_AFTER_MS;
  } catch {
    // Without an owner that can be read, its age decides: it may be in the making.
    const folderStat = await stat(folder).catch(() => undefined);
    return folderStat !== undefined && Date.now() - folderStat.mtimeMs > DEAD_AFTER_MS;
  }
}

function isAlive({ pid, startTime }: Pick<Owner, 'pid' | 'startTime'>): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startTime === undefined || startTime === processStartTime(pid);
}

/** Tells a process from a later one with the same id; `undefined` without /proc. */
function processStartTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Files that are no results were put aside for somebody to look at. */
async function hasSetAside(folder: string): Promise<boolean> {
  const names = await readdir(folder, { recursive: true }).catch(() => [] as string[]);
  return names.some((name) => name.endsWith('.set-aside'));
}

async function hasLiveWorkers(folder: string): Promise<boolean> {
  const owner = await readFile(join(folder, 'owner.json'), 'utf8').catch(() => '{}');
  if (!owner.includes(JSON.stringify(hostname()))) return false;
  return (await readNotes(folder)).some(
    ({ pid, startTime }) => pid !== undefined && isAlive({ pid, startTime }),
  );
}

async function readWorkers(folder: string): Promise<WorkerIdentity[]> {
  return (await readNotes(folder)).map(({ taskType, workerId }) => ({ taskType, workerId }));
}

async function readNotes(folder: string): Promise<WorkerNote[]> {
  const text = await readFile(join(folder, 'workers.jsonl'), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const { taskType, workerId, pid, startTime } = JSON.parse(line) as Partial<WorkerNote>;
      return typeof taskType === 'string' && typeof workerId === 'string'
        ? [{ taskType, workerId, pid, startTime }]
        : [];
    } catch {
      // The last line may be cut off by a crash.
      return [];
    }
  });
}

/** A folder that lives as long as the process: for a server whose tasks end with it. */
export function temporaryRoot(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
