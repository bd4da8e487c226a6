import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, Task, TaskDef, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

function task(ref: string, type: string, fields: JsonObject = {}): WorkflowTask {
  return { name: ref, taskReferenceName: ref, type, ...fields };
}

const worker = (name: string, taskReferenceName: string, fields: JsonObject = {}): WorkflowTask => ({
  name,
  taskReferenceName,
  ...fields,
});

function inline(ref: string, expression: string, inputParameters: JsonObject = {}): WorkflowTask {
  return task(ref, 'INLINE', {
    inputParameters: { evaluatorType: 'javascript', expression, ...inputParameters },
  });
}

function loop(ref: string, times: number, loopOver: readonly WorkflowTask[], inputs: JsonObject = {}) {
  const loopCondition = `if ($.${ref}["iteration"] < ${times}) { true; } else { false; }`;
  const inputParameters = { [ref]: `\${${ref}}`, ...inputs };
  return task(ref, 'DO_WHILE', { loopCondition, inputParameters, loopOver });
}

const states = (workflow: Workflow): string[] =>
  workflow.tasks.map((one) => `${one.referenceTaskName} ${one.status}`);

async function end(type: string, status = 'COMPLETED', fields: JsonObject = {}): Promise<Task> {
  const taken = await server.take(type);
  await server.report(taken, status, { reasonForIncompletion: 'why', ...fields });
  return taken;
}

describe('retries wait', () => {
  it.each<[fields: Partial<TaskDef>, delays: readonly number[]]>([
    [{ retryLogic: 'FIXED', retryDelaySeconds: 7 }, [7, 7, 7]],
    [{ retryLogic: 'LINEAR_BACKOFF', retryDelaySeconds: 7, backoffScaleFactor: 2 }, [14, 28, 42]],
    [{ retryLogic: 'EXPONENTIAL_BACKOFF', retryDelaySeconds: 7, backoffScaleFactor: 5 }, [7, 14, 28]],
    [{ retryLogic: 'EXPONENTIAL_BACKOFF', retryDelaySeconds: 7, maxRetryDelaySeconds: 10 }, [7, 10, 10]],
  ])('%j', async (fields, delays) => {
    const type = await server.defineTask({ retryCount: 3, ...fields });
    const workflowId = await server.run([type]);
    const seen: unknown[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      await end(type, 'FAILED');
      const next = await server.waitFor(
        async () => (await server.workflow(workflowId)).tasks[attempt + 1],
        'the next attempt',
      );
      seen.push(next.callbackAfterSeconds);
      expect(next.startDelayInSeconds).toBe(next.callbackAfterSeconds);
      await server.expectOk('POST', `/workflow/${workflowId}/resetcallbacks`);
    }
    expect(seen).toEqual(delays);
    await server.expectOk('DELETE', `/workflow/${workflowId}`);
  });

  it('as often as the task of the workflow says, whatever its definition says', async () => {
    const type = await server.defineTask({ retryCount: 5, retryDelaySeconds: 0 });
    const workflowId = await server.run([worker(type, 'a', { retryCount: 1 })]);
    await end(type, 'FAILED');
    await end(type, 'FAILED');
    expect(states(await server.waitForStatus(workflowId, 'FAILED'))).toEqual(['a FAILED', 'a FAILED']);
  });
});

describe('branches that fail', () => {
  it('do not hold up others when they are permissive, and fail the workflow at its end', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const workflowId = await server.run([
      task('f', 'FORK_JOIN', {
        forkTasks: [[worker(type, 'a', { permissive: true })], [inline('b', '1')]],
      }),
      task('j', 'JOIN', { joinOn: ['a', 'b'] }),
    ]);
    await end(type, 'FAILED');
    const failed = await server.waitForStatus(workflowId, 'FAILED');
    expect(failed.tasks.find((one) => one.referenceTaskName === 'b')?.status).toBe('COMPLETED');
  });
});

describe('sub-workflows', () => {
  it('nest, with a definition inside of their task', async () => {
    const type = await server.defineTask();
    const workflowDefinition = {
      name: server.name('inline'),
      version: 1,
      schemaVersion: 2,
      tasks: [worker(type, 'a', { inputParameters: { v: '${workflow.input.v}' } })],
      outputParameters: { r: '${a.output.r}' },
    };
    const sub = (name: string, more: JsonObject = {}): WorkflowTask =>
      task('s', 'SUB_WORKFLOW', {
        inputParameters: { v: '${workflow.input.v}' },
        subWorkflowParam: { name, ...more },
      });
    const middle = await server.defineWorkflow([sub('inline', { workflowDefinition })]);
    const workflowId = await server.run([sub(middle)], { input: { v: 3 } });
    expect((await end(type, 'COMPLETED', { outputData: { r: 4 } })).inputData).toEqual({ v: 3 });
    expect((await server.waitForStatus(workflowId, 'COMPLETED')).output).toMatchObject({ r: 4 });
  });
});

describe('loops', () => {
  it('hold forks in forks', async () => {
    const inner = task('g', 'FORK_JOIN', { forkTasks: [[inline('a', '1')], [inline('b', '2')]] });
    const outer = task('f', 'FORK_JOIN', {
      forkTasks: [[inner, task('h', 'JOIN', { joinOn: ['a', 'b'] })], [inline('c', '3')]],
    });
    const workflowId = await server.run([loop('l', 2, [outer, task('j', 'JOIN', { joinOn: ['h', 'c'] })])]);
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    const joined = done.tasks.find((one) => one.referenceTaskName === 'j__2');
    expect(joined?.outputData).toEqual({
      h__2: { a__2: { result: 1 }, b__2: { result: 2 } },
      c__2: { result: 3 },
    });
  });

  it('keep as many iterations as they are told', async () => {
    const workflowId = await server.run([loop('l', 4, [inline('a', '1')], { keepLastN: 2 })]);
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(Object.keys(done.tasks[0]?.outputData ?? {}).sort()).toEqual(['3', '4', 'iteration']);
  });
});

describe('tasks of the server', () => {
  it.each<[what: string, task: WorkflowTask]>([
    ['a script that throws', inline('x', 'throw new Error("no")')],
    [
      'a switch whose script throws',
      task('x', 'SWITCH', {
        evaluatorType: 'javascript',
        expression: '$.none.deeper',
        decisionCases: { a: [inline('in_a', '1')] },
      }),
    ],
    [
      'variables that are too large',
      task('x', 'SET_VARIABLE', { inputParameters: { v: '${workflow.input.large}' } }),
    ],
  ])('fail with %s', async (_, one) => {
    const workflowId = await server.run([one], { input: { large: 'x'.repeat(300 * 1024) } });
    expect((await server.waitForStatus(workflowId, 'FAILED')).status).toBe('FAILED');
  });
});

describe('HTTP', () => {
  const target = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.statusCode = 200;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method: request.method, given: request.headers['x-given'], body }));
    });
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => target.close(resolve)));

  it('sends what its input says and has the answer as output', async () => {
    const http_request = {
      uri: `${url}/good`,
      method: 'POST',
      headers: { 'x-given': '${workflow.input.header}' },
      body: { a: 1 },
    };
    const workflowId = await server.run([task('h', 'HTTP', { inputParameters: { http_request } })], {
      input: { header: 'yes' },
    });
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(done.tasks[0]?.outputData).toMatchObject({
      response: { statusCode: 200, body: { method: 'POST', given: 'yes', body: '{"a":1}' } },
    });
  });
});
