import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach } from 'vitest';
import { embeddedServer, type RunningServer } from 'tutti/server';
import type { JsonObject, Task, TaskDef, Workflow } from '../../src/conductor/wire/types.js';
import { RecordingLogger } from './recording-logger.js';
import { until } from './until.js';

export interface GateRequest {
  readonly method: string;
  /** Below `/api`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** What was answered; `undefined` while it waits, or when nobody waited for it. */
  status: number | undefined;
}

export interface GateAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Hold {
  readonly path: string;
  readonly released: Promise<void>;
}

/**
 * The embedded server behind a gate: it can be away without forgetting anything, refuse, keep answers back, and tells
 * what was asked. Tests look at tasks behind the gate's back.
 */
export class TaskServer {
  readonly requests: GateRequest[] = [];
  readonly #engine: RunningServer;
  readonly #refusals: { path: string; answers: GateAnswer[] }[] = [];
  readonly #holds: Hold[] = [];
  #gate: Server | undefined;
  #port = 0;
  /** Leaves out the header by which the embedded server says that its polls may be dropped: as Conductor does. */
  hidesAbortablePolls = false;

  private constructor(engine: RunningServer) {
    this.#engine = engine;
  }

  static async start(): Promise<TaskServer> {
    const server = new TaskServer(await embeddedServer().start(new RecordingLogger()));
    await server.up();
    return server;
  }

  /** What goes wrong on the server itself. */
  get faults(): RunningServer['faults'] {
    return this.#engine.faults;
  }

  /** Where the programs under test find it. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  /** Connections are refused from now on, those that are open are cut. */
  async down(): Promise<void> {
    const gate = this.#gate;
    this.#gate = undefined;
    if (gate === undefined) return;
    const closed = new Promise((resolve) => gate.close(resolve));
    gate.closeAllConnections();
    await closed;
  }

  /** Answers again, at the same address. */
  async up(): Promise<void> {
    const gate = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve, reject) => {
      gate.once('error', reject);
      gate.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (gate.address() as AddressInfo).port;
    this.#gate = gate;
  }

  /** Answers the next requests to `path` in place of the server, one each. */
  refuse(path: string, ...answers: GateAnswer[]): void {
    this.#refusals.push({ path, answers });
  }

  /** Keeps the server's answers to `path` back until the returned function is called. */
  hold(path: string): () => void {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const hold = { path, released };
    this.#holds.push(hold);
    return () => {
      this.#holds.splice(this.#holds.indexOf(hold), 1);
      release();
    };
  }

  /** The requests to `path` so far. */
  of(path: string): GateRequest[] {
    return this.requests.filter((request) => request.path.startsWith(path));
  }

  /** The bodies of all updates that were sent for a task, by either endpoint. */
  updatesOf(taskId: string): JsonObject[] {
    return this.requests
      .filter(({ method, path }) => method === 'POST' && (path === '/tasks' || path === '/tasks/update-v2'))
      .map((request) => JSON.parse(request.body) as JsonObject)
      .filter((body) => body['taskId'] === taskId);
  }

  /** Registers a task definition: no retries, and a lease so long that it never helps. */
  async define(name: string, fields: Partial<TaskDef> = {}): Promise<void> {
    const definition = { name, retryCount: 0, responseTimeoutSeconds: 3_600, timeoutSeconds: 0, ...fields };
    await this.#call('POST', '/metadata/taskdefs', [definition]);
  }

  /** Starts a workflow of one task. @returns the id of the task */
  async run(type: string, input: JsonObject = {}, domain?: string): Promise<string> {
    const { tasks } = await this.workflow(await this.startOf(type, input, domain));
    return tasks[0]!.taskId;
  }

