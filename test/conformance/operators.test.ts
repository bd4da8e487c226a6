import { describe, expect, it } from 'vitest';
import type { JsonObject, Task, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

/** A task that the server carries out itself, named after its reference. */
function task(ref: string, type: string, fields: JsonObject = {}): WorkflowTask {
  return { name: ref, taskReferenceName: ref, type, ...fields };
}

function inline(ref: string, expression: string, inputParameters: JsonObject = {}): WorkflowTask {
  return task(ref, 'INLINE', {
    inputParameters: { evaluatorType: 'javascript', expression, ...inputParameters },
  });
}

async function finished(
  tasks: readonly WorkflowTask[],
  input: JsonObject = {},
  status = 'COMPLETED',
): Promise<Workflow> {
  return server.waitForStatus(await server.run(tasks, { input }), status);
}

function taskOf(workflow: Workflow, ref: string): Task {
  const found = workflow.tasks.findLast((one) => one.referenceTaskName === ref);
  if (found === undefined) {
    throw new Error(
      `there is no ${ref} among ${workflow.tasks.map((one) => one.referenceTaskName).join(', ')}`,
    );
  }
  return found;
}

const refsOf = (workflow: Workflow): string[] => workflow.tasks.map((one) => one.referenceTaskName);

describe('INLINE, LAMBDA and JSON_JQ_TRANSFORM', () => {
  it.each<[expression: string, result: unknown]>([
    ['$.n * 2', 8],
    ['(function () { return { sum: $.n + $.list.length }; })()', { sum: 6 }],
    ['$.list.map(function (x) { return x + 1; })', [2, 3]],
    ['"a" + $.text', 'ab'],
    ['$.missing === undefined', true],
    ['null', null],
  ])('%s', async (expression, result) => {
    const workflow = await finished([inline('i', expression, { n: 4, list: [1, 2], text: 'b' })]);
    expect(taskOf(workflow, 'i')).toMatchObject({ status: 'COMPLETED', outputData: { result } });
  });

  it('fails for good when a script throws', async () => {
    const workflow = await finished([inline('i', 'throw new Error("no")')], {}, 'FAILED');
    expect(taskOf(workflow, 'i').status).toBe('FAILED_WITH_TERMINAL_ERROR');
    expect(String(taskOf(workflow, 'i').outputData['error'])).toContain('no');
  });

  it('takes the value of an input', async () => {
    const inputParameters = { evaluatorType: 'value-param', expression: 'key', key: 'x' };
    const workflow = await finished([task('i', 'INLINE', { inputParameters })]);
    expect(taskOf(workflow, 'i').outputData).toEqual({ result: 'x' });
  });

  it('LAMBDA returns what its script returns', async () => {
    const inputParameters = { scriptExpression: 'return {doubled: $.n * 2};', n: 21 };
    const workflow = await finished([task('l', 'LAMBDA', { inputParameters })]);
    expect(taskOf(workflow, 'l').outputData).toEqual({ result: { doubled: 42 } });
  });

  it.each<[query: string, output: JsonObject]>([
    ['.list | map(. + 1)', { result: [2, 3], resultList: [[2, 3]] }],
    ['.list[]', { result: 1, resultList: [1, 2] }],
    ['{a: .list[0], b: .text}', { result: { a: 1, b: 'x' }, resultList: [{ a: 1, b: 'x' }] }],
  ])('jq %s', async (queryExpression, output) => {
    const inputParameters = { queryExpression, list: [1, 2], text: 'x' };
    const workflow = await finished([task('q', 'JSON_JQ_TRANSFORM', { inputParameters })]);
    expect(taskOf(workflow, 'q').outputData).toEqual(output);
  });

  it('a query that is wrong fails', async () => {
    const inputParameters = { queryExpression: '.[' };
    const workflow = await finished([task('q', 'JSON_JQ_TRANSFORM', { inputParameters })], {}, 'FAILED');
    expect(taskOf(workflow, 'q')).toMatchObject({ status: 'FAILED' });
  });
});

describe('SWITCH and DECISION', () => {
  const cases = (fields: JsonObject): WorkflowTask[] => [
    task('s', 'SWITCH', {
      decisionCases: { a: [inline('in_a', '1'), inline('after_a', '2')], none: [] },
      defaultCase: [inline('in_default', '3')],
      ...fields,
    }),
    inline('end', '4'),
  ];

  it.each([
    ['a', ['s', 'in_a', 'after_a', 'end']],
    ['other', ['s', 'in_default', 'end']],
    ['none', ['s', 'end']],
  ])('by value: %s', async (value, refs) => {
    const workflow = await finished(
      cases({
        evaluatorType: 'value-param',
        expression: 'which',
        inputParameters: { which: '${workflow.input.v}' },
      }),
      { v: value },
    );
    expect(refsOf(workflow)).toEqual(refs);
    expect(taskOf(workflow, 's')).toMatchObject({
      taskType: 'SWITCH',
      status: 'COMPLETED',
      outputData: { evaluationResult: [value], selectedCase: value },
    });
  });

  it('by script', async () => {
    const workflow = await finished(
      cases({
        evaluatorType: 'javascript',
        expression: '$.n > 5 ? "a" : "b"',
        inputParameters: { n: '${workflow.input.n}' },
      }),
      { n: 6 },
    );
    expect(refsOf(workflow)).toEqual(['s', 'in_a', 'after_a', 'end']);
  });

  it('DECISION falls back to the default for a case without tasks', async () => {
    const decision = task('d', 'DECISION', {
      caseValueParam: 'which',
      inputParameters: { which: 'none' },
      decisionCases: { none: [], a: [inline('in_a', '1')] },
      defaultCase: [inline('in_default', '2')],
    });
    const workflow = await finished([decision]);
    expect(refsOf(workflow)).toEqual(['d', 'in_default']);
    expect(taskOf(workflow, 'd').outputData).toEqual({ caseOutput: ['none'] });
  });

  it('nested, with a worker in the middle', async () => {
    const type = await server.defineTask();
    const value = (name: string) => ({
      evaluatorType: 'value-param',
      expression: 'v',
      inputParameters: { v: name },
    });
    const inner = task('inner', 'SWITCH', {
      ...value('x'),
      decisionCases: { x: [{ name: type, taskReferenceName: 'work' }] },
      defaultCase: [],
    });
    const outer = task('outer', 'SWITCH', {
      ...value('y'),
      decisionCases: { y: [inner, inline('after_inner', '1')] },
    });
    const workflowId = await server.run([outer, inline('end', '2')]);
    await server.report(await server.take(type), 'COMPLETED');
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(refsOf(workflow)).toEqual(['outer', 'inner', 'work', 'after_inner', 'end']);
  });
});

describe('forks', () => {
  it('run their branches side by side, and the JOIN has their outputs', async () => {
    const [first, second] = [await server.defineTask(), await server.defineTask()];
    const workflowId = await server.run([
      task('fork', 'FORK_JOIN', {
        forkTasks: [
          [{ name: first, taskReferenceName: 'a' }, inline('a2', '$.x + 1', { x: '${a.output.x}' })],
          [{ name: second, taskReferenceName: 'b' }],
        ],
      }),
      task('join', 'JOIN', { joinOn: ['a2', 'b'] }),
      inline('end', '$.r', { r: '${join.output.a2.result}' }),
    ]);
    const [a, b] = [await server.take(first), await server.take(second)];
    await server.report(b, 'COMPLETED', { outputData: { y: 2 } });
    expect(taskOf(await server.workflow(workflowId), 'join').status).toBe('IN_PROGRESS');
    await server.report(a, 'COMPLETED', { outputData: { x: 1 } });
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(taskOf(workflow, 'fork')).toMatchObject({ taskType: 'FORK', status: 'COMPLETED' });
    expect(taskOf(workflow, 'join').outputData).toEqual({ a2: { result: 2 }, b: { y: 2 } });
    expect(taskOf(workflow, 'end').outputData).toEqual({ result: 2 });
  });

  it('fail with a branch that fails, and cancel the others', async () => {
    const [first, second] = [await server.defineTask({ retryCount: 0 }), await server.defineTask()];
    const workflowId = await server.run([
      task('fork', 'FORK_JOIN', {
        forkTasks: [[{ name: first, taskReferenceName: 'a' }], [{ name: second, taskReferenceName: 'b' }]],
      }),
      task('join', 'JOIN', { joinOn: ['a', 'b'] }),
    ]);
    await server.report(await server.take(first), 'FAILED', { reasonForIncompletion: 'why' });
    const workflow = await server.waitForStatus(workflowId, 'FAILED');
    expect(taskOf(workflow, 'b').status).toBe('CANCELED');
    expect(workflow.reasonForIncompletion).toContain("reason: 'why'");
    expect(workflow.failedReferenceTaskNames).toEqual(['a']);
  });

  it('go on past an optional branch', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const workflowId = await server.run([
      task('fork', 'FORK_JOIN', {
        forkTasks: [[{ name: type, taskReferenceName: 'a', optional: true }], [inline('b', '1')]],
      }),
      task('join', 'JOIN', { joinOn: ['a', 'b'] }),
    ]);
    await server.report(await server.take(type), 'FAILED', { reasonForIncompletion: 'why' });
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(taskOf(workflow, 'a').status).toBe('COMPLETED_WITH_ERRORS');
    expect(taskOf(workflow, 'join').status).toBe('COMPLETED_WITH_ERRORS');
  });

  it('dynamic: a list of tasks and a map of their inputs', async () => {
    const workflow = await finished(
      [
        task('fork', 'FORK_JOIN_DYNAMIC', {
          inputParameters: { tasks: '${workflow.input.tasks}', inputs: '${workflow.input.inputs}' },
          dynamicForkTasksParam: 'tasks',
          dynamicForkTasksInputParamName: 'inputs',
        }),
        task('join', 'JOIN'),
      ],
      {
        tasks: [1, 2, 3].map((n) => inline(`d${n}`, '$.n * 10')),
        inputs: { d1: { n: 1 }, d2: { n: 2 }, d3: { n: 3 } },
      },
    );
    expect(refsOf(workflow)).toEqual(['fork', 'd1', 'd2', 'd3', 'join']);
    expect(taskOf(workflow, 'join').outputData).toEqual({
      d1: { result: 10 },
      d2: { result: 20 },
      d3: { result: 30 },
    });
  });

  it('dynamic: one type of task for a list of inputs', async () => {
    const type = await server.defineTask();
    const workflowId = await server.run([
      task('fork', 'FORK_JOIN_DYNAMIC', {
        inputParameters: { forkTaskName: type, forkTaskInputs: [{ n: 1 }, { n: 2 }] },
      }),
      task('join', 'JOIN'),
    ]);
    const taken = [await server.take(type), await server.take(type)];
    for (const one of taken)
      await server.report(one, 'COMPLETED', { outputData: { got: one.inputData['n'] } });
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(taskOf(workflow, 'join').outputData).toEqual({
      [`_${type}_0`]: { got: 1 },
      [`_${type}_1`]: { got: 2 },
    });
    expect(taken.map((one) => one.inputData)).toEqual([
      { n: 1, __index: 0 },
      { n: 2, __index: 1 },
    ]);
  });

  it('dynamic: without branches it goes on at once', async () => {
    const workflow = await finished([
      task('fork', 'FORK_JOIN_DYNAMIC', {
        inputParameters: { tasks: [], inputs: {} },
        dynamicForkTasksParam: 'tasks',
        dynamicForkTasksInputParamName: 'inputs',
      }),
      task('join', 'JOIN'),
      inline('end', '1'),
    ]);
    expect(refsOf(workflow)).toEqual(['fork', 'join', 'end']);
  });

  it('EXCLUSIVE_JOIN has the output of the branch that was taken', async () => {
    const workflow = await finished([
      task('s', 'SWITCH', {
        evaluatorType: 'value-param',
        expression: 'v',
        inputParameters: { v: 'b' },
        decisionCases: { a: [inline('a', '1')], b: [inline('b', '2')] },
        defaultCase: [],
      }),
      task('x', 'EXCLUSIVE_JOIN', { joinOn: ['a', 'b'], defaultExclusiveJoinTask: ['s'] }),
    ]);
    expect(taskOf(workflow, 'x')).toMatchObject({ status: 'COMPLETED', outputData: { result: 2 } });
  });
});

