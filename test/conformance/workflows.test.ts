import { describe, expect, it } from 'vitest';
import type { SearchResult, Task, TaskDef, WorkflowDef } from '../../src/conductor/wire/types.js';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

const INPUT = {
  n: 5,
  f: 1.5,
  yes: true,
  text: 'str',
  nothing: null,
  map: { a: 1, list: [2, { b: 'x' }] },
  list: [{ q: 1 }, { q: 2 }],
  'a key': 'spaced',
  which: 'n',
  one: 1,
  template: 'T ${workflow.input.n}',
};

describe('expressions', () => {
  it.each<[expression: unknown, value: unknown]>([
    ['plain $5 {x}', 'plain $5 {x}'],
    ['${workflow.input.n}', 5],
    ['${workflow.input.yes}', true],
    ['${workflow.input.map}', INPUT.map],
    ['${workflow.input.missing}', null],
    ['${workflow.input.nothing}', null],
    ['${workflow.input.text.x}', null],
    ['n=${workflow.input.n}, f=${workflow.input.f}', 'n=5, f=1.5'],
    ['${workflow.input.n} ', '5 '],
    ['none=${workflow.input.missing}', 'none=null'],
    ['${workflow.input.n}${workflow.input.n}', '55'],
    ['m=${workflow.input.map} l=${workflow.input.list}', 'm={a=1, list=[2, {b=x}]} l=[{q=1}, {q=2}]'],
    ['$${workflow.input.n} is ${workflow.input.n}', '${workflow.input.n} is 5'],
    ['$$${workflow.input.n}', '$${workflow.input.n}'],
    ['${workflow.input.${workflow.input.which}}', 5],
    ['${workflow.input.list[${workflow.input.one}].q}', 2],
    ['${workflow.input.template}', 'T ${workflow.input.n}'],
    ['${unclosed', '${unclosed'],
    ['${workflow.input.list[0].q}', 1],
    ['${workflow.input.list[-1].q}', 2],
    ['${workflow.input.list[9]}', null],
    ['${workflow.input.list[*].q}', [1, 2]],
    ['${workflow.input.list[*].z}', []],
    ['${workflow.input.list[0:1]}', [{ q: 1 }]],
    ['${workflow.input..q}', [1, 2]],
    ['${workflow.input.list.length()}', 2],
    ['${workflow.input.map.keys()}', ['a', 'list']],
    ["${workflow.input['a key']}", 'spaced'],
    ['${workflow.workflowType} ${workflow.version} ${workflow.status}', expect.stringMatching(/ 1 RUNNING$/)],
    ['${workflow.variables.v}', 7],
    ['${workflow.startTime}', null],
    [{ deep: ['${workflow.input.n}', 'x${workflow.input.n}', 5, null] }, { deep: [5, 'x5', 5, null] }],
  ])('%j', async (expression, value) => {
    const name = server.name('task');
    const workflow = await server.defineWorkflow(
      [{ name, taskReferenceName: 'a', inputParameters: { value: expression } }],
      { variables: { v: 7 } },
    );
    const workflowId = await server.start(workflow, { input: INPUT });
    const [task] = (await server.workflow(workflowId)).tasks;
    expect(task?.inputData).toEqual({ value });
  });

  it('see the latest attempt of earlier tasks, and the id of their own', async () => {
    const [first, second] = [
      await server.defineTask({ retryCount: 1, retryDelaySeconds: 0 }),
      await server.defineTask(),
    ];
    const workflowId = await server.run([
      first,
      {
        name: second,
        taskReferenceName: 'b',
        inputParameters: {
          out: '${t0.output.r}',
          status: '${t0.status}',
          from: '${t0.taskId}',
          me: '${CPEWF_TASK_ID}',
        },
      },
    ]);
    await server.report(await server.take(first), 'FAILED', { outputData: { r: 'wrong' } });
    const retried = await server.take(first);
    await server.report(retried, 'COMPLETED', { outputData: { r: [1, 2] } });
    const task = await server.take(second);
    expect(task.inputData).toEqual({
      out: [1, 2],
      status: 'COMPLETED',
      from: retried.taskId,
      me: task.taskId,
    });
    expect(task).toMatchObject({ workflowInstanceId: workflowId, seq: 3 });
  });

  it('that cannot be right are refused when the workflow is registered', async () => {
    const register = (value: string) =>
      server.request('POST', '/metadata/workflow', {
        name: server.name('workflow'),
        tasks: [{ name: 'x', taskReferenceName: 'a', inputParameters: { key: value } }],
      });
    expect((await register('${nobody.output.x}')).body).toMatchObject({
      status: 400,
      validationErrors: [
        {
          path: 'registerWorkflowDef.arg0',
          message:
            'taskReferenceName: nobody for given task: x input value: key of input parameter: ${nobody.output.x} is not defined in workflow definition.',
        },
      ],
    });
    expect((await register('${}')).status).toBe(400);
    expect((await register('${ workflow.input.n }')).status).toBe(400);
  });
});

