import { describe, expect, it } from 'vitest';
import type { JsonObject, WorkflowDef, WorkflowTask } from '../../src/conductor/wire/types.js';
import { conformanceServer, type Answer } from '../support/conformance-server.js';

const server = conformanceServer();

const simple = (ref: string, fields: JsonObject = {}): WorkflowTask => ({
  name: 'x',
  taskReferenceName: ref,
  ...fields,
});
const typed = (type: string, fields: JsonObject = {}): WorkflowTask => ({
  name: 'n',
  taskReferenceName: 'r',
  type,
  ...fields,
});

interface Refusal {
  readonly status: number;
  readonly validationErrors: readonly { readonly path: string; readonly message: string }[];
}

function validate(fields: JsonObject): Promise<Answer<Refusal>> {
  return server.request('POST', '/metadata/workflow/validate', {
    name: server.name('workflow'),
    schemaVersion: 2,
    ...fields,
  });
}

/** All messages, each with its place below the definition. */
async function problemsOf(fields: JsonObject): Promise<string[]> {
  const { status, body } = await validate(fields);
  expect(status).toBe(400);
  return body.validationErrors
    .map(({ path, message }) => `${path.replace(/^validateWorkflowDef\.arg0\.?/, '')}: ${message}`)
    .sort();
}

const required = (field: string, type: string): string =>
  `${field} field is required for taskType: ${type} taskName: n`;
const atLeastOne = (field: string, type: string): string =>
  `${field} should have atleast one task for taskType: ${type} taskName: n`;

describe('a task of type', () => {
  it.each<[type: string, fields: JsonObject, ...messages: string[]]>([
    ['EVENT', {}, required('sink', 'EVENT')],
    [
      'DECISION',
      {},
      required('caseValueParam or caseExpression', 'DECISION'),
      atLeastOne('decisionCases', 'DECISION'),
    ],
    ['DECISION', { caseValueParam: 'x' }, atLeastOne('decisionCases', 'DECISION')],
    ['SWITCH', {}, atLeastOne('decisionCases', 'SWITCH'), required('evaluatorType', 'SWITCH')],
    [
      'SWITCH',
      { evaluatorType: 'value-param' },
      atLeastOne('decisionCases', 'SWITCH'),
      required('expression', 'SWITCH'),
    ],
    ['DYNAMIC', {}, required('dynamicTaskNameParam', 'DYNAMIC')],
    [
      'FORK_JOIN_DYNAMIC',
      {},
      required('dynamicForkTasksInputParamName', 'FORK_JOIN_DYNAMIC'),
      required('dynamicForkTasksParam', 'FORK_JOIN_DYNAMIC'),
    ],
    [
      'FORK_JOIN_DYNAMIC',
      { dynamicForkTasksParam: 'x' },
      required('dynamicForkTasksInputParamName', 'FORK_JOIN_DYNAMIC'),
    ],
    [
      'FORK_JOIN_DYNAMIC',
      { dynamicForkTasksParam: 'x', dynamicForkJoinTasksParam: 'y' },
      'dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and dynamicForkTasksParam cam be used for taskType: FORK_JOIN_DYNAMIC taskName: n',
    ],
    ['HTTP', {}, required('inputParameters.http_request or inputParameters.uri', 'HTTP')],
    ['FORK_JOIN', {}, atLeastOne('forkTasks', 'FORK_JOIN')],
    [
      'TERMINATE',
      { inputParameters: { terminationStatus: 'COMPLETED' }, optional: true },
      'terminate task cannot be optional, taskName: n',
    ],
    ...[undefined, 'NOPE', 'completed', '${workflow.input.s}'].map(
      (terminationStatus): [string, JsonObject, string] => [
        'TERMINATE',
        { inputParameters: { terminationStatus } },
        'terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, taskName: n',
      ],
    ),
    ['DO_WHILE', {}, required('loopCondition', 'DO_WHILE'), required('loopOver', 'DO_WHILE')],
    ['DO_WHILE', { items: 'x', loopOver: [simple('a')] }, required('loopCondition', 'DO_WHILE')],
    ['SUB_WORKFLOW', {}, required('subWorkflowParam', 'SUB_WORKFLOW')],
    ['JSON_JQ_TRANSFORM', {}, required('inputParameters.queryExpression', 'JSON_JQ_TRANSFORM')],
    [
      'WAIT',
      { inputParameters: { duration: '1s', until: '2022-01-01' } },
      "Both 'duration' and 'until' specified. Please provide only one input",
    ],
    ['WAIT', { inputParameters: { duration: 'x' } }, 'Either date or duration is passed as null '],
    ['WAIT', { inputParameters: { duration: 5 } }, 'Either date or duration is passed as null '],
    ['WAIT', { inputParameters: { until: 'yesterday' } }, 'Unable to parse date '],
  ])('%s with %j is refused', async (type, fields, ...messages) => {
    const problems = await problemsOf({ tasks: [typed(type, fields)] });
    expect(problems).toEqual(messages.map((message) => `tasks[0]: ${message}`));
  });

  it.each<[type: string, fields: JsonObject]>([
    ['FORK_JOIN_DYNAMIC', { inputParameters: { forkTaskInputs: [] } }],
    ['HTTP', { inputParameters: { uri: 'x' } }],
    ['FORK_JOIN', { forkTasks: [[simple('a')]] }],
    ['TERMINATE', { inputParameters: { terminationStatus: 'TERMINATED' } }],
    ['SUB_WORKFLOW', { subWorkflowParam: {} }],
    ['WAIT', { inputParameters: { duration: '${workflow.input.x}' } }],
    ['WAIT', { inputParameters: { duration: '' } }],
    ['INLINE', {}],
    ['LAMBDA', {}],
    ['JOIN', {}],
    ['START_WORKFLOW', {}],
    ['SET_VARIABLE', {}],
  ])('%s with %j is accepted', async (type, fields) => {
    const answer = await validate({ tasks: [typed(type, fields)] });
    expect([answer.status, answer.text]).toEqual([200, '']);
  });

  it.each([
    ['SWITCH', { evaluatorType: 'javascript', expression: '((' }],
    ['DECISION', { caseExpression: 'a b c' }],
  ])('%s needs a script that is JavaScript', async (type, fields) => {
    const decisionCases = { a: [simple('b')] };
    const [problem] = await problemsOf({ tasks: [typed(type, { ...fields, decisionCases })] });
    expect(problem).toMatch(/^tasks\[0\]: Expression is not well formatted: SyntaxError/);
    expect(problem).toContain(`taskType: ${type} taskName n`);
  });
});

