import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { embeddedServer, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

/** While something goes wrong, other requests are answered within this time, on a busy machine as well. */
const SOON_MS = 1_500;

let server: RunningServer;
let client: ConformanceClient;

beforeAll(async () => {
  server = await embeddedServer().start(new RecordingLogger());
  client = new ConformanceClient(server.url);
});
afterAll(() => server.close());

function task(ref: string, type: string, fields: JsonObject = {}): WorkflowTask {
  return { name: ref, taskReferenceName: ref, type, ...fields };
}

function inline(expression: string): WorkflowTask {
  return task('i', 'INLINE', { inputParameters: { evaluatorType: 'javascript', expression } });
}

async function register(name: string, tasks: readonly WorkflowTask[], fields: JsonObject = {}) {
  return await client.request<{ message: string; validationErrors?: { message: string }[] }>(
    'POST',
    '/metadata/workflow',
    { name, schemaVersion: 2, tasks, ...fields },
  );
}

async function ended(workflowId: string, limitMs = 20_000): Promise<Workflow> {
  return await client.waitFor(
    async () => {
      const workflow = await client.workflow(workflowId);
      return workflow.status !== 'RUNNING' && workflow;
    },
    `workflow ${workflowId} to end`,
    limitMs,
  );
}

describe('sub-workflows that contain themselves', () => {
  it.each([
    ['a workflow that is its own sub-workflow', 1],
    ['a circle of three workflows', 3],
  ])('%s fails with the reason, and the server goes on', async (_title, count) => {
    const names = Array.from({ length: count }, () => client.name('circle'));
    for (const [index, name] of names.entries()) {
      const child = names[(index + 1) % count]!;
      const answer = await register(name, [
        task('sub', 'SUB_WORKFLOW', { subWorkflowParam: { name: child, version: 1 } }),
      ]);
      expect(answer.status).toBe(200);
    }
    const workflow = await ended(await client.start(names[0]!));
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toContain('sub-workflows within each other');
    expect((await client.request('GET', '/health')).status).toBeLessThan(500);
  });
});

describe('workflows that start each other without end', () => {
  it('by START_WORKFLOW do not keep other requests from being answered', async () => {
    const one = await embeddedServer({ retention: { finished: 10 } }).start(new RecordingLogger());
    try {
      const other = new ConformanceClient(one.url);
      const startWorkflow = { name: 'again', version: 1 };
      await other.expectOk('POST', '/metadata/workflow', {
        name: 'again',
        tasks: [task('s', 'START_WORKFLOW', { inputParameters: { startWorkflow } })],
      });
      await other.start('again');
      for (let count = 0; count < 5; count++) {
        expect((await other.expectOk('GET', '/metadata/workflow')).ms).toBeLessThan(SOON_MS);
      }
    } finally {
      await one.close();
    }
  });

  it('as failure workflows of themselves do not either', async () => {
    const one = await embeddedServer({ retention: { finished: 10 } }).start(new RecordingLogger());
    try {
      const other = new ConformanceClient(one.url);
      const inputParameters = { terminationStatus: 'FAILED' };
      await other.expectOk('POST', '/metadata/workflow', {
        name: 'phoenix',
        failureWorkflow: 'phoenix',
        tasks: [task('t', 'TERMINATE', { inputParameters })],
      });
      await other.start('phoenix');
      for (let count = 0; count < 5; count++) {
        expect((await other.expectOk('GET', '/metadata/workflow')).ms).toBeLessThan(SOON_MS);
      }
    } finally {
      await one.close();
    }
  });
});

describe('definitions', () => {
  it('of an unknown type go to workers of that type', async () => {
    const type = client.name('UNKNOWN');
    const id = await client.run([task('t', type)]);
    expect((await client.take(type)).workflowInstanceId).toBe(id);
  });

  it('with a name twice are refused with the name', async () => {
    const answer = await register(client.name('w'), [task('same', 'NOOP'), task('same', 'NOOP')]);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('same');
  });

  it('with a reference to a task that is not there are refused', async () => {
    const answer = await register(client.name('w'), [
      task('a', 'NOOP', { inputParameters: { v: '${nowhere.output.x}' } }),
    ]);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('nowhere');
  });

  it.each<[title: string, tasks: WorkflowTask[]]>([
    ['a fork without a JOIN', [task('f', 'FORK_JOIN', { forkTasks: [[task('a', 'NOOP')]] })]],
    ['a JOIN that waits for itself', [task('j', 'JOIN', { joinOn: ['j'] })]],
    ['a JOIN for a task that never comes', [task('j', 'JOIN', { joinOn: ['nobody'] })]],
    ['a switch without an evaluator', [task('s', 'SWITCH', { decisionCases: { a: [task('a', 'NOOP')] } })]],
    ['a loop without a body', [task('l', 'DO_WHILE', { loopCondition: 'false' })]],
    ['a sub-workflow without a name', [task('s', 'SUB_WORKFLOW')]],
    [
      'a sub-workflow that is not registered',
      [task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: 'none', version: 7 } })],
    ],
    [
      'a dynamic fork of something else',
      [
        task('f', 'FORK_JOIN_DYNAMIC', {
          dynamicForkTasksParam: 'tasks',
          dynamicForkTasksInputParamName: 'inputs',
          inputParameters: { tasks: 'no list', inputs: 7 },
        }),
        task('j', 'JOIN'),
      ],
    ],
    [
      'a TERMINATE with a wrong status',
      [task('t', 'TERMINATE', { inputParameters: { terminationStatus: 'DONE' } })],
    ],
    ['a WAIT for a wrong time', [task('w', 'WAIT', { inputParameters: { duration: 'soon' } })]],
    ['an INLINE without a script', [task('i', 'INLINE')]],
  ])('with %s are refused, or the workflow fails with a reason, or waits', async (_title, tasks) => {
    const name = client.name('w');
    const answer = await register(name, tasks);
    if (answer.status !== 200) {
      expect(answer.status).toBe(400);
      expect(answer.body.message).not.toBe('');
      return;
    }
    const started = await client.request('POST', '/workflow', { name });
    if (started.status !== 200) {
      expect(started.status).toBeLessThan(500);
      return;
    }
    const workflow = await client.waitFor(async () => {
      const one = await client.workflow(started.text);
      const waits = one.tasks.some(({ status }) => status === 'IN_PROGRESS' || status === 'SCHEDULED');
      return (one.status !== 'RUNNING' || waits) && one;
    }, 'the workflow to end or to wait');
    if (workflow.status === 'FAILED') expect(workflow.reasonForIncompletion ?? '').not.toBe('');
    // It can always be ended.
    if (workflow.status === 'RUNNING') {
      await client.expectOk('DELETE', `/workflow/${started.text}`);
      expect((await client.workflow(started.text)).status).toBe('TERMINATED');
    }
  });

  it.each([
    '${',
    '${}',
    '${a',
    '${workflow.input.[}',
    '${workflow.input..x}',
    '${workflow.input[99999999999]}',
  ])('with the expression %s are refused, or give a value', async (expression) => {
    const name = client.name('w');
    const answer = await register(name, [
      task('n', 'INLINE', { inputParameters: { expression: '1', v: expression } }),
    ]);
    if (answer.status !== 200) {
      expect(answer.status).toBe(400);
      return;
    }
    expect((await ended(await client.start(name, { input: { a: 1 } }))).status).toMatch(
      /^(COMPLETED|FAILED)$/,
    );
  });
});

