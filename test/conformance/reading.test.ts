import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, SearchResult, Task, Workflow } from '../../src/conductor/wire/types.js';
import { conformanceServer, type Answer } from '../support/conformance-server.js';

const server = conformanceServer();

type Summary = JsonObject & { readonly correlationId?: string };

describe('search of workflows', () => {
  let type: string;
  let name: string;
  let ids: readonly string[];
  let parentId: string;

  const search = (query: string, more = '', path = 'search'): Promise<Answer<SearchResult<Summary>>> =>
    server.request('GET', `/workflow/${path}?query=${encodeURIComponent(query)}${more}`);
  const found = async (query: string, more = '', path?: string): Promise<string[]> =>
    (await search(query, more, path)).body.results.map((one) => one.correlationId ?? 'child');
  const sorted = async (query: string, more = '', path?: string): Promise<string[]> =>
    (await found(query, more, path)).sort();
  const mine = (condition: string): string => `workflowType='${name}' AND ${condition}`;
  const numbered = (): string => mine("correlationId='c*'");

  beforeAll(async () => {
    type = await server.defineTask();
    name = await server.defineWorkflow([type]);
    const input = (index: number) => ({ correlationId: `c${index}`, input: { key: `needle${index}` } });
    ids = [
      await server.start(name, input(0)),
      await server.start(name, input(1)),
      await server.start(name, input(2)),
    ];
    await server.expectOk('DELETE', `/workflow/${ids[0]}?reason=whyNot`);
    const child = {
      name: 's',
      taskReferenceName: 's',
      type: 'SUB_WORKFLOW',
      subWorkflowParam: { name },
    };
    parentId = await server.run([child]);
    await server.waitFor(
      async () => (await search(`workflowType='${name}'`)).body.totalHits === 4,
      'the index',
    );
  });

  it.each<[condition: string, ...wanted: string[]]>([
    ["status='RUNNING'", 'c1', 'c2', 'child'],
    ['status IN (TERMINATED,COMPLETED)', 'c0'],
    ["correlationId IN ('c1','c2')", 'c1', 'c2'],
    // A blank belongs to the value behind it.
    ["correlationId IN ('c1', 'c2')", 'c1'],
    ["correlationId='c*'", 'c0', 'c1', 'c2'],
    ['correlationId="c1"', 'c1'],
    ['correlationId=c1', 'c1'],
    ['startTime>0', 'c0', 'c1', 'c2', 'child'],
    ['startTime<1000'],
    ['startTime > 99999999999999'],
    ["nope='1'", 'c0', 'c1', 'c2', 'child'],
  ])('by %s', async (condition, ...wanted) => {
    expect(await sorted(mine(condition))).toEqual(wanted);
  });

  it('by id, by parent, or only what has no parent', async () => {
    expect(await found(`workflowId='${ids[1]}'`)).toEqual(['c1']);
    expect(await found(`parentWorkflowId='${parentId}'`)).toEqual(['child']);
    expect(await sorted(`workflowType='${name}'`, '&topLevelOnly=true')).toEqual(['c0', 'c1', 'c2']);
  });

  it('sorts and pages', async () => {
    expect(await found(numbered(), '&sort=correlationId:ASC')).toEqual(['c0', 'c1', 'c2']);
    expect(await found(numbered(), '&sort=correlationId:DESC')).toEqual(['c2', 'c1', 'c0']);
    const both = encodeURIComponent('status:DESC|correlationId:DESC');
    expect(await found(numbered(), `&sort=${both}`)).toEqual(['c0', 'c2', 'c1']);
    expect(await found(numbered(), '&sort=correlationId:ASC&start=1&size=1')).toEqual(['c1']);
    const past = (await search(numbered(), '&start=10')).body;
    expect(past).toEqual({ totalHits: 3, results: [] });
    expect(await found(numbered(), '&size=0')).toEqual([]);
    expect(await sorted(numbered(), '&size=-1&start=-1')).toEqual(['c0', 'c1', 'c2']);
  });

  it('by free text, in whatever case', async () => {
    for (const text of ['needle1', 'NEEDLE1']) {
      expect(await found(`workflowType='${name}'`, `&freeText=${text}`)).toEqual(['c1']);
    }
    expect(await sorted(numbered(), '&freeText=needle*')).toEqual(['c0', 'c1', 'c2']);
    expect(await found(numbered(), '&freeText=whyNot')).toEqual(['c0']);
    expect(await found(numbered(), '&freeText=zzz')).toEqual([]);
  });

  it('refuses what is malformed, and more than 5000 at once', async () => {
    for (const query of ['bad', "status!='X'"]) {
      const answer = await search(query);
      expect([answer.status, answer.body]).toMatchObject([
        400,
        { message: `Incorrectly formatted query string: ${query}` },
      ]);
    }
    expect((await search(numbered(), '&size=5000')).status).toBe(200);
    const path = 'searchWorkflows.arg1';
    const message = 'Cannot return more than 5000 workflows. Please use pagination.';
    expect((await search(numbered(), '&size=5001')).body).toMatchObject({
      status: 400,
      validationErrors: [{ path, message, invalidValue: '5001' }],
    });
  });

  it('has summaries, or workflows without their tasks', async () => {
    const [summary] = (await search(`workflowId='${ids[0]}'`)).body.results;
    expect(summary).toMatchObject({
      workflowType: name,
      version: 1,
      status: 'TERMINATED',
      classifier: 'workflow',
      input: '{key=needle0}',
      output: '{}',
      inputSize: 13,
      outputSize: 2,
      reasonForIncompletion: 'whyNot',
      failedReferenceTaskNames: '',
      startTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      parentWorkflowId: '',
    });
    const [full] = (await search(`workflowId='${ids[1]}'`, '', 'search-v2')).body.results;
    expect(full).toMatchObject({ workflowId: ids[1], input: { key: 'needle1' }, tasks: [] });
  });

  it('by the tasks that they have', async () => {
    const taken = await server.take(type);
    const query = `taskId='${taken.taskId}'`;
    await server.waitFor(
      async () => (await search(query, '', 'search-by-tasks')).body.totalHits === 1,
      'the index of tasks',
    );
    for (const path of ['search-by-tasks', 'search-by-tasks-v2']) {
      const [one] = (await search(query, '', path)).body.results;
      expect(one?.['workflowId']).toBe(taken.workflowInstanceId);
    }
  });
});