describe('a workflow definition', () => {
  it.each<[fields: JsonObject, ...problems: string[]]>([
    [{ name: null, tasks: [simple('a')] }, 'name: WorkflowDef name cannot be null or empty'],
    [{}, 'tasks: WorkflowTask list cannot be empty'],
    [
      { tasks: [simple('a')], schemaVersion: 1 },
      'schemaVersion: workflowDef schemaVersion: 2 is only supported',
    ],
    [
      { tasks: [{}] },
      'tasks[0].name: WorkflowTask name cannot be empty or null',
      'tasks[0].taskReferenceName: WorkflowTask taskReferenceName name cannot be empty or null',
    ],
    [{ tasks: [simple('a', { startDelay: -1 })] }, 'tasks[0].startDelay: must be greater than or equal to 0'],
    [
      {
        tasks: [
          typed('SWITCH', {
            evaluatorType: 'value-param',
            expression: 'e',
            decisionCases: { a: [{ name: '', taskReferenceName: 'q' }] },
          }),
        ],
      },
      'tasks[0].decisionCases[a].<map value>[0].name: WorkflowTask name cannot be empty or null',
    ],
  ])('with %j is refused', async (fields, ...problems) => {
    expect(await problemsOf(fields)).toEqual(problems);
  });

  const branch = (type: string, fields: JsonObject): WorkflowTask => typed(type, fields);
  it.each<[where: string, tasks: readonly WorkflowTask[]]>([
    ['in a list', [simple('a'), simple('a'), simple('a')]],
    ['in branches of a fork', [branch('FORK_JOIN', { forkTasks: [[simple('a')], [simple('a')]] })]],
    [
      'in cases of a switch',
      [
        branch('SWITCH', {
          evaluatorType: 'value-param',
          expression: 'e',
          decisionCases: { x: [simple('a')], y: [simple('b')] },
          defaultCase: [simple('a')],
        }),
      ],
    ],
    ['in a loop', [simple('a'), branch('DO_WHILE', { loopCondition: 'false', loopOver: [simple('a')] })]],
  ])('has each reference name once: %s', async (_, tasks) => {
    const [problem, ...more] = await problemsOf({ name: 'same', tasks });
    expect(more).toEqual([]);
    expect(problem).toBe(
      ': taskReferenceName: a should be unique across tasks for a given workflowDefinition: same',
    );
  });

  it.each<[value: unknown, unknown: string, shown: string]>([
    ['${zz.output.x}', 'zz', '${zz.output.x}'],
    [{ l: ['${zz.output.x}'] }, 'zz', '${zz.output.x}'],
    ['${workflow.input.${zz.x}}', 'zz', '${workflow.input.${zz.x}}'],
  ])('refers to tasks that it has: %j', async (value, unknown, shown) => {
    const [problem] = await problemsOf({ tasks: [simple('a', { inputParameters: { k: value } })] });
    expect(problem).toContain(`taskReferenceName: ${unknown} for given task: x input value: `);
    expect(problem).toContain(`of input parameter: ${shown} is not defined in workflow definition.`);
  });

  it.each([
    '${a.output.x}',
    '${b.output.x}',
    '$${zz.x}',
    '${CPEWF_TASK_ID}',
    '${workflow}',
    '${workflow.input.x',
    "${workflow.input.list[?(@.x > 1 && @.y == 'a')].z}",
  ])('may have %s as input', async (value) => {
    const tasks = [simple('a', { inputParameters: { k: value } }), simple('b')];
    expect((await validate({ tasks })).status).toBe(200);
  });

  it('is not looked into below its first level, nor at its output', async () => {
    const inputParameters = { k: '${zz.x}' };
    const tasks = [typed('FORK_JOIN', { forkTasks: [[simple('a', { inputParameters })]] })];
    expect((await validate({ tasks, outputParameters: { o: '${zz.y}' } })).status).toBe(200);
  });

  it.each([
    { tasks: [simple('a')], timeoutPolicy: 'NOPE' },
    { tasks: {} },
    { tasks: [null] },
    { tasks: [{ ...simple('a'), type: null }] },
  ])('that cannot be read is answered 500: %j', async (fields) => {
    expect((await validate(fields)).status).toBe(500);
  });

  it('is checked the same way when it is registered or updated', async () => {
    const bad = { name: server.name('workflow'), tasks: [typed('EVENT')] };
    const posted = await server.request<Refusal>('POST', '/metadata/workflow', bad);
    expect(posted.body.validationErrors).toEqual([
      { path: 'registerWorkflowDef.arg0.tasks[0]', message: required('sink', 'EVENT') },
    ]);
    const put = await server.request<Refusal>('PUT', '/metadata/workflow', [
      { ...bad, tasks: [simple('a')] },
      bad,
    ]);
    expect(put.body.validationErrors.map(({ path }) => path)).toEqual(['updateWorkflowDef.arg0[1].tasks[0]']);
    expect((await server.request('GET', `/metadata/workflow/${bad.name}`)).status).toBe(404);
    const none = await server.request<Refusal>('PUT', '/metadata/workflow', []);
    expect(none.body.validationErrors).toEqual([
      { path: 'updateWorkflowDef.arg0', message: 'WorkflowDefList is empty' },
    ]);
  });

  it('has versions, each on its own', async () => {
    const name = server.name('workflow');
    const tasks = [simple('a')];
    for (const version of [2, 1, 10]) {
      await server.expectOk('POST', '/metadata/workflow', { name, version, tasks });
    }
    const get = async <T>(path: string): Promise<T> =>
      (await server.expectOk<T>('GET', `/metadata/workflow${path}`)).body;
    const versions = (list: readonly WorkflowDef[] | undefined): unknown[] | undefined =>
      list?.filter((def) => def.name === name).map((def) => def.version);
    expect(versions(await get(`/${name}/versions`))).toEqual([1, 2, 10]);
    expect(versions((await get<Record<string, WorkflowDef[]>>('/names-and-versions'))[name])).toEqual([
      1, 2, 10,
    ]);
    expect(versions(await get('/latest-versions'))).toEqual([10]);
    expect((await get<string[]>('/names')).filter((one) => one === name)).toEqual([name]);
    expect(versions(await get(''))?.sort()).toEqual([1, 10, 2]);
    expect(await get(`/${name}`)).toMatchObject({ version: 10 });
    expect(await get(`/${name}?version=1`)).toMatchObject({ version: 1 });
    expect(await get('/nope/versions')).toEqual([]);
    const missing = await server.request('GET', `/metadata/workflow/${name}?version=5`);
    expect([missing.status, missing.body]).toMatchObject([
      404,
      { message: `No such workflow found by name: ${name}, version: 5` },
    ]);
    await server.expectOk('DELETE', `/metadata/workflow/${name}/10`);
    expect(await get(`/${name}`)).toMatchObject({ version: 2 });
  });
});

