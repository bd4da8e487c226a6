import { describe, expect, it } from 'vitest';
import type { JsonObject, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

function inline(ref: string, expression: string, fields: JsonObject = {}): WorkflowTask {
  const inputParameters = { evaluatorType: 'javascript', expression };
  return { name: ref, taskReferenceName: ref, type: 'INLINE', inputParameters, ...fields };
}

/** What open-source Conductor accepts, and does nothing with. */
describe('fields without an effect', () => {
  const SCHEMA = { name: 'numbers', version: 1, type: 'JSON', data: { required: ['n'] } };
  const FIELDS = {
    cacheConfig: { key: '${workflow.input.n}', ttlInSecond: 60 },
    enforceSchema: true,
    inputSchema: SCHEMA,
    outputSchema: SCHEMA,
    rateLimitConfig: { rateLimitKey: 'k', concurrentExecLimit: 1 },
    maskedFields: ['secret'],
    metadata: { team: 'a' },
  };

  it('of a workflow are kept, and its input is not checked, cached or held back', async () => {
    const name = await server.defineWorkflow(
      [{ name: 'w', taskReferenceName: 'w', type: 'WAIT', inputParameters: {} }],
      FIELDS,
    );
    expect((await server.expectOk('GET', `/metadata/workflow/${name}`)).body).toMatchObject(FIELDS);
    const ids = [await server.start(name, { input: {} }), await server.start(name, { input: {} })];
    expect(ids[0]).not.toBe(ids[1]);
    for (const id of ids) {
      const workflow = await server.waitFor(async () => {
        const one = await server.workflow(id);
        return one.tasks.some(({ status }) => status === 'IN_PROGRESS') && one;
      }, 'the workflow to wait');
      expect(workflow.workflowDefinition).toMatchObject(FIELDS);
      await server.expectOk('DELETE', `/workflow/${id}`);
    }
  });

  it('of a task are kept, and its input and output are not checked or cached', async () => {
    const fields = { enforceSchema: true, inputSchema: SCHEMA, outputSchema: SCHEMA };
    const type = server.name('task');
    await server.expectOk('POST', '/metadata/taskdefs', [{ name: type, ...fields }]);
    expect((await server.expectOk('GET', `/metadata/taskdefs/${type}`)).body).toMatchObject(fields);
    const cached = { cacheConfig: { key: 'same', ttlInSecond: 60 } };
    const name = await server.defineWorkflow([{ name: type, taskReferenceName: 't', ...cached }]);
    for (let run = 1; run <= 2; run++) {
      const id = await server.start(name);
      const taken = await server.take(type);
      expect(taken.workflowTask).toMatchObject(cached);
      await server.report(taken, 'COMPLETED', { outputData: { run } });
      expect((await server.waitForStatus(id, 'COMPLETED')).output).toEqual({ run });
    }
  });

  it.each(['FAIL', 'RETURN_EXISTING', 'FAIL_ON_RUNNING'])(
    'of a start: an idempotency key starts a workflow each time, whatever the strategy (%s)',
    async (idempotencyStrategy) => {
      const name = await server.defineWorkflow([{ name: 'w', taskReferenceName: 'w', type: 'WAIT' }]);
      const idempotencyKey = server.name('key');
      const ids = [
        await server.start(name, { idempotencyKey, idempotencyStrategy }),
        await server.start(name, { idempotencyKey, idempotencyStrategy }),
      ];
      expect(ids[0]).not.toBe(ids[1]);
      for (const id of ids) {
        const workflow = await server.workflow(id);
        expect(workflow.status).toBe('RUNNING');
        expect(workflow).not.toHaveProperty('idempotencyKey');
        await server.expectOk('DELETE', `/workflow/${id}`);
      }
    },
  );
});

describe('JOIN', () => {
  it.each(['SYNC', 'ASYNC'])('joins in the mode %s', async (joinMode) => {
    const id = await server.run([
      {
        name: 'f',
        taskReferenceName: 'f',
        type: 'FORK_JOIN',
        forkTasks: [[inline('a', '1')], [inline('b', '2')]],
      },
      { name: 'j', taskReferenceName: 'j', type: 'JOIN', joinOn: ['a', 'b'], joinMode },
      inline('after', '3'),
    ]);
    const done: Workflow = await server.waitForStatus(id, 'COMPLETED');
    const join = done.tasks.find(({ taskType }) => taskType === 'JOIN');
    expect(join).toMatchObject({ status: 'COMPLETED', outputData: { a: { result: 1 }, b: { result: 2 } } });
    expect(join?.workflowTask).toMatchObject({ joinMode });
  });
});

describe('FORK_JOIN_DYNAMIC', () => {
  it('takes its deprecated form: one list with tasks and inputs', async () => {
    const type = await server.defineTask();
    const id = await server.run(
      [
        {
          name: 'f',
          taskReferenceName: 'f',
          type: 'FORK_JOIN_DYNAMIC',
          dynamicForkJoinTasksParam: 'branches',
          inputParameters: { branches: '${workflow.input.branches}' },
        },
        { name: 'j', taskReferenceName: 'j', type: 'JOIN' },
      ],
      {
        input: {
          branches: {
            dynamicTasks: ['x', 'y'].map((referenceName) => ({
              taskName: type,
              referenceName,
              type: 'SIMPLE',
              input: { from: referenceName },
            })),
          },
        },
      },
    );
    for (let branch = 0; branch < 2; branch++) {
      const taken = await server.take(type);
      expect(taken.inputData).toMatchObject({ from: taken.referenceTaskName });
      await server.report(taken, 'COMPLETED', { outputData: { by: taken.referenceTaskName } });
    }
    const done = await server.waitForStatus(id, 'COMPLETED');
    expect(done.output).toEqual({ x: { by: 'x' }, y: { by: 'y' } });
  });
});

describe('external storage', () => {
  it.each([
    ['/tasks/externalstoragelocation', 'TASK_OUTPUT'],
    ['/tasks/external-storage-location', 'TASK_INPUT'],
    ['/workflow/externalstoragelocation', 'WORKFLOW_INPUT'],
    ['/workflow/external-storage-location', 'WORKFLOW_OUTPUT'],
  ])('GET %s gives a path for %s, and no address', async (path, payloadType) => {
    const query = `path=p&operation=write&payloadType=${payloadType}`;
    const { body } = await server.expectOk<{ path: string }>('GET', `${path}?${query}`);
    expect(Object.keys(body)).toEqual(['path']);
    expect(body.path).toMatch(/^p[\da-f-]{36}\.json$/);
    const wrong = await server.request('GET', `${path}?path=p&operation=burn&payloadType=${payloadType}`);
    expect(wrong.status).toBe(400);
    expect(wrong.body).toMatchObject({
      message: `Invalid input - Operation: burn, PayloadType: ${payloadType}`,
    });
  });
});

describe('what only Orkes has', () => {
  it.each([
    ['POST', '/workflow/ID/upgrade'],
    ['POST', '/workflow/ID/state'],
    ['PATCH', '/workflow/ID/variables'],
    ['POST', '/workflow/ID/jump/t'],
    ['GET', '/schema'],
  ])('is not found: %s %s', async (method, path) => {
    const id = await server.run([inline('i', '1')]);
    expect(
      (await server.request(method, path.replace('ID', id), {}, method === 'GET' ? { body: null } : {}))
        .status,
    ).toBe(404);
  });
});
