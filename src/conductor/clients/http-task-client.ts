import { HttpError } from '../../core/errors.js';
import { LogLimiter } from '../../core/log-limiter.js';
import type { ApiClient, ApiRequest } from '../transport/api-client.js';
import { ANSWER_LIMITS, pollLimit } from '../transport/answer-limits.js';
import { queryString } from '../transport/query-string.js';
import { TaskClient, type PollAnswer, type PollRequest } from './task-client.js';
import { TaskResultStatus, type TaskResultBody } from '../wire/task-result.js';
import { outline, shapeTask } from '../wire/task-shape.js';
import type { SearchResult, Task, TaskExecLog } from '../wire/types.js';

/** How much longer than the server's waiting time the answer to a poll may take. */
export const POLL_MARGIN_MS = 10_000;
/** Malformed tasks are logged at most so often. */
const LEFT_OUT_INTERVAL_MS = 60_000;
/** So many of them are shown. */
const LEFT_OUT_SHOWN = 5;
/** The header of a server that notices when a long poll is dropped. */
const ABORTABLE_POLL = 'x-tutti-abortable-poll';

/** The task endpoints over HTTP. */
export class HttpTaskClient extends TaskClient {
  readonly #api: ApiClient;
  readonly #pollMarginMs: number;
  readonly #leftOut = new LogLimiter(LEFT_OUT_INTERVAL_MS);
  #leftOutBefore = 0;
  #canChain = true;

  constructor(api: ApiClient) {
    super();
    this.#api = api;
    this.#pollMarginMs = Math.min(POLL_MARGIN_MS, api.options.requestTimeoutMs);
  }

  override get canChain(): boolean {
    return this.#canChain;
  }

  override async poll(poll: PollRequest): Promise<PollAnswer> {
    const { taskType, workerId, domain, count, timeoutMs, signal, unsentSignal } = poll;
    let path = `/tasks/poll/batch/${encodeURIComponent(taskType)}?workerid=${encodeURIComponent(workerId)}`;
    path += `&count=${count}&timeout=${timeoutMs}`;
    if (domain !== undefined && domain !== '') path += `&domain=${encodeURIComponent(domain)}`;
    const request: ApiRequest = {
      method: 'GET',
      path,
      lane: 'poll',
      // Sent again in silence, it would leave the tasks of the first answer with nobody.
      idempotent: false,
      timeoutMs: timeoutMs + this.#pollMarginMs,
      signal,
      unsentSignal,
      maxAnswerBytes: pollLimit(count),
    };
    const response = await this.#api.send(request);
    const entries = this.#api.parse<unknown>(request, response) ?? [];
    if (!Array.isArray(entries)) throw this.#api.shapeError(request, 'a list of tasks');
    return {
      tasks: this.#shapeAll(entries, taskType),
      isAbortable: response.headers[ABORTABLE_POLL] === 'true',
    };
  }

