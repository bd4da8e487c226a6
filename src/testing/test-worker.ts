import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleLogger, SteadyLogger, type Logger } from '../core/logger.js';
import { integer, throwProblems } from '../core/options.js';
import type { TaskResultBody, TaskResultStatus } from '../conductor/wire/task-result.js';
import type { BootstrapOptions } from '../app/config/bootstrap-options.js';
import { WorkerContainer } from '../app/container/container.js';
import { buildWorker } from '../app/container/worker-builder.js';
import { listedWorkers } from '../app/discovery/worker-catalog.js';
import { sendResult } from '../worker/delivery/result-sender.js';
import { TaskLogger } from '../worker/execution/task-logger.js';
import { TaskRunner } from '../worker/execution/task-runner.js';
import { fakeTask, type TaskFields } from './fake-task.js';
import { providedModule, type Provided, type Services } from './provided.module.js';
import type { AnyWorker, InputOf, OutputOf } from './worker-types.js';

/** Options for building a worker in a test. */
export interface TestWorkerOptions<S extends Services = Services> {
  /** The modules of your program, as for `bootstrap({ modules })`. */
  readonly modules?: NonNullable<BootstrapOptions['modules']>;
  /** Those of your program, as for `bootstrap({ interceptors })`. @defaultValue none */
  readonly interceptors?: NonNullable<BootstrapOptions['interceptors']>;
  /** As for `bootstrap({ autobind })`. @defaultValue true */
  readonly autobind?: boolean;
  /** Replacements for services of the modules: `[[Clock, { now: () => 0 }], …]`. */
  readonly provide?: Provided<S>;
  /** Receives the log lines of the worker and its services. @defaultValue discards everything */
  readonly logger?: Logger;
}

/** Options for running one task. */
export interface TestTaskOptions {
  /** Fields of the task other than its input: `retryCount`, `correlationId`, `taskDefinition` … */
  readonly task?: TaskFields;
  /** Milliseconds, in place of the worker's `executionTimeout`. */
  readonly executionTimeout?: number;
  /** When it aborts, `context.signal` aborts, as in a stop. */
  readonly signal?: AbortSignal;
}

/** The result of a task, as a server would see it. */
export interface TaskRun<O> {
  readonly status: TaskResultStatus;
  /** After conversion to JSON and back. Empty if the task failed, unless the worker returned a `TaskResult` with output. */
  readonly output: O;
  /** Why the task didn't complete. */
  readonly reason: string | undefined;
  /** With IN_PROGRESS: after how many seconds the task would be handed out again. */
  readonly callbackAfterSeconds: number | undefined;
  /** Lines of the task's log, including the stack of a thrown error. */
  readonly logs: readonly string[];
  /** All values passed to `context.progress()`. */
  readonly progress: readonly (string | number)[];
}

/** A worker with its services, without a server or a separate process. Created by {@link testWorker}. */
export class TestWorker<I, O> implements AsyncDisposable {
  readonly #taskType: string;
  readonly #run: TestWorker<I, O>['run'];
  readonly #close: () => Promise<void>;

  /** @internal */
  constructor(taskType: string, run: TestWorker<I, O>['run'], close: () => Promise<void>) {
    this.#taskType = taskType;
    this.#run = run;
    this.#close = close;
  }

  /** The worker's task type. */
  get taskType(): string {
    return this.#taskType;
  }

  /**
   * Executes one task as a worker process would. Never rejects because of what the worker does: the result reports it.
   *
   * @throws TuttiError `CONFIG_INVALID` if the input isn't valid JSON, or an option is invalid
   */
  async run(input: I, options: TestTaskOptions = {}): Promise<TaskRun<O>> {
    return await this.#run(input, options);
  }