describe('workflows', () => {
  it('that belong together are found by their correlation id', async () => {
    const name = await server.defineWorkflow([await server.defineTask()]);
    const [first, second] = [
      await server.start(name, { correlationId: 'k1' }),
      await server.start(name, { correlationId: 'k1' }),
    ];
    await server.start(name, { correlationId: 'k2' });
    await server.expectOk('DELETE', `/workflow/${second}`);
    const get = async (query = ''): Promise<string[]> =>
      (await server.expectOk<Workflow[]>('GET', `/workflow/${name}/correlated/k1${query}`)).body
        .map((one) => `${one.status} ${one.tasks.length}`)
        .sort();
    expect(await get()).toEqual(['RUNNING 0']);
    expect(await get('?includeClosed=true')).toEqual(['RUNNING 0', 'TERMINATED 0']);
    expect(await get('?includeTasks=true')).toEqual(['RUNNING 1']);
    const several = await server.expectOk<Record<string, Workflow[]>>(
      'POST',
      `/workflow/${name}/correlated?includeClosed=true`,
      ['k1', 'k2', 'k3'],
    );
    expect(Object.entries(several.body).map(([id, list]) => [id, list.length])).toEqual([
      ['k1', 2],
      ['k2', 1],
      ['k3', 0],
    ]);
    await server.expectOk('PUT', `/workflow/${first}/pause`);
    expect(await get()).toEqual([]);
  });

  it('that run are listed, whatever their version, or those that began in a time', async () => {
    const name = await server.defineWorkflow([await server.defineTask()]);
    const workflowId = await server.start(name);
    const get = async (query: string): Promise<unknown> =>
      (await server.expectOk('GET', `/workflow/running/${name}${query}`)).body;
    expect(await get('')).toEqual([workflowId]);
    expect(await get('?version=2')).toEqual([workflowId]);
    expect(await get(`?startTime=1&endTime=${Date.now() + 60_000}`)).toEqual([workflowId]);
    expect(await get('?startTime=1&endTime=2')).toEqual([]);
  });

  it('show their status and pages of their tasks', async () => {
    const workflow = await server.defineWorkflow([await server.defineTask()], { variables: { v: 1 } });
    const id = await server.start(workflow, { correlationId: 'c' });
    const get = (path: string): Promise<Answer<SearchResult<Task>>> =>
      server.request('GET', `/workflow/${id}${path}`);
    expect((await get('/status')).body).toEqual({ workflowId: id, correlationId: 'c', status: 'RUNNING' });
    expect((await get('/status?includeOutput=true&includeVariables=true')).body).toMatchObject({
      output: {},
      variables: { v: 1 },
    });
    expect((await get('/tasks?status=COMPLETED')).body.totalHits).toBe(0);
    expect((await get('/tasks?status=COMPLETED&status=SCHEDULED')).body.totalHits).toBe(1);
    expect((await get('/tasks?start=5')).body).toMatchObject({ totalHits: 1, results: [] });
    for (const path of ['/status', '/tasks']) {
      expect((await server.request('GET', `/workflow/nope${path}`)).status).toBe(404);
    }
  });
});