const DOCUMENT = {
  limit: 2,
  name: 'x',
  list: [
    { x: 1, y: 'a', z: { k: 1 } },
    { x: 2, y: 'b', z: { k: 2 } },
    { x: 3, y: 'a', t: true },
    { x: null, y: 'c' },
    { y: 'd', tags: ['p', 'q'] },
  ],
  nums: [1, 2, 3, 4, 5],
  bools: [true, false, null],
  map: { a: { v: 1 }, c: 5 },
  deep: { l: [{ items: [{ p: 1 }, { p: 5 }] }, { items: [{ p: 9 }] }] },
};

describe('JsonPath', () => {
  const table: readonly (readonly [path: string, value: unknown])[] = [
    [
      'list[?(@.x > 1)]',
      [
        { x: 2, y: 'b', z: { k: 2 } },
        { x: 3, y: 'a', t: true },
      ],
    ],
    ["list[?(@.x >= 2 && @.y == 'a')].x", [3]],
    ['list[?(@.x == 1 || @.y == "b")].x', [1, 2]],
    ["list[?(@.x > 1 || @.y == 'd' && @.x == 5)].y", ['b', 'a']],
    ["list[?(@.x > 1 && (@.y == 'a' || @.y == 'b'))].x", [2, 3]],
    ["list[?(!(@.y == 'a'))].y", ['b', 'c', 'd']],
    ['list[?(!@.z)].y', ['a', 'c', 'd']],
    ['list[?(@.x)].y', ['a', 'b', 'a', 'c']],
    ['list[?(@.z.k == 2)].y', ['b']],
    ['list[?(@.x == null)].y', ['c', 'd']],
    ['list[?(@.x != null)].y', ['a', 'b', 'a']],
    ['list[?(@.none != 1)].y', ['a', 'b', 'a', 'c', 'd']],
    ['list[?(@.none < 1)].y', []],
    ['list[?(@.x == @.z.k)].y', ['a', 'b', 'c', 'd']],
    ["list[?(@.y in ['a', 'c'])].y", ['a', 'a', 'c']],
    ["list[?(@.y nin ['a', 'c'])].y", ['b', 'd']],
    ['list[?(@.x in $.workflow.input.nums)].y', ['a', 'b', 'a']],
    ['list[?(@.x > $.workflow.input.limit)].x', [3]],
    ["list[?(@.x == '1')].y", ['a']],
    ["list[?('1' == @.x)].y", ['a']],
    ["list[?(@.x === '1')].y", []],
    ["list[?(@.x > '1')].y", []],
    ["list[?(@.y < 'b')].y", ['a', 'a']],
    ['list[?(@.t == true)].y', ['a']],
    ["list[?(@['y'] == 'a')].x", [1, 3]],
    ["list[?(@.tags[0] == 'p')].y", ['d']],
    ["list[?(@.tags[?(@ == 'none')])].y", ['d']],
    ['list[?(@.tags.length() == 2)].y', ['d']],
    ['list[?(@.tags size 2)].y', ['d']],
    ['list[?(@.tags empty false)].y', ['d']],
    ["list[?(@.tags contains 'p')].y", ['d']],
    ["list[?(@.tags anyof ['p'])].y", ['d']],
    ["list[?(@.tags noneof ['z'])].y", ['d']],
    ["list[?(@.tags subsetof ['p', 'q', 'r'])].y", ['d']],
    [
      "list[?(@.y == 'a')]['x','y']",
      [
        { x: 1, y: 'a' },
        { x: 3, y: 'a' },
      ],
    ],
    ['list[?(@.x > 1)][0]', []],
    ['list[?(@.x > 1)].length()', [3, 3]],
    ['list[?(@.x > 100)]', []],
    ['list[?(1 == 1)].y', ['a', 'b', 'a', 'c', 'd']],
    ['nums[?(@ > 2)]', [3, 4, 5]],
    ['nums[?(2 < @)]', [3, 4, 5]],
    ["nums[?(@ in [1.0, '2'])]", [1, 2]],
    ['bools[?(@)]', [true, false, null]],
    ['bools[?(@ == null)]', [null]],
    ['map[?(@.a)].c', [5]],
    ['map[?(@.v)]', []],
    ['name[?(@.x)]', null],
    ['list[*].y[?(@.x)]', []],
    ['list[*].z[?(@.k == 2)].k', [2]],
    ['deep..[?(@.p > 4)].p', [5, 9]],
    ['deep.l[*].items[?(@.p > 4)].p', [5, 9]],
    ['list[*].length()', [3, 3, 3, 2, 2]],
    ['list[*].x.sum()', null],
    ['nums[*].sum()', null],
    ['nums.stddev()', Math.SQRT2],
    ['nums[1:-1]', []],
    ['nums[-3:2]', [3, 4, 5, 1, 2]],
    ['nums[-2:]', [4, 5]],
    ['nums[:-2]', [1, 2, 3]],
  ];
  let values: Promise<Record<string, unknown>> | undefined;

  // One workflow for all of them: each is a parameter of its output.
  async function evaluate(): Promise<Record<string, unknown>> {
    const outputParameters = Object.fromEntries(table.map(([path]) => [path, `\${workflow.input.${path}}`]));
    const workflow = await server.defineWorkflow(
      [{ name: 'noop', taskReferenceName: 'noop', type: 'NOOP' }],
      { outputParameters },
    );
    const workflowId = await server.start(workflow, { input: DOCUMENT });
    return (await server.waitForStatus(workflowId, 'COMPLETED')).output;
  }

  it.each(table)('%s', async (path, value) => {
    values ??= evaluate();
    expect((await values)[path]).toEqual(value);
  });
});