  /** Starts a workflow of one task. @returns the id of the workflow */
  async startOf(type: string, input: JsonObject = {}, domain?: string): Promise<string> {
    const name = `of_${type}`;
    const tasks = [{ name: type, taskReferenceName: 'task', type: 'SIMPLE', inputParameters: input }];
    return await this.#call('POST', '/workflow', {
      name,
      workflowDef: { name, version: 1, schemaVersion: 2, tasks },
      ...(domain === undefined ? {} : { taskToDomain: { [type]: domain } }),
    });
  }

  /** The workflow with all attempts of its task. */
  async workflow(workflowId: string): Promise<Workflow> {
    return JSON.parse(await this.#call('GET', `/workflow/${workflowId}`)) as Workflow;
  }

  /** Waits until the workflow has ended. */
  async ended(workflowId: string): Promise<Workflow> {
    let workflow: Workflow | undefined;
    return await until(
      async () => {
        workflow = await this.workflow(workflowId);
        return workflow.status !== 'RUNNING' && workflow;
      },
      () => `workflow ${workflowId} to end; it is ${JSON.stringify(workflow)}`,
    );
  }

  async terminate(workflowId: string): Promise<void> {
    await this.#call('DELETE', `/workflow/${workflowId}?reason=by the test`);
  }

  async task(taskId: string): Promise<Task> {
    return JSON.parse(await this.#call('GET', `/tasks/${taskId}`)) as Task;
  }

  /** Waits until the task has this status. */
  async has(taskId: string, status: Task['status']): Promise<Task> {
    let task: Task | undefined;
    return await until(
      async () => {
        task = await this.task(taskId);
        return task.status === status && task;
      },
      () => `task ${taskId} to be ${status}; it is ${JSON.stringify(task)}`,
    );
  }

  async logsOf(taskId: string): Promise<string> {
    const logs = JSON.parse(await this.#call('GET', `/tasks/${taskId}/log`)) as { log: string }[];
    return logs.map((entry) => entry.log).join('\n');
  }

  /** How many tasks of this type wait to be polled. */
  async queued(type: string): Promise<number> {
    const sizes = JSON.parse(await this.#call('GET', `/tasks/queue/sizes?taskType=${type}`)) as JsonObject;
    return Number(sizes[type]);
  }

  async close(): Promise<void> {
    await this.down();
    await this.#engine.close();
  }

  async #call(method: string, path: string, body?: unknown): Promise<string> {
    const response = await fetch(`${this.#engine.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', this.url);
    const recorded: GateRequest = {
      method: request.method ?? '',
      path: url.pathname.replace(/^\/api/, ''),
      query: url.searchParams,
      body: Buffer.concat(chunks).toString(),
      at: Date.now(),
      status: undefined,
    };
    this.requests.push(recorded);
    response.once('finish', () => (recorded.status = response.statusCode));
    const refusal = this.#refusals.find(({ path, answers }) => path === recorded.path && answers.length > 0);
    const refused = refusal?.answers.shift();
    if (refused !== undefined) {
      response.writeHead(refused.status, refused.headers).end(refused.body ?? '');
      return;
    }
    this.#forward(request, response, recorded);
  }

  #forward(request: IncomingMessage, response: ServerResponse, recorded: GateRequest): void {
    const target = new URL(request.url ?? '/', this.#engine.url);
    const { method, headers } = request;
    const onward = forward(target, { method, headers }, (answer) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk as Buffer);
        await this.#holds.find((hold) => hold.path === recorded.path)?.released;
        const { 'x-tutti-abortable-poll': abortable, ...rest } = answer.headers;
        const hasHeader = abortable !== undefined && !this.hidesAbortablePolls;
        response.writeHead(answer.statusCode ?? 500, hasHeader ? answer.headers : rest);
        response.end(Buffer.concat(chunks));
      })().catch(() => response.destroy());
    });
    onward.on('error', () => response.destroy());
    // Whoever drops a request here drops it at the server too.
    response.once('close', () => {
      if (!response.writableFinished) onward.destroy();
    });
    onward.end(recorded.body);
  }
}

/** A server for each test of a file, with a definition for each of these task types. Call it before `appProcesses()`. */
export function serverOfEachTest(...types: readonly string[]): () => TaskServer {
  let server: TaskServer;
  beforeEach(async () => {
    server = await TaskServer.start();
    for (const type of types) await server.define(type);
  });
  afterEach(() => server.close());
  return () => server;
}