describe('DO_WHILE', () => {
  const upTo = (ref: string, n: number): string =>
    `if ($.${ref}['iteration'] < ${n}) { true; } else { false; }`;

  it('carries out its body while the condition holds', async () => {
    const workflow = await finished([
      task('loop', 'DO_WHILE', {
        loopCondition: upTo('loop', 3),
        loopOver: [
          inline('a', '$.i * 2', { i: '${loop.output.iteration}' }),
          inline('b', '$.a', { a: '${a.output.result}' }),
        ],
      }),
      inline('end', '$.x', { x: '${b.output.result}' }),
    ]);
    expect(refsOf(workflow)).toEqual(['loop', 'a__1', 'b__1', 'a__2', 'b__2', 'a__3', 'b__3', 'end']);
    expect(taskOf(workflow, 'loop')).toMatchObject({
      status: 'COMPLETED',
      iteration: 3,
      outputData: {
        iteration: 3,
        1: { a: { result: 2 }, b: { result: 2 } },
        3: { a: { result: 6 }, b: { result: 6 } },
      },
    });
    expect(taskOf(workflow, 'end').outputData).toEqual({ result: 6 });
    expect(taskOf(workflow, 'a__2')).toMatchObject({ iteration: 2, loopOverTask: true });
  });

  it('ends at once when its condition does not hold', async () => {
    const workflow = await finished([
      task('loop', 'DO_WHILE', { loopCondition: 'false', loopOver: [inline('a', '1')] }),
    ]);
    expect(refsOf(workflow)).toEqual(['loop', 'a__1']);
  });

  it('goes over a list', async () => {
    const workflow = await finished([
      task('loop', 'DO_WHILE', {
        inputParameters: { _items: ['x', 'y'] },
        loopCondition: 'true',
        loopOver: [inline('a', '$.item', { item: '${loop.output.loopItem}' })],
      }),
    ]);
    expect(refsOf(workflow)).toEqual(['loop', 'a__1', 'a__2']);
    expect(taskOf(workflow, 'loop').outputData).toMatchObject({
      1: { a: { result: 'x' } },
      2: { a: { result: 'y' } },
    });
  });

  it('retries a task in its iteration', async () => {
    const type = await server.defineTask({ retryCount: 1, retryDelaySeconds: 0 });
    const workflowId = await server.run([
      task('loop', 'DO_WHILE', {
        loopCondition: upTo('loop', 2),
        loopOver: [{ name: type, taskReferenceName: 'a' }],
      }),
    ]);
    await server.report(await server.take(type), 'FAILED');
    await server.report(await server.take(type), 'COMPLETED', { outputData: { n: 1 } });
    await server.report(await server.take(type), 'COMPLETED', { outputData: { n: 2 } });
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(refsOf(workflow)).toEqual(['loop', 'a__1', 'a__1', 'a__2']);
    expect(taskOf(workflow, 'loop').outputData).toMatchObject({ 1: { a: { n: 1 } }, 2: { a: { n: 2 } } });
  });

  it('holds forks and switches', async () => {
    const workflow = await finished([
      task('loop', 'DO_WHILE', {
        loopCondition: upTo('loop', 2),
        loopOver: [
          task('fork', 'FORK_JOIN', { forkTasks: [[inline('a', '1')], [inline('b', '2')]] }),
          task('join', 'JOIN', { joinOn: ['a', 'b'] }),
          task('s', 'SWITCH', {
            evaluatorType: 'value-param',
            expression: 'v',
            inputParameters: { v: '${loop.output.iteration}' },
            decisionCases: { 1: [inline('one', '1')] },
            defaultCase: [inline('other', '2')],
          }),
        ],
      }),
    ]);
    expect(refsOf(workflow).sort()).toEqual(
      [
        'loop',
        'fork__1',
        'a__1',
        'b__1',
        'join__1',
        's__1',
        'one__1',
        'fork__2',
        'a__2',
        'b__2',
        'join__2',
        's__2',
        'other__2',
      ].sort(),
    );
    expect(taskOf(workflow, 'join__2').outputData).toEqual({ a__2: { result: 1 }, b__2: { result: 2 } });
  });
});

