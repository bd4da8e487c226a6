import type { Store } from '../engine/store.js';
import type { ApiRequest } from '../http/request.js';
import type { FaultEndpoint, FaultMatch } from './fault.js';

const UPDATES = new Set(['POST /api/tasks', 'POST /api/tasks/update-v2']);

/** What faults go by. Looked up when a fault asks for it: most of it costs a second look into the body. */
export class RequestFacts {
  readonly #route: string;
  readonly #request: ApiRequest;
  readonly #store: Store;
  #body: Readonly<Record<string, unknown>> | undefined;

  /** @param route - method and pattern of the handler, such as `GET /api/tasks/{taskId}` */
  constructor(route: string, request: ApiRequest, store: Store) {
    this.#route = route;
    this.#request = request;
    this.#store = store;
  }

  fit({ endpoint, method, path, taskType }: FaultMatch): boolean {
    const { path: own } = this.#request;
    const below = own.startsWith('/api/') ? own.slice('/api'.length) : own;
    if (method !== undefined && method.toUpperCase() !== this.#request.method) return false;
    if (typeof path === 'string' && path !== below) return false;
    // One with the flag `g` or `y` would go on where it stopped the last time.
    if (path instanceof RegExp && below.search(path) < 0) return false;
    if (endpoint !== undefined && endpoint !== this.endpoint) return false;
    return taskType === undefined || taskType === this.taskType;
  }

  get endpoint(): FaultEndpoint | undefined {
    if (this.isPoll) return 'poll';
    if (this.#route === 'POST /api/token') return 'token';
    if (!UPDATES.has(this.#route)) return undefined;
    return this.#readBody()['extendLease'] === true ? 'heartbeat' : 'update';
  }

  get isPoll(): boolean {
    return this.#route.startsWith('GET /api/tasks/poll/');
  }

  /** Whether the answer can bring tasks. */
  get givesTasks(): boolean {
    return this.isPoll || this.#route === 'POST /api/tasks/update-v2';
  }

  get taskType(): string | undefined {
    const { params } = this.#request;
    if (params['taskType'] !== undefined) return params['taskType'];
    const taskId = params['taskId'] ?? (UPDATES.has(this.#route) ? this.#readBody()['taskId'] : undefined);
    return typeof taskId === 'string' ? this.#store.getTask(taskId)?.taskType : undefined;
  }

  /** The id of the task that the request is about. */
  get taskId(): string {
    return String(this.#readBody()['taskId'] ?? '');
  }

  #readBody(): Readonly<Record<string, unknown>> {
    if (this.#body !== undefined) return this.#body;
    try {
      const value = this.#request.json();
      this.#body = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      // The handler answers that.
      this.#body = {};
    }
    return this.#body;
  }
}