describe('a task definition', () => {
  it.each<[fields: JsonObject, ...problems: string[]]>([
    [{ name: null }, 'name: TaskDef name cannot be null or empty'],
    [
      { responseTimeoutSeconds: 0 },
      'responseTimeoutSeconds: TaskDef responseTimeoutSeconds: 0 should be minimum 1 second',
    ],
    [{ pollTimeoutSeconds: -1 }, 'pollTimeoutSeconds: TaskDef pollTimeoutSeconds: 0 must be >= 0'],
    [{ totalTimeoutSeconds: -1 }, 'totalTimeoutSeconds: TaskDef totalTimeoutSeconds: 0 must be >= 0'],
    [{ maxRetryDelaySeconds: -1 }, 'maxRetryDelaySeconds: TaskDef maxRetryDelaySeconds: 0 must be >= 0'],
    [{ backoffJitterMs: -1 }, 'backoffJitterMs: TaskDef backoffJitterMs: 0 must be >= 0'],
    [
      { retryCount: -1, responseTimeoutSeconds: -1 },
      'responseTimeoutSeconds: TaskDef responseTimeoutSeconds: -1 should be minimum 1 second',
      'retryCount: TaskDef retryCount: 0 must be >= 0',
    ],
  ])('with %j is refused', async (fields, ...problems) => {
    const body = [{ name: server.name('task'), ...fields }];
    const answer = await server.request<Refusal>('POST', '/metadata/taskdefs', body);
    expect(answer.status).toBe(400);
    expect(
      answer.body.validationErrors
        .map(({ path, message }) => `${path.replace('registerTaskDef.arg0[0].', '')}: ${message}`)
        .sort(),
    ).toEqual(problems);
  });

  it.each([
    { retryDelaySeconds: -1 },
    { timeoutSeconds: -1 },
    { concurrentExecLimit: -1 },
    { timeoutSeconds: 10, responseTimeoutSeconds: 10 },
    { retryCount: null },
  ])('with %j is accepted', async (fields) => {
    const body = [{ name: server.name('task'), ...fields }];
    expect((await server.request('POST', '/metadata/taskdefs', body)).status).toBe(200);
  });

  it.each([{ retryLogic: 'NOPE' }, { timeoutPolicy: 'NOPE' }])(
    'that cannot be read is answered 500: %j',
    async (fields) => {
      const body = [{ name: server.name('task'), ...fields }];
      expect((await server.request('POST', '/metadata/taskdefs', body)).status).toBe(500);
    },
  );
});