describe('input and output', () => {
  it('are filled from templates where there is nothing', async () => {
    const type = await server.defineTask({ inputTemplate: { given: 'no', absent: 'task', empty: 'task' } });
    const workflow = await server.defineWorkflow(
      [
        {
          name: type,
          taskReferenceName: 'a',
          inputParameters: { given: '${workflow.input.given}', empty: '${workflow.input.none}' },
        },
      ],
      { inputTemplate: { given: 'no', other: 'workflow' } },
    );
    const workflowId = await server.start(workflow, { input: { given: 'yes' } });
    expect(await server.workflow(workflowId)).toMatchObject({ input: { given: 'yes', other: 'workflow' } });
    expect((await server.take(type)).inputData).toEqual({ given: 'yes', absent: 'task', empty: 'task' });
    const empty = await server.start(workflow, { input: {} });
    expect((await server.workflow(empty)).input).toEqual({});
  });

  it('of the workflow come from outputParameters', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type], {
      outputParameters: { result: '${t0.output.r}', asked: '${workflow.input.n}', none: '${t0.output.z}' },
    });
    const workflowId = await server.start(workflow, { input: { n: 3 } });
    await server.report(await server.take(type), 'COMPLETED', { outputData: { r: 'fine' } });
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(done.output).toEqual({ result: 'fine', asked: 3, none: null });
    const status = await server.request('GET', `/workflow/${workflowId}/status?includeOutput=true`);
    expect(status.body).toEqual({ workflowId, status: 'COMPLETED', output: done.output });
  });
});

describe('starting', () => {
  it('by name takes the body as input', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const answer = await server.request('POST', `/workflow/${workflow}?correlationId=c1&priority=7`, {
      x: 1,
    });
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await server.workflow(answer.text)).toMatchObject({
      workflowName: workflow,
      workflowVersion: 1,
      status: 'RUNNING',
      input: { x: 1 },
      correlationId: 'c1',
      priority: 7,
      workflowDefinition: { tasks: [{ taskDefinition: { name: type } }] },
    });
  });

  it('takes the latest version unless told otherwise, or a definition of its own', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    const tasks = [{ name: type, taskReferenceName: 'a' }];
    await server.expectOk('PUT', '/metadata/workflow', [{ name: workflow, version: 2, tasks }]);
    expect((await server.workflow(await server.start(workflow))).workflowVersion).toBe(2);
    expect((await server.workflow(await server.start(workflow, { version: 1 }))).workflowVersion).toBe(1);
    const inline = await server.start('anything', { workflowDef: { name: server.name('inline'), tasks } });
    expect((await server.workflow(inline)).tasks).toMatchObject([
      { referenceTaskName: 'a', status: 'SCHEDULED' },
    ]);
  });

  it('can leave the tasks out of the answer, or page through them', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    const without = await server.request('GET', `/workflow/${workflowId}?includeTasks=false`);
    expect(without.body).toMatchObject({ tasks: [] });
    const page = await server.request('GET', `/workflow/${workflowId}/tasks?count=1`);
    expect(page.body).toMatchObject({ totalHits: 1, results: [{ taskType: type }] });
  });
});

