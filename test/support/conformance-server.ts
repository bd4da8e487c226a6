import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, vi, type RunnerTask } from 'vitest';
import { Logger } from '../../src/core/logger.js';
import type { JsonObject, Task, TaskDef, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { embeddedServer, type RunningServer } from '../../src/server/index.js';

/** Long enough for a real server, whose sweeper comes around every 30 seconds. */
export const SLOW_MS = 120_000;

const isOnRealServer = process.env['CONDUCTOR_SERVER_URL'] !== undefined;
const MOST_PLAYS = 4;

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  readonly body: T;
  readonly ms: number;
}

class SilentLogger extends Logger {
  override log(): void {
    // The embedded server's notice is not what these tests are about.
  }
}

/**
 * A Conductor server for one test file: the one that `CONDUCTOR_SERVER_URL` names, or an embedded one that is started
 * before the tests of the file and closed after them.
 */
export function conformanceServer(): ConformanceClient {
  vi.setConfig({ testTimeout: SLOW_MS, hookTimeout: 60_000 });
  const given = process.env['CONDUCTOR_SERVER_URL'];
  const client = new ConformanceClient(given ?? '');
  let server: RunningServer | undefined;
  let folder: string | undefined;
  beforeEach((context) => {
    const reason = given === undefined ? undefined : knownDifference(context.task);
    if (reason !== undefined) context.skip(`not the same on a real server: ${reason}`);
  });
  beforeAll(async () => {
    if (given !== undefined) return;
    // The same suites on a file: TUTTI_TEST_STORE=file npx vitest run --project conformance
    if (process.env['TUTTI_TEST_STORE'] === 'file')
      folder = mkdtempSync(join(tmpdir(), 'tutti-conformance-'));
    const store = folder === undefined ? {} : { file: join(folder, 'conductor.db') };
    server = await embeddedServer(store).start(new SilentLogger());
    client.url = server.url;
  });
  afterAll(async () => {
    await server?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  return client;
}

const DIFFERENCES = JSON.parse(
  readFileSync(new URL('../conformance/differences.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, string>>;

/** Why a case is expected to go another way on a real server. */
function knownDifference(task: RunnerTask): string | undefined {
  const titles = [task.name];
  for (let suite = task.suite; suite !== undefined && suite !== task.file; suite = suite.suite)
    titles.unshift(suite.name);
  return DIFFERENCES[basename(task.file.filepath)]?.[titles.join(' > ')];
}

/** Plain HTTP, and the few steps that nearly every test of a server begins with. */
export class ConformanceClient {
  url: string;
  readonly #run = randomUUID().slice(0, 8);
  #names = 0;

  constructor(url: string) {
    this.url = url;
  }

  /** A name that no other run has used: a real server remembers. */
  name(prefix: string): string {
    this.#names += 1;
    return `${prefix}_${this.#run}_${this.#names}`;
  }

  async request<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    init: RequestInit = {},
  ): Promise<Answer<T>> {
    const from = performance.now();
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...init,
    });
    const text = await response.text();
    const ms = performance.now() - from;
    return {
      status: response.status,
      headers: response.headers,
      text,
      get body() {
        return JSON.parse(text) as T;
      },
      ms,
    };
  }

  async expectOk<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const answer = await this.request<T>(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text}`);
    return answer;
  }

  /** Registers a task definition under a fresh name. */
  async defineTask(fields: Partial<TaskDef> = {}): Promise<string> {
    const name = this.name('task');
    await this.expectOk('POST', '/metadata/taskdefs', [{ name, ...fields }]);
    return name;
  }

  /** Registers a workflow under a fresh name. A string stands for a SIMPLE task with that name. */
  async defineWorkflow(tasks: readonly (string | WorkflowTask)[], fields: JsonObject = {}): Promise<string> {
    const name = this.name('workflow');
    await this.expectOk('POST', '/metadata/workflow', {
      name,
      schemaVersion: 2,
      tasks: tasks.map((task, index) =>
        typeof task === 'string' ? { name: task, taskReferenceName: `t${index}` } : task,
      ),
      ...fields,
    });
    return name;
  }

  /** @returns the id */
  async start(workflow: string, fields: JsonObject = {}): Promise<string> {
    return (await this.expectOk('POST', '/workflow', { name: workflow, ...fields })).text;
  }

  /** Defines and starts a workflow of these tasks. @returns the id */
  async run(tasks: readonly (string | WorkflowTask)[], fields: JsonObject = {}): Promise<string> {
    return this.start(await this.defineWorkflow(tasks), fields);
  }

  poll(taskType: string, query = 'count=1&timeout=1000', workerId = 'worker-1'): Promise<Answer<Task[]>> {
    return this.request('GET', `/tasks/poll/batch/${taskType}?workerid=${workerId}&${query}`);
  }

  /** Polls until there is a task. */
  async take(taskType: string, query = 'count=1&timeout=1000', workerId?: string): Promise<Task> {
    return this.waitFor(
      async () => (await this.poll(taskType, query, workerId)).body[0],
      `a task of type ${taskType}`,
    );
  }

  report(task: Task, status: string, fields: JsonObject = {}): Promise<Answer> {
    return this.request('POST', '/tasks', resultOf(task, status, fields));
  }

  reportV2(task: Task, status: string, fields: JsonObject = {}): Promise<Answer<Task>> {
    return this.request('POST', '/tasks/update-v2', resultOf(task, status, fields));
  }

  async task(taskId: string): Promise<Task> {
    return (await this.expectOk<Task>('GET', `/tasks/${taskId}`)).body;
  }

  async workflow(workflowId: string): Promise<Workflow> {
    return (await this.expectOk<Workflow>('GET', `/workflow/${workflowId}`)).body;
  }

  /** Asks again and again until the answer is there. */
  async waitFor<T>(ask: () => Promise<T | undefined | false>, what: string, limitMs = 60_000): Promise<T> {
    const until = performance.now() + limitMs;
    for (;;) {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > until) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /**
   * For what depends on who comes first on a real server: there, one of several plays must go the expected way. On the
   * embedded server the first one must.
   */
  async oneOfSeveralPlays(play: () => Promise<void>): Promise<void> {
    for (let left = isOnRealServer ? MOST_PLAYS : 1; ; left--) {
      try {
        return await play();
      } catch (error) {
        if (left === 1) throw error;
      }
    }
  }

  waitForStatus(workflowId: string, status: string): Promise<Workflow> {
    return this.waitFor(async () => {
      const workflow = await this.workflow(workflowId);
      return workflow.status === status && workflow;
    }, `workflow ${workflowId} to be ${status}`);
  }
}

export function resultOf(task: Task, status: string, fields: JsonObject = {}): JsonObject {
  return {
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    workerId: 'worker-1',
    status,
    ...fields,
  };
}