describe('event handlers', () => {
  it('are added once, updated, listed, deleted', async () => {
    const name = server.name('handler');
    const event = `conductor:${name}`;
    const handler = {
      name,
      event,
      active: true,
      actions: [{ action: 'start_workflow', start_workflow: { name: 'x' } }],
    };
    const call = (method: string, body?: unknown, path = ''): Promise<Answer<JsonObject[]>> =>
      server.request(method, `/event${path}`, body);
    expect((await call('POST', handler)).status).toBe(200);
    const again = await call('POST', handler);
    expect([again.status, again.body]).toMatchObject([
      500,
      { message: `EventHandler with name ${name} already exists!` },
    ]);
    expect((await call('GET', undefined, `/${event}`)).body).toEqual([
      {
        ...handler,
        actions: [
          { action: 'start_workflow', start_workflow: { name: 'x', input: {} }, expandInlineJSON: false },
        ],
      },
    ]);
    expect((await call('PUT', { ...handler, active: false })).status).toBe(200);
    expect((await call('GET', undefined, `/${event}`)).body).toEqual([]);
    expect((await call('GET', undefined, `/${event}?activeOnly=false`)).body).toHaveLength(1);
    expect((await call('GET')).body.filter((one) => one['name'] === name)).toHaveLength(1);
    expect((await call('DELETE', undefined, `/${name}`)).status).toBe(200);
    for (const missing of [await call('DELETE', undefined, `/${name}`), await call('PUT', handler)]) {
      expect([missing.status, missing.body]).toMatchObject([
        500,
        { message: `EventHandler with name ${name} not found!` },
      ]);
    }
  });

  it('that lack something are refused', async () => {
    const answer = await server.request<Refusal>('POST', '/event', {});
    expect(answer.status).toBe(400);
    expect(answer.body.validationErrors.map(({ path, message }) => `${path}: ${message}`).sort()).toEqual([
      'addEventHandler.arg0.actions: No actions specified. Please specify at-least one action',
      'addEventHandler.arg0.event: Missing event location',
      'addEventHandler.arg0.name: Missing event handler name',
    ]);
    const bad = { name: server.name('handler'), event: 'conductor:x', actions: [{ action: 'nope' }] };
    expect((await server.request('POST', '/event', bad)).status).toBe(500);
  });
});