describe('scripts', () => {
  it('that loop end after 4 seconds, and other requests are answered meanwhile', async () => {
    const from = performance.now();
    const name = client.name('w');
    await register(name, [inline('for (;;) {}')]);
    const id = await client.start(name, {});
    const other = await client.request('GET', '/metadata/workflow');
    expect(other.status).toBe(200);
    expect(other.ms).toBeLessThan(SOON_MS);
    const workflow = await ended(id);
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toContain('the script ran longer than 4000 ms');
    expect(performance.now() - from).toBeLessThan(15_000);
  });

  it.each([
    ['an array', 'var a = []; for (;;) a.push(new Array(1000).fill("x"));'],
    ['a string', 'var s = "x"; for (;;) s += s;'],
    ['a typed array', 'new Uint8Array(512 * 1024 * 1024).length'],
  ])('that allocate without end (%s) fail with the reason', async (_title, script) => {
    const workflow = await ended(await client.run([inline(script)]));
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toMatch(/out of memory|too long|null|length|longer/i);
    expect((await ended(await client.run([inline('1 + 1')]))).status).toBe('COMPLETED');
  });

  it('that recurse without end fail with the reason', async () => {
    const workflow = await ended(await client.run([inline('(function f() { return f() + 1; })()')]));
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toMatch(/stack|recursion/i);
  });

  it('in jq that loop end, and the next query runs', async () => {
    const jq = (queryExpression: string): WorkflowTask =>
      task('q', 'JSON_JQ_TRANSFORM', { inputParameters: { queryExpression } });
    const id = await client.run([jq('def f: f; f')]);
    expect((await client.request('GET', '/metadata/workflow')).ms).toBeLessThan(SOON_MS);
    const workflow = await ended(id);
    expect(workflow.status).toBe('FAILED');
    expect(workflow.reasonForIncompletion).toContain('ran longer than 4000 ms');
    expect((await ended(await client.run([jq('1')]))).status).toBe('COMPLETED');
  });
});

describe('bodies', () => {
  const post = (body: string | Uint8Array, path = '/workflow/anything'): Promise<Response> =>
    fetch(`${client.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body as Uint8Array<ArrayBuffer>,
    });

  it('of depth 10,000 are refused by name, and the server goes on', async () => {
    const deep = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    const name = client.name('w');
    await register(name, [
      task('n', 'INLINE', { inputParameters: { expression: '1', v: '${workflow.input}' } }),
    ]);
    const response = await post(deep, `/workflow/${name}`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain('nesting depth exceeds the maximum allowed (1000)');
    expect((await client.request('GET', '/metadata/workflow')).status).toBe(200);
  });

  it('of 100 MB are refused with 413, and other requests are answered meanwhile', async () => {
    const sending = post(new Uint8Array(100 * 1024 * 1024).fill(0x20)).then(
      (response) => response.status,
      // The server may hang up on the rest once it has answered.
      () => 'closed',
    );
    const other = await client.request('GET', '/metadata/workflow');
    expect(other.status).toBe(200);
    expect([413, 'closed']).toContain(await sending);
    expect((await client.request('GET', '/metadata/workflow')).status).toBe(200);
  });

  it.each<[title: string, body: Uint8Array]>([
    ['invalid UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['half a JSON object', new TextEncoder().encode('{"a":')],
    ['JSON that is no object', new TextEncoder().encode('[1]')],
  ])('of %s are refused by name', async (_title, body) => {
    const name = client.name('w');
    await register(name, [task('n', 'NOOP')]);
    const response = await post(body, `/workflow/${name}`);
    expect([400, 500]).toContain(response.status);
    expect(((await response.json()) as { message: string }).message).not.toBe('');
  });
});
