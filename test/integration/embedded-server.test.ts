import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/core/errors.js';
import { embeddedServer, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

const REFUSED_TYPES = [
  'KAFKA_PUBLISH',
  'PULL_WORKFLOW_MESSAGES',
  'LLM_TEXT_COMPLETE',
  'LLM_CHAT_COMPLETE',
  'LLM_INDEX_TEXT',
  'LLM_SEARCH_INDEX',
  'LLM_SEARCH_EMBEDDINGS',
  'LLM_GENERATE_EMBEDDINGS',
  'LLM_STORE_EMBEDDINGS',
  'LLM_GET_EMBEDDINGS',
  'LIST_MCP_TOOLS',
  'CALL_MCP_TOOL',
  'GENERATE_IMAGE',
  'GENERATE_AUDIO',
  'GENERATE_VIDEO',
  'GENERATE_PDF',
  'AGENT',
  'GET_AGENT_CARD',
  'CANCEL_AGENT',
  'JDBC',
];

const running: RunningServer[] = [];

async function start(
  logger = new RecordingLogger(),
): Promise<{ server: RunningServer; client: ConformanceClient }> {
  const server = await embeddedServer().start(logger);
  running.push(server);
  return { server, client: new ConformanceClient(server.url) };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

describe('embeddedServer()', () => {
  it('only describes a server', () => {
    const description = embeddedServer({ port: 4711 });
    expect(description).toMatchObject({
      options: { port: 4711, host: '127.0.0.1' },
    });
  });

  it.each([
    [{ prot: 1 }, 'unknown option `prot`, did you mean `port`?'],
    [{ port: 65_536 }, 'expected `port` to be an integer from 0 to 65535, got 65536 (number)'],
    [{ port: '80' }, 'got "80" (string)'],
    [{ host: '' }, 'expected `host` to be a non-empty string'],
  ])('refuses %j', (options, message) => {
    expect(() => embeddedServer(options as object)).toThrow(ConfigurationError);
    expect(() => embeddedServer(options as object)).toThrow(message);
  });
});

describe('start', () => {
  it('says once that this is not for production', async () => {
    const logger = new RecordingLogger();
    const { server } = await start(logger);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/api`);
    expect(logger.entries).toHaveLength(1);
    expect(logger.at('warn')[0]).toContain('not for production');
  });

  it('starts a new, empty server each time', async () => {
    const [first, second] = [await start(), await start()];
    await first.client.defineTask();
    expect((await second.client.expectOk('GET', '/metadata/taskdefs')).body).toEqual([]);
  });

  it('names the port that is taken', async () => {
    const { server } = await start();
    const again = embeddedServer({ port: server.port }).start(new RecordingLogger());
    await expect(again).rejects.toThrow(ConfigurationError);
    await expect(again).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}`);
  });
});

describe('close', () => {
  it('answers waiting polls at once with nothing, and closes the port', async () => {
    const { server, client } = await start();
    const type = await client.defineTask();
    const poll = client.poll(type, 'count=1&timeout=5000');
    await waitingPolls(client, type);
    const from = performance.now();
    await server.close();
    expect(performance.now() - from).toBeLessThan(4000);
    expect((await poll).body).toEqual([]);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow('fetch failed');
    await expect(server.close()).resolves.toBeUndefined();
  });

  it('closes connections that nobody uses', async () => {
    const { server } = await start();
    const socket = await open(server);
    const closed = new Promise((resolve) => socket.once('close', () => resolve('closed')));
    await server.close();
    expect(await closed).toBe('closed');
  });
});

describe('a client that hangs up', () => {
  it('while its poll waits, costs no task', async () => {
    const { server, client } = await start();
    const type = await client.defineTask();
    const workflow = await client.defineWorkflow([type]);
    for (let round = 0; round < 25; round++) {
      const socket = await open(server);
      socket.write(
        `GET /api/tasks/poll/batch/${type}?workerid=gone&count=1&timeout=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      await waitingPolls(client, type);
      socket.destroy();
      const workflowId = await client.start(workflow);
      const task = await client.take(type, 'count=1&timeout=1000');
      expect(task).toMatchObject({ workflowInstanceId: workflowId, pollCount: 1, workerId: 'worker-1' });
    }
  });

  it('after its poll has collected some tasks, gives them back', async () => {
    const { server, client } = await start();
    const type = await client.defineTask();
    const workflow = await client.defineWorkflow([type]);
    const socket = await open(server);
    socket.write(
      `GET /api/tasks/poll/batch/${type}?count=5&timeout=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    await waitingPolls(client, type);
    await client.start(workflow);
    await client.start(workflow);
    expect(await queueSize(client, type)).toBe(0);
    socket.destroy();
    await client.waitFor(
      async () => (await queueSize(client, type)) === 2,
      'both tasks to be back in the queue',
    );
    expect((await client.poll(type, 'count=2&timeout=1000')).body).toMatchObject([
      { pollCount: 1 },
      { pollCount: 1 },
    ]);
  });

  it('and resets the connection on an answer that it has not read, gives the task back', async () => {
    const { server, client } = await start();
    const type = await client.defineTask();
    const workflowId = await client.run([type]);
    const socket = await open(server);
    socket.pause();
    socket.write(`GET /api/tasks/poll/batch/${type}?workerid=gone HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const taskIs = (status: string) => async (): Promise<boolean> =>
      (await client.workflow(workflowId)).tasks[0]?.status === status;
    await client.waitFor(taskIs('IN_PROGRESS'), 'the task to be handed out');
    socket.resetAndDestroy();
    await client.waitFor(taskIs('SCHEDULED'), 'the task to be given back');
    expect(await client.take(type)).toMatchObject({ pollCount: 1, workerId: 'worker-1' });
  });

  it('in peace after it has read its answer, keeps its task', async () => {
    const { client } = await start();
    const type = await client.defineTask();
    await client.run([type]);
    const answer = await client.request<{ taskId: string }[]>('GET', `/tasks/poll/batch/${type}`, undefined, {
      headers: { connection: 'close' },
    });
    const taskId = answer.body[0]!.taskId;
    expect((await client.poll(type, 'count=1&timeout=200')).body).toEqual([]);
    expect((await client.task(taskId)).status).toBe('IN_PROGRESS');
  });
});

describe('answers to polls', () => {
  it('say that polls may be dropped', async () => {
    const { client } = await start();
    const type = await client.defineTask();
    const workflow = await client.defineWorkflow([type]);
    await client.start(workflow);
    await client.start(workflow);
    const empty = await client.poll(client.name('none'), 'count=1&timeout=0');
    const batch = await client.poll(type);
    const next = await client.reportV2(batch.body[0]!, 'COMPLETED');
    const single = await client.request('GET', `/tasks/poll/${type}`);
    for (const answer of [empty, batch, next, single]) {
      expect(answer.headers.get('x-tutti-abortable-poll')).toBe('true');
    }
  });
});

it('a workflow may have the name of something that every object has', async () => {
  const { client } = await start();
  const tasks = [{ name: 'x', taskReferenceName: 'a' }];
  for (const name of ['__proto__', 'flow'])
    await client.request('POST', '/metadata/workflow', { name, tasks });
  const path = (name: string): string => `/metadata/workflow/${name}/versions`;
  expect((await client.expectOk('GET', path('__proto__'))).body).toMatchObject([{ name: '__proto__' }]);
  expect((await client.expectOk('GET', path('flow'))).body).toMatchObject([{ name: 'flow' }]);
  expect((await client.expectOk('GET', path('constructor'))).body).toEqual([]);
});

describe('what is not supported', () => {
  it.each([
    ['GET', '/scheduler/schedules'],
    ['PUT', '/scheduler/schedules/nightly/pause'],
  ])('%s %s is answered 501 by name', async (method, path) => {
    const { client } = await start();
    const answer = await client.request(method, path, method === 'GET' ? undefined : {});
    expect(answer.status).toBe(501);
    expect(answer.body).toMatchObject({
      status: 501,
      retryable: false,
      message: expect.stringContaining(`${method} /api/`),
    });
  });

  it.each(REFUSED_TYPES)(
    'a workflow with a task of type %s is kept, and refused by name when started',
    async (type) => {
      const { client } = await start();
      const definition = { name: 'flow', tasks: [{ name: 'x', taskReferenceName: 'a', type }] };
      await client.expectOk('POST', '/metadata/workflow', definition);
      expect((await client.expectOk('GET', '/metadata/workflow/flow')).body).toMatchObject(definition);
      for (const body of [{ name: 'flow' }, { name: 'flow', workflowDef: definition }]) {
        const answer = await client.request('POST', '/workflow', body);
        expect(answer.status).toBe(501);
        expect(answer.body).toMatchObject({
          message: expect.stringContaining(`Task type ${type} (task "a" of workflow "flow")`),
        });
      }
    },
  );

  it.each([
    [{ outputParameters: { o: '${a.output.list[?(@.q=~/x/)]}' } }, 'a regular expression (=~)'],
    [
      { tasks: [{ name: 'x', taskReferenceName: 'a', inputParameters: { s: '${a.b[?(@.q=~/x/)]}' } }] },
      'a regular expression (=~)',
    ],
  ])('a workflow with %j is refused when registered and when started', async (fields, message) => {
    const { client } = await start();
    const definition = { name: 'flow', tasks: [{ name: 'x', taskReferenceName: 'a' }], ...fields };
    for (const [path, body] of [
      ['/metadata/workflow', definition],
      ['/workflow', { name: 'flow', workflowDef: definition }],
    ] as const) {
      const answer = await client.request('POST', path, body);
      expect(answer.status).toBe(501);
      expect(answer.body).toMatchObject({ message: expect.stringContaining(message) });
    }
  });
});

describe('under load', () => {
  it('every workflow gets through, each task once', async () => {
    const { client } = await start();
    const types = [await client.defineTask(), await client.defineTask(), await client.defineTask()];
    const workflow = await client.defineWorkflow(types);
    const ids = await Promise.all(Array.from({ length: 100 }, () => client.start(workflow)));
    const seen: string[] = [];
    const work = async (type: string): Promise<void> => {
      let done = 0;
      while (done < ids.length) {
        for (const task of (await client.poll(type, 'count=7&timeout=50')).body) {
          seen.push(task.taskId);
          await client.report(task, 'COMPLETED');
          done += 1;
        }
      }
    };
    await Promise.all(types.map(work));
    expect(new Set(seen).size).toBe(300);
    expect(seen).toHaveLength(300);
    for (const id of ids) expect((await client.workflow(id)).status).toBe('COMPLETED');
  });
});

function open(server: RunningServer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function queueSize(client: ConformanceClient, type: string): Promise<number> {
  return Number((await client.expectOk('GET', `/tasks/queue/size?taskType=${type}`)).text);
}

/**
 * A poll that waits leaves no trace, but requests on one loop are read in the order in which they arrive: when a later
 * one is answered, the earlier one waits.
 */
async function waitingPolls(client: ConformanceClient, type: string): Promise<void> {
  for (let i = 0; i < 3; i++) await queueSize(client, type);
}
