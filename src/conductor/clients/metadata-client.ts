import { HttpError, TuttiError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import { ANSWER_LIMITS } from '../transport/answer-limits.js';
import type { ApiClient, ApiRequest } from '../transport/api-client.js';
import type { TaskDef, WorkflowDef } from '../wire/types.js';
import { waitUntil, type WaitOptions } from './wait.js';

/** So many refused definitions are named. */
const MAX_LISTED = 20;

interface BulkAnswer {
  readonly bulkErrorResults?: Readonly<Record<string, unknown>> | null;
}

/** Client for task and workflow definitions. Every method can throw an {@link HttpError}. */
export class MetadataClient {
  readonly #api: ApiClient;
  readonly #closing: AbortSignal | undefined;

  /** @internal @param closing - aborts when the clients are closed */
  constructor(api: ApiClient, closing?: AbortSignal) {
    this.#api = api;
    this.#closing = closing;
  }

  /** Creates task definitions, overwriting existing ones. */
  async registerTaskDefs(definitions: readonly TaskDef[]): Promise<void> {
    if (definitions.length === 0) return; // the server refuses an empty list
    await this.#api.send({ method: 'POST', path: '/metadata/taskdefs', json: definitions });
  }

  /** Overwrites an existing task definition. */
  async updateTaskDef(definition: TaskDef): Promise<void> {
    await this.#api.send({ method: 'PUT', path: '/metadata/taskdefs', json: definition });
  }

  async getTaskDef(name: string): Promise<TaskDef> {
    const request: ApiRequest = {
      method: 'GET',
      path: `/metadata/taskdefs/${encodeURIComponent(name)}`,
      maxAnswerBytes: ANSWER_LIMITS.definitions,
    };
    const definition = await this.#api.json<TaskDef>(request);
    if (typeof definition?.name !== 'string') throw this.#api.shapeError(request, 'a task definition');
    return definition;
  }

  /** @param options - `maxAnswerBytes`: maximum size of the response, 384 MB by default; a larger one is an HttpError */
  async getTaskDefs(options: { maxAnswerBytes?: number } = {}): Promise<TaskDef[]> {
    const { maxAnswerBytes = ANSWER_LIMITS.other } = options;
    const request: ApiRequest = { method: 'GET', path: '/metadata/taskdefs', maxAnswerBytes };
    const definitions = (await this.#api.json<TaskDef[]>(request)) ?? [];
    if (!Array.isArray(definitions)) throw this.#api.shapeError(request, 'a list of task definitions');
    return definitions;
  }

  async deleteTaskDef(name: string): Promise<void> {
    await this.#api.send({ method: 'DELETE', path: `/metadata/taskdefs/${encodeURIComponent(name)}` });
  }

  /**
   * Creates a workflow definition.
   *
   * @param options - `overwrite`: replace an existing version; without it, the server answers with 409
   */
  async registerWorkflowDef(definition: WorkflowDef, options: { overwrite?: boolean } = {}): Promise<void> {
    const { overwrite = false } = options;
    const path = `/metadata/workflow${overwrite ? '?overwrite=true' : ''}`;
    try {
      await this.#api.send({ method: 'POST', path, json: definition });
    } catch (error) {
      if (!overwrite || !(error instanceof HttpError) || error.status !== 409) throw error;
      // Servers before 3.31 do not know the parameter; the bulk update overwrites on all of them.
      await this.updateWorkflowDefs([definition]);
    }
  }

  /** Creates or overwrites workflow definitions. @throws HttpError that names those that the server refused */
  async updateWorkflowDefs(definitions: readonly WorkflowDef[]): Promise<void> {
    if (definitions.length === 0) return;
    const request: ApiRequest = { method: 'PUT', path: '/metadata/workflow', json: definitions };
    const refused = Object.entries((await this.#api.json<BulkAnswer>(request))?.bulkErrorResults ?? {});
    const errors = refused.map(([name, reason]) => [
      this.#api.redact(name),
      this.#api.redact(typeof reason === 'string' ? reason : show(reason)),
    ]);
    if (errors.length === 0) return;
    const list = errors
      .slice(0, MAX_LISTED)
      .map(([name, reason]) => `${name}: ${reason}`)
      .join('; ');
    const message = `PUT ${request.path}: the server refused ${errors.length} of ${definitions.length}: ${list}`;
    // The answer as a whole is a 200; for the refused definitions it means what a 400 means.
    throw new HttpError('HTTP_STATUS', message, { ...request, status: 400 }, { details: { errors } });
  }

  /** @param version - default: the newest */
  async getWorkflowDef(name: string, version?: number): Promise<WorkflowDef> {
    const query = version === undefined ? '' : `?version=${version}`;
    const request: ApiRequest = {
      method: 'GET',
      path: `/metadata/workflow/${encodeURIComponent(name)}${query}`,
    };
    const definition = await this.#api.json<WorkflowDef>(request);
    if (typeof definition?.name !== 'string') throw this.#api.shapeError(request, 'a workflow definition');
    return definition;
  }

  /**
   * Waits until a workflow definition, which another program registers, is on the server. If the server doesn't respond in
   * the meantime, the request is repeated.
   *
   * @param options - `version`: default: any
   * @throws HttpError HTTP_TIMEOUT if it isn't registered in time; the signal's reason after an abort
   */
  async waitForWorkflowDef(
    name: string,
    options: WaitOptions & { version?: number } = {},
  ): Promise<WorkflowDef> {
    const path = `/metadata/workflow/${encodeURIComponent(name)}`;
    return await waitUntil(
      async () => {
        try {
          return await this.getWorkflowDef(name, options.version);
        } catch (error) {
          if (error instanceof HttpError && error.status === 404) return undefined;
          throw error;
        }
      },
      options,
      this.#closing,
      {
        timedOut: (timeoutMs, cause) => {
          const which = options.version === undefined ? name : `${name}, version ${options.version},`;
          const message = `the definition of the workflow ${which} was not on the server within ${timeoutMs} ms`;
          return new HttpError('HTTP_TIMEOUT', message, { method: 'GET', path }, { cause });
        },
        closed: () =>
          new TuttiError(
            'CLIENT_CLOSED',
            `waitForWorkflowDef() did not see the definition of ${name}: the clients were closed`,
          ),
      },
    );
  }

  async deleteWorkflowDef(name: string, version: number): Promise<void> {
    await this.#api.send({
      method: 'DELETE',
      path: `/metadata/workflow/${encodeURIComponent(name)}/${version}`,
    });
  }
}