  override async update(result: TaskResultBody): Promise<void> {
    // The server ignores a result for a task that has one, so that a second copy does no harm. That of an IN_PROGRESS
    // could take the task away from whoever has polled it meanwhile.
    const idempotent = result.status !== TaskResultStatus.IN_PROGRESS;
    await this.#api.text({
      method: 'POST',
      path: '/tasks',
      json: result,
      idempotent,
      maxAnswerBytes: ANSWER_LIMITS.update,
    });
  }

  override async updateAndPoll(result: TaskResultBody): Promise<Task | undefined> {
    if (!this.#canChain) {
      await this.update(result);
      return undefined;
    }
    try {
      const request: ApiRequest = {
        method: 'POST',
        path: '/tasks/update-v2',
        json: result,
        // The result does no harm twice, but the task of a lost answer would be with nobody.
        idempotent: false,
        maxAnswerBytes: ANSWER_LIMITS.task,
      };
      const next = await this.#api.json<unknown>(request);
      return next === undefined || next === null ? undefined : this.#shape(next);
    } catch (error) {
      if (!mayLackEndpoint(error, result.taskId)) throw error;
    }
    // A 404 can mean the task as well as the endpoint. The old endpoint knows: it refuses an unknown task too.
    await this.update(result);
    this.#canChain = false;
    this.#api.logger.info('the server has no update-v2; tasks are polled after each update');
    return undefined;
  }

  override async extendLease(
    task: Pick<Task, 'taskId' | 'workflowInstanceId'>,
    timeoutMs: number = this.#api.options.requestTimeoutMs,
  ): Promise<void> {
    const json: TaskResultBody = {
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      status: 'IN_PROGRESS',
      extendLease: true,
    };
    await this.#api.text({
      method: 'POST',
      path: '/tasks',
      json,
      idempotent: true,
      timeoutMs,
      maxAnswerBytes: ANSWER_LIMITS.update,
    });
  }

  override async addLog(taskId: string, line: string): Promise<void> {
    await this.#api.text({ method: 'POST', path: `/tasks/${encodeURIComponent(taskId)}/log`, text: line });
  }

  override async getLogs(taskId: string): Promise<TaskExecLog[]> {
    const path = `/tasks/${encodeURIComponent(taskId)}/log`;
    const request: ApiRequest = { method: 'GET', path };
    const logs = (await this.#api.json<TaskExecLog[]>(request)) ?? [];
    if (!Array.isArray(logs)) throw this.#api.shapeError(request, 'a list of log lines');
    return logs;
  }

  override async getTask(taskId: string): Promise<Task> {
    const request: ApiRequest = {
      method: 'GET',
      path: `/tasks/${encodeURIComponent(taskId)}`,
      maxAnswerBytes: ANSWER_LIMITS.task,
    };
    const shaped = shapeTask(await this.#api.json<unknown>(request));
    if ('problem' in shaped) throw this.#api.shapeError(request, `a task (${shaped.problem})`);
    return shaped.task;
  }

  override async search(
    query: string,
    options: { start?: number; size?: number } = {},
  ): Promise<SearchResult<Task>> {
    const { start = 0, size = 100 } = options;
    const path = `/tasks/search-v2${queryString({ start, size, freeText: '*', query })}`;
    try {
      const { results, totalHits } = await this.#searchPage(path);
      return { totalHits, results: this.#shapeAll(results) };
    } catch (error) {
      if (!(error instanceof HttpError && error.status === 500)) throw error;
      return await this.#searchSummaries(query, start, size);
    }
  }

  /** For Conductor with PostgreSQL, whose index holds only summaries: 3.32.1 answers 500 to a search for whole tasks. */
  async #searchSummaries(query: string, start: number, size: number): Promise<SearchResult<Task>> {
    const path = `/tasks/search${queryString({ start, size, freeText: '*', query })}`;
    const { results, totalHits } = await this.#searchPage(path);
    const tasks: Task[] = [];
    for (const summary of results) {
      const { taskId } = (summary ?? {}) as { taskId?: unknown };
      if (typeof taskId !== 'string') continue;
      try {
        tasks.push(await this.getTask(taskId));
      } catch (error) {
        // Removed meanwhile.
        if (!(error instanceof HttpError && error.status === 404)) throw error;
      }
    }
    return { totalHits, results: tasks };
  }

  async #searchPage(path: string): Promise<SearchResult<unknown>> {
    const request: ApiRequest = { method: 'GET', path, maxAnswerBytes: ANSWER_LIMITS.search };
    const found = await this.#api.json<Partial<SearchResult<unknown>>>(request);
    if (!Array.isArray(found?.results)) throw this.#api.shapeError(request, 'a search result');
    const { results, totalHits } = found;
    return { totalHits: typeof totalHits === 'number' ? totalHits : results.length, results };
  }

  override async queueSizes(taskTypes: readonly string[]): Promise<Record<string, number>> {
    if (taskTypes.length === 0) return {};
    const query = taskTypes.map((type) => `taskType=${encodeURIComponent(type)}`).join('&');
    const request: ApiRequest = { method: 'GET', path: `/tasks/queue/sizes?${query}` };
    const sizes: unknown = (await this.#api.json(request)) ?? {};
    const isMap = typeof sizes === 'object' && sizes !== null && !Array.isArray(sizes);
    if (!isMap || !Object.values(sizes).every((size) => typeof size === 'number'))
      throw this.#api.shapeError(request, 'a number for each task type');
    return sizes as Record<string, number>;
  }

  override checkAccess(): Promise<void> {
    return this.#api.checkAccess();
  }

  override close(): Promise<void> {
    return this.#api.close();
  }

  #shapeAll(entries: readonly unknown[], taskType?: string): Task[] {
    const shaped = entries.map((entry) => ({ entry, ...shapeTask(entry, taskType) }));
    const leftOut = shaped.flatMap((one) => ('problem' in one ? [one] : []));
    if (leftOut.length > 0) this.#leaveOut(leftOut);
    return shaped.flatMap((one) => ('task' in one ? [one.task] : []));
  }

  #shape(entry: unknown): Task | undefined {
    const [task] = this.#shapeAll([entry]);
    return task;
  }

  /** One line for all of an answer, and now and then one for all answers: a server that is wrong is so at each poll. */
  #leaveOut(leftOut: readonly { entry: unknown; problem: string }[]): void {
    const suppressed = this.#leftOut.pass();
    if (suppressed === undefined) {
      this.#leftOutBefore += leftOut.length;
      return;
    }
    const outlines = leftOut
      .slice(0, LEFT_OUT_SHOWN)
      .map(({ entry, problem }) => ({ ...outline(entry), problem }))
      .map((fields) => mapValues(fields, (text) => this.#api.redact(text)));
    this.#api.logger.error('the server sent tasks of unknown shape, they are left out', {
      tasks: leftOut.length,
      othersBefore: this.#leftOutBefore === 0 ? undefined : this.#leftOutBefore,
      first: outlines,
    });
    this.#leftOutBefore = 0;
  }
}

function mapValues(
  fields: Readonly<Record<string, string>>,
  map: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, map(text)]));
}

/** Servers without update-v2 answer 405, because its path is like that of a task, which can only be read; or 404. */
function mayLackEndpoint(error: unknown, taskId: string): boolean {
  if (!(error instanceof HttpError)) return false;
  if (error.status !== 404) return error.status === 405 || error.status === 501;
  const { serverMessage } = error.details;
  return typeof serverMessage !== 'string' || !serverMessage.includes(taskId);
}
