import { TuttiError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { TaskResultStatus, type TaskResultBody } from '../../conductor/wire/task-result.js';
import { problemOf } from '../../conductor/wire/task-shape.js';
import type { Task } from '../../conductor/wire/types.js';
import { TaskContext, withTaskContext } from './task-context.js';
import { executionLimit } from './execution-limit.js';
import type { TaskFailure } from './failure-log.js';
import { taskOutcome, type Execution, type TaskOutcome } from './task-outcome.js';
import { reasonInProgress } from './poison.js';
import { intercepted, type TaskHandler, type TaskInterceptor } from './task-interceptor.js';

/** Something whose `execute` can be called: an object of the container, or a function with its services. */
export interface Executable {
  execute(task: Task, context: TaskContext): unknown;
}

/** The port to the container: who executes a task, and what happens to it afterwards. */
export abstract class WorkerSource {
  /** The object that executes every task, or `undefined` when each task gets one of its own from {@link acquire}. */
  abstract readonly shared: Executable | undefined;
  abstract acquire(task: Task): Promise<{ worker: Executable; release: () => Promise<void> }>;
}

export interface TaskRunnerOptions {
  readonly source: WorkerSource;
  readonly workerId: string;
  /** Key of the worker, for log lines. */
  readonly worker?: string;
  readonly logger: Logger;
  /** Milliseconds; `undefined`: what the task's definition says. */
  readonly executionTimeout: number | undefined;
  readonly onProgress: (taskId: string, progress: string | number) => void;
  /** Around each execution, the first outermost. @defaultValue none */
  readonly interceptors?: readonly TaskInterceptor[];
}

/** How long an execution that was told to end may take before its slot is reported as stuck. */
const ABORT_GRACE_MS = 1_000;

/** One execution under way. */
export interface RunningTask {
  readonly task: Task;
  /** What to report. Never rejects. */
  readonly result: Promise<TaskResultBody>;
  /** Settles when the user's code has really ended, which may be later than `result` after an abort. */
  readonly ended: Promise<void>;
  readonly hasEnded: boolean;
  /** Set before `result` resolves, when that reports a failure. */
  readonly failure: TaskFailure | undefined;
  abort(reason: string): void;
}

/** Executes tasks with user code and turns whatever comes of it into a result. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** Longest time in milliseconds that the task may run; `undefined` = no limit. */
  limitOf(task: Task): number | undefined {
    return executionLimit(task, this.#options.executionTimeout);
  }

  start(task: Task): RunningTask {
    const { workerId, worker, logger } = this.#options;
    const context = new TaskContext({
      // What a worker does to its task must not change whose result this is.
      task: { ...task },
      workerId,
      worker,
      logger,
      onProgress: (progress) => this.#options.onProgress(task.taskId, progress),
    });
    const limit = new ExecutionLimit(context, this.limitOf(task));
    const problem = problemOf(task);
    // An interceptor may be done before the worker is.
    const lingering = new Set<Promise<unknown>>();
    const execution = problem === undefined ? this.#execute(context, lingering) : refused(problem);
    const running = {
      task,
      hasEnded: false,
      failure: undefined as TaskFailure | undefined,
      ended: execution.then(async () => {
        if (lingering.size > 0) await Promise.allSettled(lingering);
        limit.clear();
        running.hasEnded = true;
      }),
      result: Promise.race([execution, limit.exceeded]).then((ended) => {
        const outcome = taskOutcome(ended);
        running.failure = failureOf(outcome);
        return this.#toBody(task, context, outcome);
      }),
      abort: (reason: string) => limit.abort(reason),
    };
    return running;
  }

  async #execute(context: TaskContext, lingering: Set<Promise<unknown>>): Promise<Execution> {
    const { interceptors = [] } = this.#options;
    const handler =
      interceptors.length === 0
        ? this.#execution
        : intercepted(interceptors, noted(this.#execution, lingering));
    try {
      const value = await withTaskContext(context, () => handler(context.task, context));
      return { kind: 'returned', value, callbackAfterSeconds: context.callbackAfterSeconds };
    } catch (thrown) {
      return { kind: 'threw', thrown };
    }
  }

  /** With the worker that all tasks share, or with one of its own. */
  readonly #execution: TaskHandler = (task, context) => {
    const { shared } = this.#options.source;
    return shared === undefined ? this.#executeWithOwnWorker(task, context) : shared.execute(task, context);
  };

  async #executeWithOwnWorker(task: Task, context: TaskContext): Promise<unknown> {
    const { worker, release } = await this.#options.source.acquire(task);
    try {
      return await worker.execute(task, context);
    } finally {
      await release().catch((error: unknown) => {
        context.logger.warn('releasing the services of a task failed', { error });
      });
    }
  }

  #toBody(task: Task, context: TaskContext, outcome: TaskOutcome): TaskResultBody {
    const logs = context.takeLogs(outcome.logs);
    const isOver = outcome.status !== TaskResultStatus.IN_PROGRESS;
    const reason = isOver
      ? outcome.reasonForIncompletion
      : reasonInProgress(task, outcome.reasonForIncompletion);
    return {
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      // The unique id of this process always wins: the orchestrator finds tasks of a dead process by it.
      workerId: this.#options.workerId,
      status: outcome.status,
      outputData: outcome.outputData,
      ...(reason === undefined ? {} : { reasonForIncompletion: reason }),
      ...(outcome.callbackAfterSeconds === undefined
        ? {}
        : { callbackAfterSeconds: outcome.callbackAfterSeconds }),
      ...(logs.length === 0 ? {} : { logs }),
    };
  }
}

/** Keeps each execution in `lingering` until it has ended. */
function noted(handler: TaskHandler, lingering: Set<Promise<unknown>>): TaskHandler {
  return (task, context) => {
    const execution = (async () => await handler(task, context))();
    lingering.add(execution);
    const end = (): void => void lingering.delete(execution);
    execution.then(end, end);
    return execution;
  };
}

function failureOf({ status, reasonForIncompletion, stack }: TaskOutcome): TaskFailure | undefined {
  if (status === TaskResultStatus.COMPLETED || status === TaskResultStatus.IN_PROGRESS) return undefined;
  return { status, reason: reasonForIncompletion ?? 'the worker gave no reason', stack };
}

/** The end of a task that the server sent in a form in which nobody can execute it. */
function refused(problem: string): Promise<Execution> {
  const message = `the server sent a task that cannot be executed: ${problem}`;
  return Promise.resolve({ kind: 'threw', thrown: new TuttiError('TASK_INVALID', message) });
}

/** The time limit of one execution, and the way to end it from outside. */
class ExecutionLimit {
  /** Settles a grace period after an abort that the user's code did not follow; never, where there is none. */
  readonly exceeded: Promise<Execution>;
  readonly #context: TaskContext;
  #resolve!: (execution: Execution) => void;
  #timer: NodeJS.Timeout | undefined;
  #isAborted = false;

  constructor(context: TaskContext, timeoutMs: number | undefined) {
    this.#context = context;
    this.exceeded = new Promise((resolve) => (this.#resolve = resolve));
    if (timeoutMs !== undefined) {
      const reason = `execution time-out: the task ran longer than ${timeoutMs} ms`;
      this.#timer = setTimeout(() => this.abort(reason), Math.min(timeoutMs, 0x7fffffff));
    }
  }

  abort(reason: string): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    clearTimeout(this.#timer);
    this.#context.abort(
      new TuttiError('TASK_ABORTED', reason, { details: { taskId: this.#context.task.taskId } }),
    );
    this.#timer = setTimeout(() => this.#resolve({ kind: 'aborted', reason }), ABORT_GRACE_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
