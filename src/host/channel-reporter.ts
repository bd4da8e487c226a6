import { show } from '../core/options.js';
import type { Task } from '../conductor/wire/types.js';
import type { ReportedTask, TaskEnd, TaskReporter } from '../worker/execution/task-reporter.js';
import {
  MAX_PROGRESS_LENGTH,
  type FinishedEntry,
  type StartedEntry,
  type TaskMark,
} from '../protocol/messages.js';
import type { OrchestratorChannel } from './orchestrator-channel.js';

/** A claim that is not answered in this time is allowed: the orchestrator may be busy, the task must not be lost. */
const CLAIM_WAIT_MS = 30_000;
/** The search that follows takes seconds: reporting more often adds nothing, and costs when many updates are refused. */
const UNCERTAIN_MS = 1_000;
/** The time between two messages of progress. */
const PROGRESS_MS = 250;
/** Longer references come from a broken server: the beginning distinguishes them as well. */
const MAX_REFERENCE_LENGTH = 1_000;

/**
 * Keeps the orchestrator's ledger: what starts and ends within one turn of the event loop goes in one message. A
 * burst of short tasks costs one message for many, and still every task is known before its code begins.
 */
export class ChannelReporter {
  readonly #channel: OrchestratorChannel;
  readonly #refs = new Map<string, number>();
  readonly #taskIds = new Map<number, string>();
  /** Earlier copies of tasks that came back before their end was reported: so many ends are ignored. */
  readonly #replaced = new Map<string, number>();
  readonly #claims = new Map<number, (mayRun: boolean) => void>();
  #nextRef = 1;
  #nextClaim = 1;
  #started: StartedEntry[] = [];
  #marks: [number, TaskMark][] = [];
  #finished: FinishedEntry[] = [];
  #duplicates: number[] = [];
  readonly #progress = new Map<number, string | number>();
  #progressTimer: NodeJS.Timeout | undefined;
  #uncertain: 'sent' | 'again' | undefined;
  #flush: Promise<void> | undefined;
  /** Of the newest message; those before it are written before it. */
  #written: Promise<void> = Promise.resolve();

  constructor(channel: OrchestratorChannel) {
    this.#channel = channel;
  }

  /** The reporter of one worker of the process. */
  forWorker(worker: number): TaskReporter {
    return {
      started: (tasks) => this.#addStarted(tasks, worker),
      begun: (taskId) => this.#addMark(taskId, 'begun'),
      releasing: (taskId) => this.#addMark(taskId, 'releasing'),
      stored: (taskId, isOnDisk = true) => void this.#addMark(taskId, isOnDisk ? 'stored' : 'kept'),
      finished: (taskId, end) => this.finished(taskId, end),
      duplicate: () => {
        this.#duplicates.push(worker);
        void this.#flushSoon();
      },
      progress: (taskId, progress) => this.#addProgress(taskId, progress),
      mayRun: (task) => this.#claim(task),
      uncertain: () => this.#tellUncertain(),
    };
  }

  /** Resolves when everything reported so far is written. */
  async flushed(): Promise<void> {
    if (this.#uncertain === 'again') await this.#channel.written({ type: 'uncertain' });
    await this.#written;
  }

  /** The orchestrator's answer to a claim. */
  answer(claim: number, mayRun: boolean): void {
    this.#claims.get(claim)?.(mayRun);
  }

  /** The task that has this number, while it is here. */
  taskIdOf(ref: number): string | undefined {
    return this.#taskIds.get(ref);
  }

  /** Tells that the server has the result of a task, or that there will be none. */
  finished(taskId: string, end: TaskEnd): void {
    const replaced = this.#replaced.get(taskId) ?? 0;
    if (replaced > 1) this.#replaced.set(taskId, replaced - 1);
    else this.#replaced.delete(taskId);
    if (replaced === 0) this.#end(taskId, end);
  }

  #end(taskId: string, end: TaskEnd): void {
    const ref = this.#refs.get(taskId);
    if (ref === undefined) return;
    this.#refs.delete(taskId);
    this.#taskIds.delete(ref);
    this.#progress.delete(ref);
    this.#finished.push([ref, end]);
    void this.#flushSoon();
  }

