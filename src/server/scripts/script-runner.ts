import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Evaluated, Evaluation } from '../engine/decider-context.js';
import type { Evaluator } from '../engine/engine.js';
import { inputForScript } from './script-input.js';
import type { ScriptReply, ScriptRequest } from './script-messages.js';

/** Limits of one script. Source of the time: conductor 3.32, `ScriptEvaluator`. */
export interface ScriptLimits {
  /** Milliseconds. @defaultValue 4000 */
  readonly timeoutMs: number;
  /** What a script may allocate. @defaultValue 64 MB */
  readonly memoryBytes: number;
}

export const SCRIPT_LIMITS: ScriptLimits = { timeoutMs: 4_000, memoryBytes: 64 * 1024 * 1024 };

/** What a thread gets on top of the script's own time before it is ended from outside. */
const THREAD_GRACE_MS = 1_000;

interface Job {
  readonly request: ScriptRequest;
  readonly settle: (result: Evaluated) => void;
}

/**
 * Runs the scripts of workflows in a thread, so that the server answers while they run, one after the other, each in an
 * interpreter of its own. The thread starts with the first script, and again after one that had to be ended.
 */
export class ScriptRunner implements Evaluator {
  readonly #limits: ScriptLimits;
  readonly #jobs: Job[] = [];
  #current: Job | undefined;
  #thread: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ids = 0;
  #isClosed = false;

  constructor(limits: ScriptLimits = SCRIPT_LIMITS) {
    this.#limits = limits;
  }

  evaluate({ language, expression, input }: Evaluation): Promise<Evaluated> {
    return new Promise((settle) => {
      const request: ScriptRequest = {
        id: ++this.#ids,
        language,
        expression,
        inputJson: JSON.stringify(
          (language === 'javascript' ? inputForScript(expression, input) : input) ?? null,
        ),
        ...this.#limits,
      };
      this.#jobs.push({ request, settle });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #next(): void {
    if (this.#current !== undefined || this.#isClosed) return;
    const job = this.#jobs.shift();
    if (job === undefined) {
      // An idle thread must not keep a program alive that is done.
      this.#thread?.unref();
      return;
    }
    this.#current = job;
    this.#thread ??= this.#start();
    this.#thread.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#thread.postMessage(job.request);
    const { timeoutMs } = job.request;
    this.#timer = setTimeout(() => {
      this.#restart(`the script ran longer than ${timeoutMs} ms`);
    }, timeoutMs + THREAD_GRACE_MS);
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), { stdin: true, resourceLimits: { maxOldGenerationSizeMb: 256 } });
    thread.on('message', (reply: ScriptReply) => {
      if (thread !== this.#thread || reply.id !== this.#current?.request.id) return;
      this.#settle(
        'error' in reply
          ? { error: reply.error, isFinal: true }
          : { value: JSON.parse(reply.valueJson) as unknown },
      );
    });
    thread.on('error', (error) => {
      if (thread === this.#thread) this.#restart(`the script could not be run: ${error.message}`);
    });
    return thread;
  }

  #restart(error: string): void {
    const thread = this.#thread;
    this.#thread = undefined;
    void thread?.terminate();
    this.#settle({ error, isFinal: true });
  }

  #settle(result: Evaluated): void {
    clearTimeout(this.#timer);
    const job = this.#current;
    this.#current = undefined;
    job?.settle(result);
    this.#next();
  }
}

/** Beside this file; the tests of the sources use the one that was built of them. */
function threadFile(): URL {
  const beside = new URL('./script-thread.js', import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside;
  return new URL('../../../dist/server/scripts/script-thread.js', import.meta.url);
}