describe('sub-workflows', () => {
  it('get the input of their task and give it their output', async () => {
    const child = await server.defineWorkflow([inline('c', '$.n * 10', { n: '${workflow.input.n}' })]);
    const workflow = await finished([
      task('sub', 'SUB_WORKFLOW', { subWorkflowParam: { name: child }, inputParameters: { n: 4 } }),
      inline('end', '$.r', { r: '${sub.output.result}' }),
    ]);
    const sub = taskOf(workflow, 'sub');
    expect(sub).toMatchObject({
      status: 'COMPLETED',
      outputData: { result: 40, subWorkflowId: sub.subWorkflowId },
    });
    expect(taskOf(workflow, 'end').outputData).toEqual({ result: 40 });
    expect(await server.workflow(sub.subWorkflowId!)).toMatchObject({
      parentWorkflowId: workflow.workflowId,
      parentWorkflowTaskId: sub.taskId,
      input: { n: 4 },
      status: 'COMPLETED',
    });
  });

  it('that fail make their task fail, and end with their parent', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const child = await server.defineWorkflow([type]);
    const run = () => server.run([task('sub', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } })]);
    const failing = await run();
    await server.report(await server.take(type), 'FAILED', { reasonForIncompletion: 'why' });
    const workflow = await server.waitForStatus(failing, 'FAILED');
    expect(taskOf(workflow, 'sub').reasonForIncompletion).toMatch(
      new RegExp(`^Sub workflow ${child}\\.1/.* failure reason: Task .*why`),
    );
    const terminated = await run();
    const task1 = await server.take(type);
    await server.request('DELETE', `/workflow/${terminated}?reason=enough`);
    const under = await server.waitForStatus(task1.workflowInstanceId, 'TERMINATED');
    expect(under.reasonForIncompletion).toBe('Parent workflow has been terminated with reason: enough');
  });

  it('START_WORKFLOW starts one and goes on', async () => {
    const child = await server.defineWorkflow([inline('c', '1')]);
    const workflow = await finished([
      task('start', 'START_WORKFLOW', {
        inputParameters: { startWorkflow: { name: child, input: { x: 1 } } },
      }),
    ]);
    const { workflowId } = taskOf(workflow, 'start').outputData as { workflowId: string };
    const started = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(started).toMatchObject({ workflowName: child, input: { x: 1 } });
  });

  it('a failure workflow is started with what failed', async () => {
    const type = await server.defineTask({ retryCount: 0 });
    const failure = await server.defineWorkflow([inline('f', '$.r', { r: '${workflow.input.reason}' })]);
    const name = await server.defineWorkflow([type], { failureWorkflow: failure });
    const workflowId = await server.start(name, { input: { order: 1 } });
    await server.report(await server.take(type), 'FAILED', { reasonForIncompletion: 'why' });
    await server.waitForStatus(workflowId, 'FAILED');
    // A real server adds it to the output after the workflow has failed.
    const failureId = await server.waitFor(async () => {
      const { output } = await server.workflow(workflowId);
      return output['conductor.failure_workflow'] as string | undefined;
    }, 'the failure workflow to be started');
    const started = await server.waitForStatus(failureId, 'COMPLETED');
    expect(started.input).toMatchObject({ order: 1, workflowId, failureStatus: 'FAILED' });
    expect(String(started.input['reason'])).toContain('why');
  });
});

