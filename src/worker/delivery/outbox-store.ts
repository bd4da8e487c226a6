import { closeSync, fdatasync, mkdirSync, openSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, rename, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { describeThrown } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { isOwnFolder, NotPrivateError, readPrivateFile } from '../../os/private-files.js';
import { TaskResultStatus, type TaskResultBody } from '../../conductor/wire/task-result.js';

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

/** A file, or a folder, that gives no result, and why. */
export interface Resultless {
  readonly file: string;
  readonly reason: string;
}

/** What an outbox holds. */
export interface OutboxContent {
  readonly entries: StoredEntry[];
  /** Files that are not whole results. */
  readonly others: Resultless[];
  /** Files that cannot be read, or the whole folder. */
  readonly unread: Resultless[];
}

const SUFFIX = '.result.json';
const ASIDE = '.set-aside';
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
  #hasUnread = false;
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
    return { ...entry, file, bytes: size };
  }

  #openNew(file: string): number {
    try {
      return openSync(file, 'wx', 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      return openSync(file, 'wx', 0o600);
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
    return new Set(names.flatMap((name) => taskIdIn(name.slice(prefix.length, -SUFFIX.length)) ?? []));
  }

  /**
   * The entries that are here, the oldest first; only those of `owner` when it is given. A file that is not a whole
   * result is set aside under another name, and logged; so is what cannot be read, see {@link hasUnread}.
   */
  async read(owner?: string): Promise<StoredEntry[]> {
    const { entries, others, unread } = await this.#readAll(
      (name) => owner === undefined || name.startsWith(`${owner}~`),
    );
    for (const { file, reason } of others) {
      const aside = `${file}${ASIDE}`;
      this.#logger.error('a file in the outbox is not a result; it is set aside', {
        file: aside,
        error: reason,
      });
      await rename(file, aside).catch(() => undefined);
    }
    for (const { file, reason } of unread) {
      this.#logger.error('results in the outbox cannot be read; they are left where they are', {
        file,
        error: reason,
      });
    }
    this.#hasUnread ||= unread.length > 0;
    return entries;
  }

  /** Something is here that {@link read} could not read: it may hold results, and must not be removed. */
  get hasUnread(): boolean {
    return this.#hasUnread;
  }

  /** What is here: entries, the oldest first, and the rest. Changes nothing. */
  async look(): Promise<OutboxContent> {
    return await this.#readAll(() => true);
  }

  async #readAll(isWanted: (name: string) => boolean): Promise<OutboxContent> {
    const content: OutboxContent = { entries: [], others: [], unread: [] };
    for (const name of await this.#names(content)) {
      if (!isWanted(name) || name.endsWith(ASIDE) || name.endsWith('.tmp')) continue;
      const file = join(this.folder, name);
      try {
        if (!name.endsWith(SUFFIX)) throw new NotAResultError('the name is not that of a result');
        const text = await readPrivateFile(file, MAX_FILE_BYTES);
        content.entries.push({ ...parseEntry(text.toString()), file, bytes: text.length });
      } catch (error) {
        // Sent and removed meanwhile.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        const isNone = error instanceof NotPrivateError || error instanceof NotAResultError;
        content[isNone ? 'others' : 'unread'].push({ file, reason: describeThrown(error) });
      }
    }
    content.entries.sort((a, b) => a.receivedAt - b.receivedAt);
    return content;
  }

  async #names({ unread }: OutboxContent): Promise<string[]> {
    try {
      const names = await readdir(this.folder);
      if (isOwnFolder(this.folder)) return names;
      unread.push({ file: this.folder, reason: 'it is not a folder of this user' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        unread.push({ file: this.folder, reason: describeThrown(error) });
    }
    return [];
  }
}

/** `undefined` for a name that {@link OutboxStore.write} does not give. */
function taskIdIn(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

/** Why a file is not a result. */
class NotAResultError extends Error {}

/** @throws when the text is not a whole entry */
export function parseEntry(text: string): OutboxEntry {
  try {
    return checkedEntry(JSON.parse(text));
  } catch (error) {
    throw new NotAResultError(describeThrown(error), { cause: error });
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