describe('steering', () => {
  it('terminates: open tasks are cancelled and leave the queue', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    await server.expectOk('DELETE', `/workflow/${workflowId}`);
    expect(await server.workflow(workflowId)).toMatchObject({
      status: 'TERMINATED',
      tasks: [{ status: 'CANCELED' }],
    });
    expect((await server.poll(type, 'count=1&timeout=200')).body).toEqual([]);
    expect((await server.request('DELETE', `/workflow/${workflowId}`)).status).toBe(200);
  });

  it('does not terminate what is complete', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([type]);
    await server.report(await server.take(type), 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
    const answer = await server.request('DELETE', `/workflow/${workflowId}`);
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ message: 'Cannot terminate a COMPLETED workflow.' });
  });

  it('pauses: results are taken, nothing new is scheduled until it is resumed', async () => {
    const [first, second] = [await server.defineTask(), await server.defineTask()];
    const workflowId = await server.run([first, second]);
    const task = await server.take(first);
    await server.expectOk('PUT', `/workflow/${workflowId}/pause`);
    await server.report(task, 'COMPLETED');
    expect(await server.workflow(workflowId)).toMatchObject({
      status: 'PAUSED',
      tasks: [{ status: 'COMPLETED' }],
    });
    await server.expectOk('PUT', `/workflow/${workflowId}/resume`);
    await server.take(second);
    expect((await server.request('PUT', `/workflow/${workflowId}/resume`)).status).toBe(500);
  });

  it('retries what has failed', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const workflowId = await server.run([type]);
    expect((await server.request('POST', `/workflow/${workflowId}/retry`)).status).toBe(404);
    const failed = await server.take(type);
    await server.report(failed, 'FAILED', { reasonForIncompletion: 'once' });
    await server.waitForStatus(workflowId, 'FAILED');
    expect((await server.request('POST', `/workflow/${workflowId}/retry`)).status).toBe(204);
    const fresh = await server.take(type);
    expect(fresh).toMatchObject({ retryCount: 1, retriedTaskId: failed.taskId });
    expect(fresh.reasonForIncompletion).toBeUndefined();
    await server.report(fresh, 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
    expect((await server.request('POST', `/workflow/${workflowId}/retry`)).status).toBe(409);
  });
});

describe('task search', () => {
  it('finds what a worker has, but not by its id', async () => {
    const type = await server.defineTask();
    const workflow = await server.defineWorkflow([type]);
    await server.start(workflow);
    await server.start(workflow);
    const mine = await server.take(type, 'count=1&timeout=1000', 'worker-7');
    const find = async (query: string): Promise<SearchResult<Task>> =>
      (
        await server.expectOk<SearchResult<Task>>(
          'GET',
          `/tasks/search-v2?query=${encodeURIComponent(query)}`,
        )
      ).body;

    // The index learns of a task at its first change: the one that still waits is not in it.
    const found = await server.waitFor(async () => {
      const result = await find(`taskType='${type}' AND status='IN_PROGRESS'`);
      return result.totalHits > 0 && result;
    }, 'the index');
    expect(found).toMatchObject({ totalHits: 1, results: [{ taskId: mine.taskId, workerId: 'worker-7' }] });
    expect((await find(`taskType='${type}'`)).totalHits).toBe(1);
    expect((await find(`taskType IN (${type},other)`)).totalHits).toBe(1);
    expect((await find(`taskType='${type}' AND status='COMPLETED'`)).totalHits).toBe(0);
    expect((await find(`taskType='${type}' AND workerId='nobody'`)).totalHits).toBe(1);

    const summaries = await server.expectOk(
      'GET',
      `/tasks/search?query=${encodeURIComponent(`taskType='${type}'`)}`,
    );
    expect(summaries.body).toMatchObject({
      totalHits: 1,
      results: [
        { taskId: mine.taskId, startTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), output: '{}' },
      ],
    });
    const malformed = await server.request('GET', '/tasks/search?query=bad');
    expect(malformed.status).toBe(400);
    expect(malformed.body).toMatchObject({ message: 'Incorrectly formatted query string: bad' });
  });
});