  /** Closes the services: `@preDestroy` and the deactivations of their bindings. */
  async close(): Promise<void> {
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Builds a worker as a worker process does: container, modules, `@postConstruct`, scope, idempotency keys. Environment
 * variables are ignored.
 *
 * @throws ConfigurationError if the worker, its options or its bindings are invalid, as at the start of a program
 *
 * @example
 * ```ts
 * const greeter = await testWorker(GreetWorker, { modules: [services], provide: [[Clock, noon]] });
 * expect((await greeter.run({ name: 'Ada' })).output).toEqual({ greeting: 'Good day, Ada!' });
 * await greeter.close();
 * ```
 */
export async function testWorker<W extends AnyWorker, const S extends Services = readonly []>(
  worker: W,
  options: TestWorkerOptions<S> = {},
): Promise<TestWorker<InputOf<W>, OutputOf<W>>> {
  const { entries, problems } = listedWorkers([worker], () => 'testWorker()');
  throwProblems(
    [...problems, ...entries.flatMap(({ description }) => description.problems)],
    'WORKER_INVALID',
  );
  const logger = new SteadyLogger(options.logger ?? new ConsoleLogger('silent'));
  const standIns = providedModule((options.provide ?? []) as Provided<Services>);
  const container = new WorkerContainer({
    modules: [...(options.modules ?? []), standIns],
    logger: new TaskLogger(logger),
    interceptors: options.interceptors ?? [],
    autobind: options.autobind ?? true,
  });
  const resultsFolder = await mkdtemp(join(tmpdir(), 'tutti-test-worker-'));
  const close = async (): Promise<void> => {
    await rm(resultsFolder, { recursive: true, force: true });
    await container.close();
  };
  try {
    const built = await buildWorker(entries[0]!, { container, env: {}, resultsFolder, logger });
    const run = (input: unknown, task: TestTaskOptions): Promise<TaskRun<OutputOf<W>>> =>
      runOnce(built, logger, input, task);
    return new TestWorker<InputOf<W>, OutputOf<W>>(built.taskType, run, close);
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/**
 * Builds a worker, executes one task with it, and closes its services.
 *
 * @returns what a server would see: status, output, reason, log
 * @throws ConfigurationError if the worker, its options or its bindings are invalid
 *
 * @example
 * ```ts
 * const { status, output } = await runTask(GreetWorker, { name: 'Ada' }, { modules: [services] });
 * ```
 */
export async function runTask<W extends AnyWorker, const S extends Services = readonly []>(
  worker: W,
  input: InputOf<W>,
  options: TestWorkerOptions<S> & TestTaskOptions = {},
): Promise<TaskRun<OutputOf<W>>> {
  const built = await testWorker(worker, options);
  try {
    return await built.run(input, options);
  } finally {
    await built.close();
  }
}

const WORKER_ID = 'test-worker';

type Built = Awaited<ReturnType<typeof buildWorker>>;

async function runOnce<O>(
  { key, taskType, source, interceptors, executionTimeout }: Built,
  logger: Logger,
  input: unknown,
  options: TestTaskOptions,
): Promise<TaskRun<O>> {
  const limit = options.executionTimeout ?? executionTimeout;
  const rule = integer(1);
  if (limit !== undefined && !rule.test(limit)) {
    throwProblems([`expected \`executionTimeout\` to be ${rule.expected}, got ${String(limit)}`]);
  }
  const progress: (string | number)[] = [];
  const runner = new TaskRunner({
    source,
    interceptors,
    workerId: WORKER_ID,
    worker: key,
    logger,
    executionTimeout: limit,
    onProgress: (_taskId, value) => progress.push(value),
  });
  const running = runner.start(fakeTask(taskType, input, options.task) as Parameters<typeof runner.start>[0]);
  const abort = (): void => running.abort('the test has aborted the task');
  if (options.signal?.aborted === true) abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  const body = await overTheWire(await running.result);
  options.signal?.removeEventListener('abort', abort);
  return {
    status: body.status,
    output: (body.outputData ?? {}) as O,
    reason: body.reasonForIncompletion,
    callbackAfterSeconds: body.callbackAfterSeconds,
    logs: (body.logs ?? []).flatMap(({ log }) => log.split('\n')),
    progress,
  };
}

/** What a server would get: a result that cannot be written as JSON is replaced as it is on the way to one. */
async function overTheWire(result: TaskResultBody): Promise<TaskResultBody> {
  let received = result;
  const server = {
    update: (body: TaskResultBody): Promise<void> => {
      received = JSON.parse(JSON.stringify(body)) as TaskResultBody;
      return Promise.resolve();
    },
    updateAndPoll: (): Promise<undefined> => Promise.resolve(undefined),
  };
  await sendResult(server, result, false, () => undefined);
  return received;
}