  #addStarted(tasks: readonly ReportedTask[], worker: number): Promise<void> {
    for (const { task, limitMs, deaths, begins } of tasks) {
      // Given back, and here again before the server's answer to that.
      if (this.#refs.has(task.taskId)) {
        this.#end(task.taskId, 'IN_PROGRESS');
        this.#replaced.set(task.taskId, (this.#replaced.get(task.taskId) ?? 0) + 1);
      }
      const ref = this.#nextRef++;
      this.#refs.set(task.taskId, ref);
      this.#taskIds.set(ref, task.taskId);
      this.#started.push([
        ref,
        task.taskId,
        task.workflowInstanceId,
        worker,
        amount(task.responseTimeoutSeconds),
        amount(limitMs),
        deaths,
        begins,
        referenceOf(task),
        amount(task.retryCount),
        Object.keys(task.outputData).length > 0,
      ]);
    }
    return this.#flushSoon();
  }

  #tellUncertain(): void {
    if (this.#uncertain !== undefined) {
      this.#uncertain = 'again';
      return;
    }
    this.#uncertain = 'sent';
    this.#channel.send({ type: 'uncertain' });
    const mayTellAgain = (): void => {
      const isWanted = this.#uncertain === 'again';
      this.#uncertain = undefined;
      if (isWanted) this.#tellUncertain();
    };
    setTimeout(mayTellAgain, UNCERTAIN_MS).unref();
  }

  /** At most a few messages a second, however often a task reports: the newest of each task counts. */
  #addProgress(taskId: string, progress: string | number): void {
    const ref = this.#refs.get(taskId);
    if (ref === undefined) return;
    this.#progress.set(ref, progress);
    if (this.#progressTimer === undefined) this.#sendProgress();
  }

  #sendProgress(): void {
    this.#progressTimer = undefined;
    if (this.#progress.size === 0) return;
    const progress = [...this.#progress].map(([ref, value]) => [ref, shortProgress(value)] as const);
    this.#channel.send({ type: 'progress', progress });
    this.#progress.clear();
    this.#progressTimer = setTimeout(() => this.#sendProgress(), PROGRESS_MS).unref();
  }

  #addMark(taskId: string, mark: TaskMark): Promise<void> {
    const ref = this.#refs.get(taskId);
    if (ref === undefined) return Promise.resolve();
    this.#marks.push([ref, mark]);
    return this.#flushSoon();
  }

  #claim(task: Task): Promise<boolean> {
    const claim = this.#nextClaim++;
    return new Promise((resolve) => {
      const settle = (mayRun: boolean): void => {
        clearTimeout(timer);
        this.#claims.delete(claim);
        resolve(mayRun);
      };
      const timer = setTimeout(() => settle(true), CLAIM_WAIT_MS);
      this.#claims.set(claim, settle);
      const { taskId, workflowInstanceId } = task;
      const isSent = this.#channel.send({
        type: 'claim',
        claim,
        taskId,
        workflowInstanceId,
        reference: referenceOf(task),
        retryCount: amount(task.retryCount),
      });
      if (!isSent) settle(true);
    });
  }

  #flushSoon(): Promise<void> {
    this.#flush ??= this.#written = new Promise((resolve) => {
      setImmediate(() => {
        const [started, marks, finished] = [this.#started, this.#marks, this.#finished];
        const duplicates = this.#duplicates;
        this.#duplicates = [];
        this.#started = [];
        this.#marks = [];
        this.#finished = [];
        this.#flush = undefined;
        resolve(this.#channel.written({ type: 'tasks', started, marks, finished, duplicates }));
      });
    });
    return this.#flush;
  }
}

/** Servers send what they like: what is not a number of 0 or more is 0. */
function amount(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : 0;
}

function referenceOf({ referenceTaskName }: { readonly referenceTaskName: unknown }): string {
  return typeof referenceTaskName === 'string' ? referenceTaskName.slice(0, MAX_REFERENCE_LENGTH) : '';
}

function shortProgress(progress: unknown): string | number {
  if (typeof progress === 'number' && Number.isFinite(progress)) return progress;
  const text = typeof progress === 'string' ? progress : show(progress);
  return text.length <= MAX_PROGRESS_LENGTH ? text : `${text.slice(0, MAX_PROGRESS_LENGTH - 1)}…`;
}