describe('definitions', () => {
  it('of tasks are registered, replaced, updated, read, deleted', async () => {
    const name = await server.defineTask({ retryCount: 1, description: 'first' });
    const read = async () => (await server.expectOk<TaskDef>('GET', `/metadata/taskdefs/${name}`)).body;
    expect(await read()).toMatchObject({
      name,
      retryCount: 1,
      retryLogic: 'FIXED',
      retryDelaySeconds: 60,
      timeoutSeconds: 0,
      timeoutPolicy: 'TIME_OUT_WF',
      responseTimeoutSeconds: 3600,
      backoffScaleFactor: 1,
      inputTemplate: {},
      rateLimitFrequencyInSeconds: 1,
    });
    await server.expectOk('POST', '/metadata/taskdefs', [{ name, retryCount: 2 }]);
    expect((await read()).retryCount).toBe(2);
    await server.expectOk('PUT', '/metadata/taskdefs', { name, retryCount: 4 });
    expect((await read()).retryCount).toBe(4);
    expect((await read()).description).toBeUndefined();
    const list = (await server.expectOk<TaskDef[]>('GET', '/metadata/taskdefs')).body;
    expect(list.filter((def) => def.name === name)).toHaveLength(1);
    await server.expectOk('DELETE', `/metadata/taskdefs/${name}`);
    expect((await server.request('GET', `/metadata/taskdefs/${name}`)).status).toBe(404);
    expect((await server.request('PUT', '/metadata/taskdefs', { name })).status).toBe(404);
    expect((await server.request('DELETE', `/metadata/taskdefs/${name}`)).status).toBe(500);
  });

  it.each<[Partial<TaskDef>, string]>([
    [{ retryCount: -1 }, 'TaskDef retryCount: 0 must be >= 0'],
    [{ timeoutSeconds: 60 }, 'responseTimeoutSeconds: 3600 must be less than timeoutSeconds: 60'],
    [{ backoffScaleFactor: 0 }, 'Backoff scale factor. Applicable for LINEAR_BACKOFF'],
    [
      { timeoutSeconds: 60, responseTimeoutSeconds: 10, totalTimeoutSeconds: 20 },
      'timeoutSeconds: 60 must be less than or equal to totalTimeoutSeconds: 20',
    ],
  ])('of tasks with %j are refused', async (fields, message) => {
    const answer = await server.request('POST', '/metadata/taskdefs', [
      { name: server.name('task'), ...fields },
    ]);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ validationErrors: [{ message: expect.stringContaining(message) }] });
  });

  it('of workflows are registered once, replaced when asked, updated, read, deleted', async () => {
    const name = await server.defineWorkflow(['x']);
    const def = { name, tasks: [{ name: 'y', taskReferenceName: 'b' }] };
    const again = await server.request('POST', '/metadata/workflow', def);
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({ message: `Workflow with ${name}.1 already exists!` });
    await server.expectOk('POST', '/metadata/workflow?overwrite=True', def);
    const read = async (query = '') =>
      (await server.expectOk<WorkflowDef>('GET', `/metadata/workflow/${name}${query}`)).body;
    expect(await read()).toMatchObject({
      version: 1,
      schemaVersion: 2,
      tasks: [{ name: 'y', type: 'SIMPLE' }],
    });
    const updated = await server.expectOk('PUT', '/metadata/workflow', [{ ...def, version: 2 }]);
    expect(updated.body).toMatchObject({ bulkErrorResults: {}, bulkSuccessfulResults: [name] });
    expect((await read()).version).toBe(2);
    expect((await read('?version=1')).version).toBe(1);
    await server.expectOk('DELETE', `/metadata/workflow/${name}/2`);
    expect((await read()).version).toBe(1);
    expect((await server.request('GET', `/metadata/workflow/${name}?version=2`)).status).toBe(404);
    expect((await server.request('DELETE', `/metadata/workflow/${name}/2`)).status).toBe(500);
  });

  it.each([
    [{ tasks: [] }, 'WorkflowTask list cannot be empty'],
    [{ schemaVersion: 1 }, 'workflowDef schemaVersion: 2 is only supported'],
    [{ tasks: [{ name: 'x' }] }, 'WorkflowTask taskReferenceName name cannot be empty or null'],
    [
      {
        tasks: [
          { name: 'x', taskReferenceName: 'a' },
          { name: 'y', taskReferenceName: 'a' },
        ],
      },
      'taskReferenceName: a should be unique across tasks',
    ],
  ])('of workflows with %j are refused', async (fields, message) => {
    const answer = await server.request('POST', '/metadata/workflow', {
      name: server.name('workflow'),
      tasks: [{ name: 'x', taskReferenceName: 'a' }],
      ...fields,
    });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ validationErrors: [{ message: expect.stringContaining(message) }] });
  });

  it('with a task type that no server knows are for workers, under that type', async () => {
    const type = server.name('MY_TYPE');
    await server.run([{ name: server.name('task'), taskReferenceName: 'a', type }]);
    expect((await server.take(type)).responseTimeoutSeconds).toBe(0);
  });
});
