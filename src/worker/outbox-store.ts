import { closeSync, fdatasync, mkdirSync, openSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
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
  /** How often the server had handed the task out by then, this time included; absent: not known. */
  readonly pollCount?: number;
}

/** An entry with the file that holds it; without one it is in memory only. */
export interface StoredEntry extends OutboxEntry {
  readonly file: string | undefined;
  readonly bytes: number;
}

const flushed = promisify(fdatasync);

const SUFFIX = '.result.json';
/** Larger files are not ours and are not written; the server takes 10 MB at most. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Results on disk, one file each, readable by the owner only. A file is written beside and renamed, and flushed to the
 * disk first: it is there as a whole or not at all, whatever happens to process and machine.
 */
export class OutboxStore {
  /** Empty: nothing can be written. */
  readonly folder: string;
  readonly #owner: string;
  readonly #logger: Logger;
  #writes = 0;
  #flushing: Promise<void> | undefined;

  /** @param owner - part of the file names: results of different processes never meet in one file */
  constructor(folder: string, owner: string, logger: Logger) {
    this.folder = folder;
    this.#owner = owner;
    this.#logger = logger;
  }

  /** @throws the file system's error when it cannot be written */
  async write(entry: OutboxEntry): Promise<StoredEntry> {
    if (this.folder === '') throw new Error('there is no folder to write to');
    const text = JSON.stringify({ version: 1, ...entry });
    const size = Buffer.byteLength(text);
    if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes are too many for the outbox`);
    const file = join(this.folder, `${this.#owner}~${encodeURIComponent(entry.body.taskId)}${SUFFIX}`);
    const beside = `${file}.${++this.#writes}.tmp`;
    // All but the flush are quick, and dearer through the thread pool than done at once.
    const descriptor = this.#openNew(beside);
    try {
      writeFileSync(descriptor, text);
      await flushed(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, file);
    await this.#folderFlushed();
    return { ...entry, file, bytes: text.length };
  }

  #openNew(file: string): number {
    try {
      return openSync(file, 'w', 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      return openSync(file, 'w', 0o600);
    }
  }

  /** The new name is in the folder, which is flushed by itself: once for all that were written meanwhile. */
  #folderFlushed(): Promise<void> {
    const underWay = this.#flushing;
    if (underWay === undefined) return (this.#flushing = this.#flushFolder());
    // The one under way may have begun before the rename.
    return underWay.then(() => (this.#flushing ??= this.#flushFolder()));
  }

  async #flushFolder(): Promise<void> {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(this.folder, 'r');
      await flushed(descriptor);
    } catch {
      // Windows has no such thing: there the system does it in time.
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
      this.#flushing = undefined;
    }
  }

  async remove(entry: StoredEntry): Promise<void> {
    if (entry.file === undefined) return;
    await unlink(entry.file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
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
  const { body, responseTimeoutSeconds, receivedAt, pollCount } = entry;
  const isWhole =
    typeof body === 'object' &&
    body !== null &&
    typeof body.taskId === 'string' &&
    typeof body.workflowInstanceId === 'string' &&
    STATUSES.includes(body.status) &&
    typeof responseTimeoutSeconds === 'number' &&
    typeof receivedAt === 'number';
  if (!isWhole) throw new Error('ids, status or times are missing');
  return {
    body,
    responseTimeoutSeconds,
    receivedAt,
    ...(typeof pollCount === 'number' ? { pollCount } : {}),
  };
}