describe('logs', () => {
  it('come in the order in which they were written', async () => {
    const type = await server.defineTask();
    await server.run([type]);
    const { taskId } = await server.take(type);
    expect((await server.request('GET', `/tasks/${taskId}/log`)).status).toBe(204);
    for (const line of ['first line', 'second']) {
      await server.expectOk('POST', `/tasks/${taskId}/log`, line);
    }
    expect((await server.expectOk('GET', `/tasks/${taskId}/log`)).body).toEqual([
      { log: 'first line', taskId, createdTime: expect.any(Number) },
      { log: 'second', taskId, createdTime: expect.any(Number) },
    ]);
  });
});

describe('queues', () => {
  it('show their sizes and who polls them', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    const get = async <T>(path: string): Promise<T> =>
      (await server.expectOk<T>('GET', `/tasks/queue/${path}`)).body;
    expect(await get(`sizes?taskType=${type}&taskType=nope`)).toEqual({ [type]: 2, nope: 0 });
    expect(await get(`size?taskType=${type}`)).toBe(2);
    expect(await get(`size?taskType=${type}&domain=d`)).toBe(0);
    expect((await get<Record<string, number>>('all'))[type]).toBe(2);
    expect((await get<JsonObject>('all/verbose'))[type]).toEqual({ a: { size: 2, uacked: 0 } });
    await server.take(type);
    expect(await get(`size?taskType=${type}`)).toBe(1);
    for (const path of ['sizes', 'size', 'polldata']) {
      expect((await server.request('GET', `/tasks/queue/${path}`)).status).toBe(500);
    }

    const polled = server.name('task');
    expect(await get(`polldata?taskType=${polled}`)).toEqual([]);
    await server.request('GET', `/tasks/poll/${polled}?workerid=w1&domain=dd`);
    await server.request('GET', `/tasks/poll/${polled}?workerid=w2`);
    const data = await get<JsonObject[]>(`polldata?taskType=${polled}`);
    expect(data).toHaveLength(2);
    expect(data).toContainEqual({
      queueName: polled,
      domain: 'dd',
      workerId: 'w1',
      lastPollTime: expect.any(Number),
    });
    const all = await get<JsonObject[]>('polldata/all');
    expect(all.filter((one) => one['queueName'] === polled)).toHaveLength(2);
  });
});

describe('administration', () => {
  it('lists the open tasks of a type', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    await server.take(type);
    const get = async (query = ''): Promise<string[]> =>
      (await server.expectOk<Task[]>('GET', `/admin/task/${type}${query}`)).body
        .map((one) => one.status)
        .sort();
    expect(await get()).toEqual(['IN_PROGRESS', 'SCHEDULED']);
    expect(await get('?count=1')).toHaveLength(1);
    expect(await get('?start=1')).toHaveLength(1);
  });

  it('puts workflows back into the queue of the decider, and repairs nothing', async () => {
    const workflowId = await server.run([await server.defineTask()]);
    expect((await server.expectOk('POST', `/admin/sweep/requeue/${workflowId}`)).text).toBe(
      `false.${workflowId}`,
    );
    const unknown = server.name('nope');
    expect((await server.expectOk('POST', `/admin/sweep/requeue/${unknown}`)).text).toBe(`true.${unknown}`);
    const repair = await server.request('POST', `/admin/consistency/verifyAndRepair/${workflowId}`);
    expect([repair.status, repair.body]).toMatchObject([
      500,
      { message: 'WorkflowRepairService is disabled.' },
    ]);
  });

  it.each(['/admin/config', '/admin/queues', '/queue/size', '/queue/'])('GET %s', async (path) => {
    expect((await server.expectOk('GET', path)).body).toBeTypeOf('object');
  });
});