describe('WAIT, HUMAN, SET_VARIABLE, TERMINATE, NOOP, DYNAMIC, EVENT', () => {
  it('WAIT lasts as long as it says', async () => {
    const workflow = await finished([task('w', 'WAIT', { inputParameters: { duration: '1 seconds' } })]);
    const waited = taskOf(workflow, 'w');
    expect(waited.endTime - waited.startTime).toBeGreaterThanOrEqual(1000);
  });

  it('WAIT and HUMAN end when somebody says so', async () => {
    const workflowId = await server.run([task('w', 'WAIT'), task('h', 'HUMAN')]);
    await server.expectOk('POST', `/tasks/${workflowId}/w/COMPLETED`, { by: 'me' });
    await server.waitFor(
      async () => refsOf(await server.workflow(workflowId)).includes('h'),
      'the HUMAN task',
    );
    await server.expectOk('POST', `/tasks/${workflowId}/h/COMPLETED`, { ok: true });
    const workflow = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(taskOf(workflow, 'w').outputData).toMatchObject({ by: 'me' });
    expect(taskOf(workflow, 'h').outputData).toMatchObject({ ok: true });
  });

  it('SET_VARIABLE changes variables of the workflow', async () => {
    const workflow = await finished([
      task('set', 'SET_VARIABLE', { inputParameters: { x: 5 } }),
      inline('use', '$.x', { x: '${workflow.variables.x}' }),
    ]);
    expect(workflow.variables).toMatchObject({ x: 5 });
    expect(taskOf(workflow, 'use').outputData).toEqual({ result: 5 });
  });

  it.each(['COMPLETED', 'FAILED', 'TERMINATED'])('TERMINATE ends the workflow as %s', async (status) => {
    const inputParameters = {
      terminationStatus: status,
      terminationReason: 'enough',
      workflowOutput: { from: 'terminate' },
    };
    const workflow = await finished(
      [task('t', 'TERMINATE', { inputParameters }), inline('never', '1')],
      {},
      status,
    );
    expect(refsOf(workflow)).toEqual(['t']);
    expect(workflow).toMatchObject({ reasonForIncompletion: 'enough', output: { from: 'terminate' } });
  });

  it('TERMINATE in one branch cancels the others', async () => {
    const type = await server.defineTask();
    const workflow = await finished([
      task('fork', 'FORK_JOIN', {
        forkTasks: [
          [{ name: type, taskReferenceName: 'a' }],
          [task('t', 'TERMINATE', { inputParameters: { terminationStatus: 'COMPLETED' } })],
        ],
      }),
      task('join', 'JOIN', { joinOn: ['a'] }),
    ]);
    expect(taskOf(workflow, 'a').status).toBe('CANCELED');
  });

  it('NOOP does nothing', async () => {
    expect(taskOf(await finished([task('n', 'NOOP')]), 'n').status).toBe('COMPLETED');
  });

  it('DYNAMIC is the task that its input names', async () => {
    const type = await server.defineTask();
    const dynamic = task('d', 'DYNAMIC', {
      dynamicTaskNameParam: 'which',
      inputParameters: { which: '${workflow.input.type}', x: 1 },
    });
    const workflowId = await server.run([dynamic], { input: { type } });
    const taken = await server.take(type);
    expect(taken).toMatchObject({ taskType: type, referenceTaskName: 'd', inputData: { which: type, x: 1 } });
    await server.report(taken, 'COMPLETED');
    await server.waitForStatus(workflowId, 'COMPLETED');
  });

  it('EVENT starts what its handlers say', async () => {
    const child = await server.defineWorkflow([inline('c', '$.v', { v: '${workflow.input.value}' })]);
    const parent = await server.defineWorkflow([
      task('e', 'EVENT', { sink: 'conductor', inputParameters: { value: 7 } }),
    ]);
    const name = server.name('handler');
    await server.expectOk('POST', '/event', {
      name,
      event: `conductor:${parent}:e`,
      active: true,
      actions: [{ action: 'start_workflow', start_workflow: { name: child, input: { value: '${value}' } } }],
    });
    const workflow = await server.waitForStatus(await server.start(parent), 'COMPLETED');
    expect(taskOf(workflow, 'e').outputData).toMatchObject({
      event_produced: `conductor:${parent}:e`,
      value: 7,
    });
    const started = await server.waitFor(async () => {
      const { body } = await server.request<string[]>(
        'GET',
        `/workflow/running/${child}?version=1&startTime=1&endTime=${Date.now() + 60_000}`,
      );
      return body[0];
    }, 'the workflow that the event starts');
    const ended = await server.waitForStatus(started, 'COMPLETED');
    expect(ended.input).toMatchObject({ value: 7, 'conductor.event.name': `conductor:${parent}:e` });
    await server.expectOk('DELETE', `/event/${name}`);
  });
});
