import { HttpError, TuttiError } from '../../core/errors.js';
import type { ApiClient, ApiRequest } from '../transport/api-client.js';
import { ANSWER_LIMITS } from '../transport/answer-limits.js';
import { queryString } from '../transport/query-string.js';
import type {
  JsonObject,
  SearchResult,
  StartWorkflowRequest,
  Workflow,
  WorkflowStatus,
} from '../wire/types.js';
import { waitUntil, type WaitOptions } from './wait.js';

/** The final states of a workflow. */
const TERMINAL: readonly WorkflowStatus[] = ['COMPLETED', 'FAILED', 'TIMED_OUT', 'TERMINATED'];

/** Client for workflows. Every method can throw an {@link HttpError}. */
export class WorkflowClient {
  readonly #api: ApiClient;
  readonly #closing: AbortSignal | undefined;

  /** @internal @param closing - aborts when the clients are closed */
  constructor(api: ApiClient, closing?: AbortSignal) {
    this.#api = api;
    this.#closing = closing;
  }

  /** Starts a workflow and returns its id. */
  async start(request: StartWorkflowRequest): Promise<string> {
    return this.#idFrom({ method: 'POST', path: '/workflow', json: request });
  }

  /** Starts the newest version of a workflow, or the one in `options`, and returns its id. */
  async startByName(
    name: string,
    input: JsonObject = {},
    options: { version?: number; correlationId?: string; priority?: number } = {},
  ): Promise<string> {
    const path = `/workflow/${encodeURIComponent(name)}${queryString({ ...options })}`;
    return this.#idFrom({ method: 'POST', path, json: input });
  }

  /** @param options - `includeTasks`: whether to include the tasks, true by default */
  async get(
    workflowId: string,
    options: { includeTasks?: boolean; signal?: AbortSignal } = {},
  ): Promise<Workflow> {
    const { includeTasks = true, signal } = options;
    const request: ApiRequest = {
      method: 'GET',
      path: `${at(workflowId)}${queryString({ includeTasks })}`,
      signal,
    };
    const workflow = await this.#api.json<Workflow>(request);
    if (typeof workflow?.status !== 'string') throw this.#api.shapeError(request, 'a workflow');
    return workflow;
  }

  async getStatus(workflowId: string): Promise<WorkflowStatus> {
    const request: ApiRequest = { method: 'GET', path: `${at(workflowId)}/status` };
    const answer = await this.#api.json<{ status?: WorkflowStatus }>(request);
    if (typeof answer?.status !== 'string') throw this.#api.shapeError(request, 'the status of a workflow');
    return answer.status;
  }

  /** Ends a running workflow: it becomes TERMINATED, and its unfinished tasks become CANCELED. */
  async terminate(workflowId: string, reason?: string): Promise<void> {
    await this.#api.send({ method: 'DELETE', path: `${at(workflowId)}${queryString({ reason })}` });
  }

  /** Stops scheduling tasks. Tasks that are running continue. */
  async pause(workflowId: string): Promise<void> {
    await this.#api.send({ method: 'PUT', path: `${at(workflowId)}/pause` });
  }

  async resume(workflowId: string): Promise<void> {
    await this.#api.send({ method: 'PUT', path: `${at(workflowId)}/resume` });
  }

  /** Runs the failed tasks of a failed workflow again. */
  async retry(workflowId: string, options: { resumeSubworkflowTasks?: boolean } = {}): Promise<void> {
    await this.#api.send({ method: 'POST', path: `${at(workflowId)}/retry${queryString({ ...options })}` });
  }

  /** Runs a workflow that has ended again, from its first task. */
  async restart(workflowId: string, options: { useLatestDefinitions?: boolean } = {}): Promise<void> {
    await this.#api.send({ method: 'POST', path: `${at(workflowId)}/restart${queryString({ ...options })}` });
  }

  /** Finds workflows, returned without their tasks. @param condition - e.g. `workflowType='order' AND status='RUNNING'` */
  async search(
    condition: string,
    options: { start?: number; size?: number; sort?: string; freeText?: string } = {},
  ): Promise<SearchResult<Workflow>> {
    const { start = 0, size = 100, sort, freeText = '*' } = options;
    const path = `/workflow/search-v2${queryString({ start, size, sort, freeText, query: condition })}`;
    const request: ApiRequest = { method: 'GET', path, maxAnswerBytes: ANSWER_LIMITS.search };
    const found = await this.#api.json<SearchResult<Workflow>>(request);
    if (!Array.isArray(found?.results)) throw this.#api.shapeError(request, 'a search result');
    return found;
  }

  /**
   * Waits until the workflow has ended, and returns it with its tasks. If the server doesn't respond in the meantime, the
   * request is repeated.
   *
   * @throws HttpError HTTP_TIMEOUT if it hasn't ended in time, with the last failure as cause; TuttiError
   * `CLIENT_CLOSED` if the clients are closed in the meantime, for example by a signal that stops the application; the
   * signal's reason after an abort
   */
  async waitFor(workflowId: string, options: WaitOptions = {}): Promise<Workflow> {
    let last = 'not known';
    return await waitUntil(
      async (signal) => {
        const { status } = await this.get(workflowId, { includeTasks: false, signal });
        last = status;
        return TERMINAL.includes(status) ? await this.get(workflowId, { signal }) : undefined;
      },
      options,
      this.#closing,
      {
        timedOut: (timeoutMs, failure) => notEnded(workflowId, last, timeoutMs, failure),
        closed: () => closedError(workflowId, last),
      },
    );
  }

  async #idFrom(request: ApiRequest): Promise<string> {
    // Servers differ: the bare id, or the id as a JSON string.
    const id = (await this.#api.text({ ...request, maxAnswerBytes: ANSWER_LIMITS.update }))
      .trim()
      .replace(/^"(.*)"$/, '$1');
    if (id === '' || /[\s{}<>]/.test(id)) throw this.#api.shapeError(request, 'the id of a workflow');
    return id;
  }
}

function at(workflowId: string): string {
  return `/workflow/${encodeURIComponent(workflowId)}`;
}

function notEnded(workflowId: string, status: string, timeoutMs: number, cause: unknown): HttpError {
  const message = `the workflow ${workflowId} has not ended within ${timeoutMs} ms, its status is ${status}`;
  return new HttpError(
    'HTTP_TIMEOUT',
    message,
    { method: 'GET', path: at(workflowId) },
    { cause, details: { workflowStatus: status } },
  );
}

function closedError(workflowId: string, status: string): TuttiError {
  return new TuttiError(
    'CLIENT_CLOSED',
    `waitFor() did not see the end of the workflow ${workflowId}, its status is ${status}: the clients were closed, ` +
      'as they are when the orchestrator stops',
    { details: { workflowId, workflowStatus: status } },
  );
}
