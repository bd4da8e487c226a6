import { mkdirSync, readdirSync } from 'node:fs';
import { open, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeThrown } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { TaskResultStatus, type TaskResultBody } from '../conductor/task-result.js';

/** A result that waits for the server. */
export interface OutboxEntry {
  readonly body: TaskResultBody;
  /** Seconds of the task's lease; 0 = none. */
  readonly responseTimeoutSeconds: number;
  /** When the task came to its process, epoch milliseconds. */
  readonly receivedAt: number;
}

/** An entry with the file that holds it; without one it is in memory only. */
export interface StoredEntry extends OutboxEntry {
  readonly file: string | undefined;
  readonly bytes: number;
}

const SUFFIX = '.result.json';
/** Larger files are not ours; the server takes 10 MB at most. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Results on disk, one file each, readable by the owner only. A file is written beside and renamed, and flushed to the
 * disk first: it is there as a whole or not at all, whatever happens to process and machine.
 */
export class OutboxStore {
  readonly folder: string;
  readonly #owner: string;
  readonly #logger: Logger;
  #writes = 0;

  /** @param owner - part of the file names: results of different processes never meet in one file */
  constructor(folder: string, owner: string, logger: Logger) {
    this.folder = folder;
    this.#owner = owner;
    this.#logger = logger;
  }

  /** @throws the file system's error when it cannot be written */
  async write(entry: OutboxEntry): Promise<StoredEntry> {
    const text = JSON.stringify({ version: 1, ...entry });
    const file = join(this.folder, `${this.#owner}~${encodeURIComponent(entry.body.taskId)}${SUFFIX}`);
    const beside = `${file}.${++this.#writes}.tmp`;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await this.#flushFolder();
    return { ...entry, file, bytes: text.length };
  }

  /** The new name is in the folder, which is flushed by itself; where that cannot be done, the system does it in time. */
  async #flushFolder(): Promise<void> {
    try {
      const folder = await open(this.folder, 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch {
      // Windows has no such thing.
    }
  }

  async remove(entry: StoredEntry): Promise<void> {
    if (entry.file !== undefined) await rm(entry.file, { force: true });
  }

  /** Ids of the tasks whose results an owner has left here. Synchronous: asked in the moment of a process's death. */
  taskIdsOf(owner: string): Set<string> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const prefix = `${owner}~`;
    const names = readdirSync(this.folder).filter((name) => name.startsWith(prefix) && name.endsWith(SUFFIX));
    return new Set(names.map((name) => decodeURIComponent(name.slice(prefix.length, -SUFFIX.length))));
  }

  /**
   * The entries that are here, the oldest first; only those of `owner` when it is given. A file that is not a whole
   * result is set aside under another name, and told.
   */
  async read(owner?: string): Promise<StoredEntry[]> {
    const names = await readdir(this.folder).catch(() => [] as string[]);
    const entries: StoredEntry[] = [];
    for (const name of names) {
      if (owner !== undefined && !name.startsWith(`${owner}~`)) continue;
      if (name.endsWith('.set-aside') || name.endsWith('.tmp')) continue;
      const entry = await this.#readOne(join(this.folder, name), name.endsWith(SUFFIX));
      if (entry !== undefined) entries.push(entry);
    }
    return entries.sort((a, b) => a.receivedAt - b.receivedAt);
  }

  async #readOne(file: string, isOurs: boolean): Promise<StoredEntry | undefined> {
    try {
      if (!isOurs) throw new Error('the name is not that of a result');
      const { size } = await stat(file);
      if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes are too many`);
      const text = await readFile(file, 'utf8');
      return { ...checkedEntry(JSON.parse(text)), file, bytes: text.length };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const aside = `${file}.set-aside`;
      this.#logger.error('a file in the outbox is not a result; it is set aside', {
        file: aside,
        error: describeThrown(error),
      });
      await rename(file, aside).catch(() => undefined);
      return undefined;
    }
  }
}

const STATUSES: readonly string[] = Object.values(TaskResultStatus);

function checkedEntry(value: unknown): OutboxEntry {
  const entry = value as { version?: unknown; body?: Partial<TaskResultBody> } & Partial<OutboxEntry>;
  if (typeof entry !== 'object' || entry === null || entry.version !== 1)
    throw new Error('it has no version 1');
  const { body, responseTimeoutSeconds, receivedAt } = entry;
  const isWhole =
    typeof body === 'object' &&
    body !== null &&
    typeof body.taskId === 'string' &&
    typeof body.workflowInstanceId === 'string' &&
    STATUSES.includes(body.status) &&
    typeof responseTimeoutSeconds === 'number' &&
    typeof receivedAt === 'number';
  if (!isWhole) throw new Error('ids, status or times are missing');
  return { body: body, responseTimeoutSeconds, receivedAt };
}
