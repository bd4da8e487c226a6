import type { Task } from '../conductor/types.js';
import type { TaskEnd, TaskReporter } from '../worker/task-reporter.js';
import type { FinishedEntry, StartedEntry } from './messages.js';
import type { OrchestratorChannel } from './orchestrator-channel.js';

/**
 * Keeps the orchestrator's ledger: what starts and ends within one turn of the event loop goes in one message. A
 * burst of short tasks costs one message for many, and still every task is known before its code begins.
 */
export class ChannelReporter {
  readonly #channel: OrchestratorChannel;
  readonly #refs = new Map<string, number>();
  #nextRef = 1;
  #started: StartedEntry[] = [];
  #finished: FinishedEntry[] = [];
  #flush: Promise<void> | undefined;

  constructor(channel: OrchestratorChannel) {
    this.#channel = channel;
  }

  /** The reporter of one worker of the process. */
  forWorker(worker: number): TaskReporter {
    return {
      started: (tasks) => this.#addStarted(tasks, worker),
      finished: (taskId, end) => this.#addFinished(taskId, end),
      progress: (taskId, progress) => {
        const ref = this.#refs.get(taskId);
        if (ref !== undefined) this.#channel.send({ type: 'progress', ref, progress });
      },
    };
  }

  /** Resolves when everything reported so far is written. */
  async flushed(): Promise<void> {
    await (this.#flush ?? Promise.resolve());
  }

  #addStarted(tasks: readonly Task[], worker: number): Promise<void> {
    for (const task of tasks) {
      const ref = this.#nextRef++;
      this.#refs.set(task.taskId, ref);
      this.#started.push([ref, task.taskId, task.workflowInstanceId, worker, task.responseTimeoutSeconds]);
    }
    return this.#flushSoon();
  }

  #addFinished(taskId: string, end: TaskEnd): void {
    const ref = this.#refs.get(taskId);
    if (ref === undefined) return;
    this.#refs.delete(taskId);
    this.#finished.push([ref, end]);
    void this.#flushSoon();
  }

  #flushSoon(): Promise<void> {
    this.#flush ??= new Promise((resolve) => {
      setImmediate(() => {
        const message = { type: 'tasks', started: this.#started, finished: this.#finished } as const;
        this.#started = [];
        this.#finished = [];
        this.#flush = undefined;
        resolve(this.#channel.written(message));
      });
    });
    return this.#flush;
  }
}
