import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { embeddedServer, type EmbeddedServerOptions, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

const LIMIT = 1_000;
/** As a value, larger than any payload may be in these tests. */
const LARGE = 'ä'.repeat(LIMIT / 2);

const running: RunningServer[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

type Limits = NonNullable<EmbeddedServerOptions['maxPayloadBytes']>;

async function limited(maxPayloadBytes: Limits): Promise<ConformanceClient> {
  const server = await embeddedServer({ maxPayloadBytes }).start(new RecordingLogger());
  running.push(server);
  return new ConformanceClient(server.url);
}

function task(ref: string, type: string, fields: JsonObject = {}): WorkflowTask {
  return { name: ref, taskReferenceName: ref, type, ...fields };
}

function inline(ref: string, expression: string, inputParameters: JsonObject = {}): WorkflowTask {
  return task(ref, 'INLINE', { inputParameters: { expression, ...inputParameters } });
}

const large = (ref: string): WorkflowTask => inline(ref, `'x'.repeat(${LIMIT})`);

const taskReason = (workflow: Workflow, index: number, bytes: number): string =>
  `The payload size: ${bytes} of task: ${workflow.tasks[index]!.taskId} in workflow: ${workflow.workflowId}  is greater than the permissible limit: ${LIMIT} bytes`;

describe('the input of a workflow', () => {
  it('is counted in bytes of JSON, and may be as large as the limit', async () => {
    const client = await limited({ workflowInput: LIMIT });
    const name = await client.defineWorkflow([task('n', 'NOOP')]);
    const most = { v: 'ä'.repeat((LIMIT - '{"v":""}'.length) / 2) };
    expect((await client.request('POST', `/workflow/${name}`, most)).status).toBe(200);
    const answer = await client.request<{ message: string }>('POST', `/workflow/${name}`, {
      v: `${most.v}x`,
    });
    expect(answer.status).toBe(413);
    expect(answer.body.message).toMatch(
      /^The payload size: 1001 of workflow: \S+ is greater than the permissible limit: 1000 bytes$/,
    );
    expect((await client.expectOk('GET', '/workflow/search')).body).toMatchObject({ totalHits: 1 });
  });

  it.each(['/workflow', '/workflow/execute/NAME/1', '/workflow/test'])(
    'that is too large is refused by POST %s',
    async (path) => {
      const client = await limited({ workflowInput: LIMIT });
      const name = await client.defineWorkflow([task('n', 'NOOP')]);
      const body = { name, version: 1, input: { LARGE }, taskRefToMockOutput: {} };
      expect((await client.request('POST', path.replace('NAME', name), body)).status).toBe(413);
    },
  );

  it('that is too large is refused by a rerun, and the workflow stays as it was', async () => {
    const client = await limited({ workflowInput: LIMIT });
    const id = await client.run([task('n', 'NOOP')], { input: { v: 1 } });
    const body = { workflowInput: { LARGE } };
    expect((await client.request('POST', `/workflow/${id}/rerun`, body)).status).toBe(413);
    expect(await client.workflow(id)).toMatchObject({ status: 'COMPLETED', input: { v: 1 } });
  });

  it('that is too large for a sub-workflow fails its task', async () => {
    const client = await limited({ workflowInput: LIMIT });
    const child = await client.defineWorkflow([task('n', 'NOOP')]);
    const id = await client.run([
      inline('i', `'x'.repeat(${LIMIT})`),
      task('s', 'SUB_WORKFLOW', {
        subWorkflowParam: { name: child },
        inputParameters: { v: '${i.output.result}' },
      }),
    ]);
    const failed = await client.waitForStatus(id, 'FAILED');
    expect(failed.reasonForIncompletion).toContain('is greater than the permissible limit: 1000 bytes');
  });

  it('that is too large for the failure workflow is reported by the workflow that failed', async () => {
    const client = await limited({ workflowInput: LIMIT });
    const failureWorkflow = await client.defineWorkflow([task('n', 'NOOP')]);
    const terminate = task('t', 'TERMINATE', { inputParameters: { terminationStatus: 'FAILED' } });
    const id = await client.start(await client.defineWorkflow([terminate], { failureWorkflow }));
    const failed = await client.waitForStatus(id, 'FAILED');
    expect(failed.output?.['conductor.failure_workflow']).toMatch(
      new RegExp(`^Error workflow ${failureWorkflow} failed to start\\.  reason: The payload size: `),
    );
  });
});

describe('the input of a task', () => {
  it.each(['SIMPLE', 'INLINE', 'WAIT', 'SET_VARIABLE', 'SUB_WORKFLOW'])(
    'that is too large fails a task of type %s and its workflow',
    async (type) => {
      const client = await limited({ taskInput: LIMIT });
      const inputParameters = { v: '${workflow.input.LARGE}', expression: '1' };
      const id = await client.run(
        [task('t', type, { inputParameters, subWorkflowParam: { name: 'any', version: 1 } })],
        { input: { LARGE } },
      );
      const failed = await client.waitForStatus(id, 'FAILED');
      expect(failed.tasks).toHaveLength(1);
      expect(failed.tasks[0]).toMatchObject({ status: 'FAILED_WITH_TERMINAL_ERROR', inputData: {} });
      expect(failed.tasks[0]?.reasonForIncompletion).toMatch(/^The payload size: 1\d\d\d of task: /);
      expect(failed.reasonForIncompletion).toContain('is greater than the permissible limit: 1000 bytes');
      if (type === 'SIMPLE') expect((await client.poll('t', 'timeout=0')).body).toEqual([]);
    },
  );

  it('that is too large fails a SWITCH before it chooses', async () => {
    const client = await limited({ taskInput: LIMIT });
    const id = await client.run(
      [
        task('s', 'SWITCH', {
          evaluatorType: 'value-param',
          expression: 'v',
          inputParameters: { v: '${workflow.input.LARGE}' },
          decisionCases: { a: [task('a', 'NOOP')] },
          defaultCase: [task('b', 'NOOP')],
        }),
      ],
      { input: { LARGE } },
    );
    const failed = await client.waitForStatus(id, 'FAILED');
    expect(failed.tasks.map(({ status }) => status)).toEqual(['FAILED_WITH_TERMINAL_ERROR']);
  });

  it('that is too large lets the workflow go on when the task is optional', async () => {
    const client = await limited({ taskInput: LIMIT });
    const id = await client.run(
      [inline('i', '1', { v: '${workflow.input.LARGE}' }), inline('j', '2')].map((one, index) =>
        index === 0 ? { ...one, optional: true } : one,
      ),
      { input: { LARGE } },
    );
    const done = await client.waitForStatus(id, 'COMPLETED');
    expect(done.tasks.map(({ status }) => status)).toEqual(['COMPLETED_WITH_ERRORS', 'COMPLETED']);
  });
});

describe('the output of a task', () => {
  it('that is too large fails the task, which is not retried, and its workflow', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const type = await client.defineTask({ retryCount: 3, retryDelaySeconds: 0 });
    const id = await client.run([type]);
    const most = { v: 'x'.repeat(LIMIT - '{"v":"","w":1}'.length), w: 1 };
    const polled = await client.take(type);
    expect((await client.report(polled, 'COMPLETED', { outputData: { ...most, w: 10 } })).status).toBe(200);
    const failed = await client.waitForStatus(id, 'FAILED');
    expect(failed.tasks).toHaveLength(1);
    expect(failed.tasks[0]).toMatchObject({
      status: 'FAILED_WITH_TERMINAL_ERROR',
      outputData: {},
      reasonForIncompletion: taskReason(failed, 0, LIMIT + 1),
    });
    const other = await client.run([type]);
    await client.report(await client.take(type), 'COMPLETED', { outputData: most });
    expect((await client.waitForStatus(other, 'COMPLETED')).output).toEqual(most);
  });

  it('that is too large while the task is in progress fails it as well', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const type = await client.defineTask();
    const id = await client.run([type]);
    await client.report(await client.take(type), 'IN_PROGRESS', { outputData: { LARGE } });
    const failed = await client.waitForStatus(id, 'FAILED');
    expect(failed.tasks[0]?.status).toBe('FAILED_WITH_TERMINAL_ERROR');
    expect((await client.poll(type, 'timeout=0')).body).toEqual([]);
  });

  it('that is too large for a script fails it', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const failed = await client.waitForStatus(await client.run([large('i')]), 'FAILED');
    const bytes = JSON.stringify({ result: 'x'.repeat(LIMIT) }).length;
    expect(failed.tasks[0]?.reasonForIncompletion).toBe(taskReason(failed, 0, bytes));
  });

  it('that iterations of a loop have made too large together ends the loop', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const loop = task('l', 'DO_WHILE', {
      loopCondition: 'true',
      loopOver: [inline('i', `'x'.repeat(300)`)],
    });
    const failed = await client.waitForStatus(await client.run([loop]), 'FAILED');
    expect(failed.tasks[0]).toMatchObject({ taskType: 'DO_WHILE', status: 'FAILED_WITH_TERMINAL_ERROR' });
    // The loop, and the iterations that it took to get there.
    expect(failed.tasks).toHaveLength(1 + 4);
  });

  it('that branches have made too large together fails the JOIN', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const branches = ['a', 'b'].map((ref) => inline(ref, `'x'.repeat(600)`));
    const id = await client.run([
      task('f', 'FORK_JOIN', { forkTasks: branches.map((one) => [one]) }),
      task('j', 'JOIN', { joinOn: ['a', 'b'] }),
    ]);
    const failed = await client.waitForStatus(id, 'FAILED');
    const join = failed.tasks.find(({ taskType }) => taskType === 'JOIN');
    expect(join).toMatchObject({ status: 'FAILED_WITH_TERMINAL_ERROR', outputData: {} });
  });

  it('that is too large for TERMINATE fails the workflow', async () => {
    const client = await limited({ taskOutput: LIMIT });
    const inputParameters = {
      terminationStatus: 'COMPLETED',
      workflowOutput: { v: '${workflow.input.LARGE}' },
    };
    const id = await client.run([task('t', 'TERMINATE', { inputParameters })], { input: { LARGE } });
    expect((await client.waitForStatus(id, 'FAILED')).output).toEqual({});
  });
});

