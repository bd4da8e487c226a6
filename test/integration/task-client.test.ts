import { describe, expect, it, onTestFinished } from 'vitest';
import { createTaskClient } from '../../src/conductor/clients/conductor-clients.js';
import type { TaskResultBody } from '../../src/conductor/wire/task-result.js';
import { USER_AGENT } from '../../src/conductor/transport/user-agent.js';
import { ClientFixture, SECRET, TRANSPORTS } from '../support/client-fixture.js';
import { ScriptedServer } from '../support/scripted-server.js';

const result: TaskResultBody = {
  taskId: 't-1',
  workflowInstanceId: 'w-1',
  status: 'COMPLETED',
  outputData: { text: 'ä€😀'.repeat(1000) },
};
const poll = { taskType: 'greet', workerId: 'me', count: 1, timeoutMs: 100 };
const POLL = 'GET /tasks/poll/batch/greet';

describe.each(TRANSPORTS)('HttpTaskClient on $name', ({ Kind }) => {
  const use = new ClientFixture(Kind);

  it('polls with encoded parts, without an empty domain, and with the headers of the connection', async () => {
    use.server.on('GET /tasks/poll/batch/a%2Fb%20c', { status: 204 });
    await use.open({ headers: { 'X-Team': 'blue' } });
    const request = { ...poll, taskType: 'a/b c', workerId: 'h&1', count: 3 };
    expect(await use.clients.tasks.poll({ ...request, domain: '' })).toEqual({
      tasks: [],
      isAbortable: false,
    });
    await use.clients.tasks.poll({ ...request, domain: 'dö' });
    expect(use.server.requests.map((seen) => seen.path)).toEqual([
      '/api/tasks/poll/batch/a%2Fb%20c?workerid=h%261&count=3&timeout=100',
      '/api/tasks/poll/batch/a%2Fb%20c?workerid=h%261&count=3&timeout=100&domain=d%C3%B6',
    ]);
    expect(use.server.requests[0]?.headers).toMatchObject({ 'user-agent': USER_AGENT, 'x-team': 'blue' });
  });

  it('keeps the good tasks of an answer and logs the others in one line, without their payload', async () => {
    const good = { taskId: 't-1', workflowInstanceId: 'w-1', inputData: { a: 1 } };
    const bad = { taskId: 't-2', taskType: 'greet', inputData: { password: SECRET } };
    use.server.on(POLL, { headers: { 'x-tutti-abortable-poll': 'true' }, body: [null, bad, good, 'x'] });
    await use.open();
    const answer = await use.clients.tasks.poll(poll);
    expect(answer.isAbortable).toBe(true);
    expect(answer.tasks).toMatchObject([{ ...good, taskType: 'greet', outputData: {} }]);
    expect(use.logger.at('error')).toEqual(['the server sent tasks of unknown shape, they are left out']);
    expect(use.logger.text).toContain('t-2');
    expect(use.logger.entries.at(-1)?.fields['tasks']).toBe(3);
    // A server that is wrong is so at each poll.
    await use.clients.tasks.poll(poll);
    expect(use.logger.at('error')).toHaveLength(1);
    expect(use.logger.text).not.toContain(SECRET);
  });

  it('reads an answer that begins with a byte order mark', async () => {
    use.server.on(POLL, { body: '\uFEFF[{"taskId":"t-1","workflowInstanceId":"w-1"}]' });
    await use.open();
    expect((await use.clients.tasks.poll(poll)).tasks).toMatchObject([{ taskId: 't-1' }]);
  });

  it('does not send again in silence what gives a task back: somebody may have polled it meanwhile', async () => {
    use.server.on('POST /tasks', { body: 't-1' }, 'drop', { body: 't-1' });
    await use.open({ updateConnections: 1 });
    await use.clients.tasks.update(result);
    const error = await use.failure(use.clients.tasks.update({ ...result, status: 'IN_PROGRESS' }));
    expect(error).toMatchObject({ code: 'HTTP_NETWORK' });
    expect(use.server.requests).toHaveLength(2);
  });

  it('chains: 200 brings a task, 204 and an empty 200 none', async () => {
    const next = { taskId: 't-2', workflowInstanceId: 'w-1', inputData: {} };
    use.server.on('POST /tasks/update-v2', { body: next }, { status: 204 }, { status: 200 });
    await use.open();
    expect(await use.clients.tasks.updateAndPoll(result)).toMatchObject({ taskId: 't-2', retryCount: 0 });
    expect(await use.clients.tasks.updateAndPoll(result)).toBeUndefined();
    expect(await use.clients.tasks.updateAndPoll(result)).toBeUndefined();
    expect(use.clients.tasks.canChain).toBe(true);
    expect(use.server.requests.every((request) => request.body === JSON.stringify(result))).toBe(true);
    // Nothing is wrong with an answer that is empty.
    expect(use.logger.entries).toEqual([]);
  });

  it.each([
    ['405', { status: 405, body: { message: 'Method not allowed' } }],
    ['501', { status: 501 }],
    ['404 for the route', { status: 404, body: { message: 'No static resource api/tasks/update-v2.' } }],
    ['404 of a proxy', { status: 404, body: '<html></html>' }],
  ])('falls back to the old endpoint for good after %s', async (_, answer) => {
    use.server.on('POST /tasks/update-v2', answer).on('POST /tasks', { body: 't-1' });
    await use.open();
    expect(await use.clients.tasks.updateAndPoll(result)).toBeUndefined();
    expect(use.clients.tasks.canChain).toBe(false);
    await use.clients.tasks.updateAndPoll(result);
    expect(use.server.of('POST /tasks/update-v2')).toHaveLength(1);
    expect(use.server.of('POST /tasks').map((request) => request.body)).toEqual(
      Array(2).fill(JSON.stringify(result)),
    );
  });

  it('does not fall back after a 500, which says nothing about the endpoint', async () => {
    use.server.on('POST /tasks/update-v2', { status: 500 }).on('POST /tasks', { body: 't-1' });
    await use.open();
    expect(await use.failure(use.clients.tasks.updateAndPoll(result))).toMatchObject({ status: 500 });
    expect(use.clients.tasks.canChain).toBe(true);
    expect(use.server.of('POST /tasks')).toEqual([]);
  });

  it('knows for each client by itself whether its server chains', async () => {
    const other = await ScriptedServer.start();
    onTestFinished(() => other.close());
    use.server.on('POST /tasks/update-v2', { status: 405 }).on('POST /tasks', { body: 't-1' });
    other.on('POST /tasks/update-v2', { body: { taskId: 't-2', workflowInstanceId: 'w-1' } });
    await use.open();
    const chaining = createTaskClient(
      { serverUrl: other.url },
      { logger: use.logger, transport: (o) => new Kind(o) },
    );
    onTestFinished(() => chaining.close());
    for (let round = 0; round < 2; round++) {
      expect(await use.clients.tasks.updateAndPoll(result)).toBeUndefined();
      expect(await chaining.updateAndPoll(result)).toMatchObject({ taskId: 't-2' });
    }
    expect([use.clients.tasks.canChain, chaining.canChain]).toEqual([false, true]);
    expect(use.server.of('POST /tasks/update-v2')).toHaveLength(1);
    expect(other.of('POST /tasks')).toEqual([]);
  });

  it('a task that the server does not know says nothing about the endpoint', async () => {
    const unknown = { status: 404, body: { message: 'No such task found by id: t-1' } };
    use.server.on('POST /tasks/update-v2', unknown).on('POST /tasks', { body: 't-1' });
    await use.open();
    expect(await use.failure(use.clients.tasks.updateAndPoll(result))).toMatchObject({
      status: 404,
      path: '/tasks/update-v2',
    });
    expect(use.clients.tasks.canChain).toBe(true);
    expect(use.server.of('POST /tasks')).toHaveLength(0);
  });

  it('in doubt the old endpoint decides', async () => {
    const doubtful = { status: 404, body: { message: 'not found' } };
    use.server.on('POST /tasks/update-v2', doubtful).on('POST /tasks', doubtful);
    await use.open();
    expect(await use.failure(use.clients.tasks.updateAndPoll(result))).toMatchObject({
      status: 404,
      path: '/tasks',
    });
    expect(use.clients.tasks.canChain).toBe(true);
  });

  it('extends leases, writes and reads logs, reads and finds tasks', async () => {
    const task = { taskId: 't/1', workflowInstanceId: 'w-1', inputData: {} };
    use.server
      .on('POST /tasks', { body: 't-1' })
      .on('POST /tasks/t%2F1/log', { status: 200 })
      .on('GET /tasks/t%2F1/log', { status: 204 }, { body: [{ log: 'a' }] })
      .on('GET /tasks/t%2F1', { body: task }, { body: { taskId: 7 } })
      .on('GET /tasks/search-v2', { body: { totalHits: 5, results: [task, null] } })
      .on('GET /tasks/queue/sizes', { body: { a: 1, 'b c': 2 } });
    const { tasks } = await use.open();
    await tasks.extendLease(task);
    expect(JSON.parse(use.server.requests[0]?.body ?? '')).toEqual({
      taskId: 't/1',
      workflowInstanceId: 'w-1',
      status: 'IN_PROGRESS',
      extendLease: true,
    });
    await tasks.addLog('t/1', 'a "line"');
    expect(use.server.requests[1]?.body).toBe('a "line"');
    expect(await tasks.getLogs('t/1')).toEqual([]);
    expect(await tasks.getLogs('t/1')).toEqual([{ log: 'a' }]);
    expect(await tasks.getTask('t/1')).toMatchObject(task);
    expect((await use.failure(tasks.getTask('t/1'))).code).toBe('HTTP_BODY');
    const found = await tasks.search("taskType='greet' AND status='IN_PROGRESS'", { size: 2 });
    expect(found).toMatchObject({ totalHits: 5, results: [task] });
    const asked = new URL(`http://h${use.server.of('GET /tasks/search-v2')[0]?.path}`).searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      start: '0',
      size: '2',
      freeText: '*',
      query: "taskType='greet' AND status='IN_PROGRESS'",
    });
    expect(await tasks.queueSizes(['a', 'b c'])).toEqual({ a: 1, 'b c': 2 });
    expect(use.server.requests.at(-1)?.path).toBe('/api/tasks/queue/sizes?taskType=a&taskType=b%20c');
    const before = use.server.requests.length;
    expect(await tasks.queueSizes([])).toEqual({});
    expect(use.server.requests).toHaveLength(before);
  });

  // Conductor 3.32.1 with PostgreSQL answers so to every search for whole tasks.
  it('finds tasks by their summaries where the server cannot search whole tasks', async () => {
    const failure = { status: 500, body: { message: 'because "result" is null' } };
    const task = { taskId: 't-1', workflowInstanceId: 'w-1', status: 'IN_PROGRESS', inputData: {} };
    use.server
      .on('GET /tasks/search-v2', failure, failure, failure)
      .on(
        'GET /tasks/search',
        { body: { totalHits: 3, results: [{ taskId: 't-1', input: '{}' }, null, { taskId: 'gone' }] } },
        { status: 404, body: { message: 'no such page' } },
      )
      .on('GET /tasks/t-1', { body: task })
      .on('GET /tasks/gone', { status: 404, body: { message: 'no such task' } });
    const { tasks } = await use.open();
    const query = "taskType='greet' AND status='IN_PROGRESS'";
    expect(await tasks.search(query, { start: 20, size: 3 })).toMatchObject({
      totalHits: 3,
      results: [task],
    });
    const asked = new URL(`http://h${use.server.of('GET /tasks/search')[0]?.path}`).searchParams;
    expect(Object.fromEntries(asked)).toEqual({ start: '20', size: '3', freeText: '*', query });
    expect((await use.failure(tasks.search(query))).status).toBe(404);
  });
});
