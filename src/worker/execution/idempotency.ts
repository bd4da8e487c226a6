import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeThrown } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { show } from '../../core/options.js';
import { TaskResult } from '../../conductor/wire/task-result.js';
import type { JsonObject, Task } from '../../conductor/wire/types.js';
import type { TaskContext } from './task-context.js';
import { isResult, taskOutcome } from './task-outcome.js';
import { NonRetryableError } from './non-retryable-error.js';
import { TaskInterceptor, type ExecuteNext } from './task-interceptor.js';

/** How long a result is kept, and how many. */
const KEPT_MS = 24 * 3_600_000;
const MAX_RESULTS = 10_000;
/** The folder is looked through once in so many writes. */
const PRUNE_EVERY = 500;

/**
 * Gives the key of a task: two tasks with the same key have the same effect. `undefined` or `null`: no key, always
 * executed. A number counts as its text.
 */
export type IdempotencyKey = (task: Task) => string | number | null | undefined;

/** Completed results by key, in files that all processes of the application share and that survive a restart. */
export class ResultCache {
  readonly #folder: string;
  readonly #logger: Logger;
  #writes = 0;

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  async get(key: string): Promise<JsonObject | undefined> {
    try {
      const { savedAt, output } = JSON.parse(await readFile(this.#file(key), 'utf8')) as {
        savedAt: number;
        output: JsonObject;
      };
      return Date.now() - savedAt < KEPT_MS ? output : undefined;
    } catch {
      return undefined;
    }
  }

  /** A result that cannot be kept is told and executed again another time; it is not lost. */
  async put(key: string, output: JsonObject): Promise<void> {
    const file = this.#file(key);
    const beside = `${file}.${process.pid}.tmp`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(beside, JSON.stringify({ savedAt: Date.now(), output }), { mode: 0o600 });
      await rename(beside, file);
      if (this.#writes++ % PRUNE_EVERY === 0) await this.#prune();
    } catch (error) {
      this.#logger.warn('a result cannot be kept for its idempotency key', { error: describeThrown(error) });
    }
  }

  /** By hash: keys may hold anything, and may be secret. */
  #file(key: string): string {
    return join(this.#folder, `${createHash('sha256').update(key).digest('hex')}.json`);
  }

  async #prune(): Promise<void> {
    const files = (await readdir(this.#folder)).map((name) => join(this.#folder, name));
    const aged = await Promise.all(
      files.map(async (file) => ({ file, at: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 })),
    );
    aged.sort((a, b) => b.at - a.at);
    const old = aged.filter(({ at }, index) => index >= MAX_RESULTS || Date.now() - at > KEPT_MS);
    await Promise.all(old.map(({ file }) => rm(file, { force: true })));
  }
}

/**
 * Executes each key once: a task whose key has a completed result gets that result without being executed, and one
 * whose key is being executed in this process waits for it. Failures are not kept.
 */
export class IdempotencyInterceptor extends TaskInterceptor {
  readonly #worker: string;
  readonly #keyOf: IdempotencyKey;
  readonly #cache: ResultCache;
  readonly #underWay = new Map<string, Promise<unknown>>();

  /** @param worker - key of the worker: two workers may use the same keys for different things */
  constructor(worker: string, keyOf: IdempotencyKey, cache: ResultCache) {
    super();
    this.#worker = worker;
    this.#keyOf = keyOf;
    this.#cache = cache;
  }

  override async execute(task: Task, context: TaskContext, next: ExecuteNext): Promise<unknown> {
    const own = checkedKey(this.#keyOf(task));
    if (own === undefined) return await next();
    const key = `${this.#worker}\n${own}`;
    // Should that one fail, the next is executed after it; however many wait, one at a time.
    for (let before = this.#underWay.get(key); before !== undefined; before = this.#underWay.get(key)) {
      await before.catch(() => undefined);
    }
    const running = this.#keptOrExecuted(key, task, context, next);
    this.#underWay.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#underWay.get(key) === running) this.#underWay.delete(key);
    }
  }

  async #keptOrExecuted(key: string, task: Task, context: TaskContext, next: ExecuteNext): Promise<unknown> {
    const kept = await this.#cache.get(key);
    if (kept !== undefined) {
      context.logger.info('a task is not executed again: its idempotency key has a result');
      // Other interceptors see output as the worker would return it, unless that would be taken for a result.
      if (!isResult(kept)) return kept;
      return Object.assign(TaskResult.from(task), { outputData: kept });
    }
    const value = await next();
    const { callbackAfterSeconds } = context;
    const outcome = taskOutcome({ kind: 'returned', value, callbackAfterSeconds });
    if (outcome.status === 'COMPLETED') await this.#cache.put(key, outcome.outputData);
    return value;
  }
}

/** Inputs of tasks may hold anything, and a key of another kind, an object say, would as text be that of all tasks. */
function checkedKey(own: unknown): string | undefined {
  if (own === undefined || own === null) return undefined;
  if (typeof own === 'string' || Number.isFinite(own)) return String(own);
  if (own instanceof Promise) own.catch(() => undefined);
  throw new NonRetryableError(`idempotencyKey of a worker: expected a string or a number, got ${show(own)}`);
}