describe('the output of a workflow', () => {
  it('that is too large fails the workflow, whose tasks have ended well', async () => {
    const client = await limited({ workflowOutput: LIMIT });
    const failureWorkflow = await client.defineWorkflow([task('n', 'NOOP')]);
    const name = await client.defineWorkflow([large('i')], { failureWorkflow });
    const failed = await client.waitForStatus(await client.start(name), 'FAILED');
    expect(failed.reasonForIncompletion).toMatch(
      /^The payload size: 10\d\d of workflow: \S+ is greater than the permissible limit: 1000 bytes$/,
    );
    expect(failed.tasks[0]?.status).toBe('COMPLETED');
    expect(Object.keys(failed.output ?? {})).toEqual(['conductor.failure_workflow']);
  });

  it('that is too large leaves the reason of a failure, and adds its own', async () => {
    const client = await limited({ workflowOutput: LIMIT });
    const terminate = task('t', 'TERMINATE', {
      inputParameters: { terminationStatus: 'FAILED', terminationReason: 'no', workflowOutput: { LARGE } },
    });
    const failed = await client.waitForStatus(await client.run([terminate]), 'FAILED');
    expect(failed.reasonForIncompletion).toMatch(/^no\. The payload size: /);
    expect(failed.output).toEqual({});
  });
});

it('variables that would become too large fail SET_VARIABLE', async () => {
  const client = await limited({ workflowVariables: 2_048 });
  const set = task('v', 'SET_VARIABLE', { inputParameters: { v: '${workflow.input.v}' } });
  const failed = await client.waitForStatus(
    await client.run([set], { input: { v: 'x'.repeat(2_048) } }),
    'FAILED',
  );
  expect(failed.reasonForIncompletion).toContain('greater than the permissible limit: 2 kilobytes');
});

it('each limit must be a number of bytes', () => {
  expect(() => embeddedServer({ maxPayloadBytes: { taskInput: 0 } })).toThrow('`taskInput`');
  expect(() => embeddedServer({ maxPayloadBytes: { output: 1 } as Limits })).toThrow('`output`');
});
