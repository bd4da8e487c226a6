import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Task, Workflow } from '../../src/conductor/wire/types.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { folderOfEachTest } from '../support/reliability.js';
import { until } from '../support/until.js';

const folder = folderOfEachTest();
const SERVER = new URL('../../dist/server/index.js', import.meta.url).href;
const SILENT = '{ log() {}, debug() {}, info() {}, warn() {}, error() {} }';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A server in a process of its own. */
interface Server {
  readonly client: ConformanceClient;
  readonly isKilled: () => boolean;
  readonly kill: () => Promise<void>;
}

async function startServer(file: string): Promise<Server> {
  const program = `
    import { embeddedServer } from ${JSON.stringify(SERVER)};
    const server = await embeddedServer({ file: ${JSON.stringify(file)} }).start(${SILENT});
    console.log(server.url);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A server does not keep a test runner alive; this one is a program.
    env: { ...process.env, VITEST: undefined },
  });
  children.push(child);
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    exited.then(([code]) => Promise.reject(new Error(`the server has ended with ${String(code)}`))),
  ])) as [Buffer];
  return {
    client: new ConformanceClient(line.toString().trim()),
    isKilled: () => child.killed,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const ROUNDS = 12;
const TYPES = ['first', 'inner', 'last'];

const CHILD = { name: 'child', tasks: [{ name: 'inner', taskReferenceName: 'inner' }] };
const ORDER = {
  name: 'order',
  tasks: [
    { name: 'first', taskReferenceName: 'first' },
    {
      name: 'child',
      taskReferenceName: 'child',
      type: 'SUB_WORKFLOW',
      subWorkflowParam: { name: 'child', version: 1 },
    },
    { name: 'pause', taskReferenceName: 'pause', type: 'WAIT', inputParameters: { duration: '1 seconds' } },
    { name: 'last', taskReferenceName: 'last' },
  ],
};

/** What has been acknowledged to its clients, over all lives of the server. */
class Load {
  readonly started = new Set<string>();
  readonly completed = new Map<string, string>();
  acknowledged = 0;

  /** Starts workflows and carries out tasks, until the server does not answer any more. */
  async run({ client, isKilled }: Server, isStarting: boolean): Promise<void> {
    const starters = isStarting ? [1, 2].map(() => this.#repeat(isKilled, () => this.#start(client))) : [];
    const workers = TYPES.flatMap((type) =>
      [1, 2].map(() => this.#repeat(isKilled, () => this.#work(client, type))),
    );
    await Promise.all([...starters, ...workers]);
  }

  async #repeat(isKilled: () => boolean, step: () => Promise<void>): Promise<void> {
    try {
      for (;;) await step();
    } catch (error) {
      // A killed server answers nothing any more.
      if (!isKilled()) throw error;
    }
  }

  async #start(client: ConformanceClient): Promise<void> {
    const { text } = await client.expectOk('POST', '/workflow/order', { x: 1 });
    this.started.add(text);
    this.acknowledged += 1;
  }

  async #work(client: ConformanceClient, type: string): Promise<void> {
    const { body } = await client.expectOk<Task[]>('GET', `/tasks/poll/batch/${type}?count=5&timeout=100`);
    for (const { taskId, workflowInstanceId } of body) {
      const outputData = { of: taskId };
      await client.expectOk('POST', '/tasks', {
        taskId,
        workflowInstanceId,
        status: 'COMPLETED',
        outputData,
      });
      this.completed.set(taskId, workflowInstanceId);
      this.acknowledged += 1;
    }
  }
}

async function workflowsOf(client: ConformanceClient, ids: Iterable<string>): Promise<Workflow[]> {
  return Promise.all(
    Array.from(ids, async (id) => (await client.expectOk<Workflow>('GET', `/workflow/${id}`)).body),
  );
}

/** All that was answered is there, whatever happened since. */
async function expectNothingLost(client: ConformanceClient, load: Load): Promise<void> {
  const workflows = await workflowsOf(client, new Set([...load.started, ...load.completed.values()]));
  const tasks = new Map<string, Task>(
    workflows.flatMap((workflow) => workflow.tasks ?? []).map((task) => [task.taskId, task]),
  );
  for (const taskId of load.completed.keys()) {
    const task = tasks.get(taskId);
    // Whoever had the task before may have been too late: then the answer has changed nothing, as on a real server.
    expect(task, taskId).toBeDefined();
    if (task!.status === 'COMPLETED') expect(task!.outputData).toEqual({ of: taskId });
    else expect(task!.status).toBe('TIMED_OUT');
  }
}

/** Every task that waits for a worker is in its queue, and no other. */
async function expectQueuesToFollow(client: ConformanceClient): Promise<void> {
  let seen = '';
  await until(
    async () => {
      const running = await Promise.all(
        ['order', 'child'].map(
          async (name) => (await client.expectOk<string[]>('GET', `/workflow/running/${name}`)).body,
        ),
      );
      const tasks = (await workflowsOf(client, running.flat())).flatMap((workflow) => workflow.tasks ?? []);
      const waiting = TYPES.map(
        (type) => tasks.filter((task) => task.taskType === type && task.status === 'SCHEDULED').length,
      );
      const queued = await Promise.all(
        TYPES.map(
          async (type) =>
            (await client.expectOk<Record<string, number>>('GET', `/tasks/queue/sizes?taskType=${type}`))
              .body[type] ?? 0,
        ),
      );
      seen = `waiting ${waiting.join()}, queued ${queued.join()}`;
      return waiting.join() === queued.join();
    },
    () => `queues that follow their tasks: ${seen}`,
  );
}

test(`a server that is killed ${ROUNDS} times under load loses nothing that it answered, and every workflow ends`, async () => {
  const file = join(folder(), 'conductor.db');
  const load = new Load();
  let server = await startServer(file);
  await server.client.expectOk(
    'POST',
    '/metadata/taskdefs',
    TYPES.map((name) => ({
      name,
      retryCount: 100,
      retryDelaySeconds: 0,
      responseTimeoutSeconds: 1,
      timeoutSeconds: 0,
    })),
  );
  for (const definition of [CHILD, ORDER])
    await server.client.expectOk('POST', '/metadata/workflow', definition);
  for (let round = 0; round < ROUNDS; round++) {
    const from = load.acknowledged;
    const running = load.run(server, true);
    // A different moment in each round, in the midst of requests.
    await until(() => load.acknowledged >= from + 10 + 7 * round, 'acknowledged requests');
    await server.kill();
    await running;
    server = await startServer(file);
    await expectNothingLost(server.client, load);
    await expectQueuesToFollow(server.client);
  }
  const { client } = server;
  const running = load.run(server, false);
  await until(async () => {
    const open = await Promise.all(
      ['order', 'child'].map(
        async (name) => (await client.expectOk<string[]>('GET', `/workflow/running/${name}`)).body,
      ),
    );
    return open.flat().length === 0;
  }, 'the end of all workflows');
  const workflows = await workflowsOf(client, load.started);
  expect(new Set(workflows.map(({ status }) => status))).toEqual(new Set(['COMPLETED']));
  const subWorkflows = workflows.map(
    (workflow) => workflow.tasks?.find((task) => task.taskType === 'SUB_WORKFLOW')?.subWorkflowId ?? '',
  );
  // One for each: none was started twice.
  expect(new Set(subWorkflows).size).toBe(workflows.length);
  for (const { status, parentWorkflowId } of await workflowsOf(client, subWorkflows)) {
    expect(status).toBe('COMPLETED');
    expect(load.started.has(String(parentWorkflowId))).toBe(true);
  }
  await expectNothingLost(client, load);
  await server.kill();
  await running;
});

test('a server in memory loads nothing of SQLite', () => {
  const program = `
    import { embeddedServer } from ${JSON.stringify(SERVER)};
    import { createRequire } from 'node:module';
    const server = await embeddedServer().start(${SILENT});
    await server.close();
    const packages = Object.keys(createRequire(import.meta.url).cache).filter((path) => /libsql/.test(path));
    const modules = process.moduleLoadList.filter((name) => /NativeModule sqlite|file-store/.test(name));
    console.log(JSON.stringify([...packages, ...modules]));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: folder() });
  expect(output.toString().trim()).toBe('[]');
});
