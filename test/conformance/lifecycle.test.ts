import { describe, expect, it } from 'vitest';
import type { JsonObject, Task, Workflow, WorkflowTask } from '../../src/conductor/wire/types.js';
import { conformanceServer, SLOW_MS, type Answer } from '../support/conformance-server.js';

const server = conformanceServer();

function task(ref: string, type: string, fields: JsonObject = {}): WorkflowTask {
  return { name: ref, taskReferenceName: ref, type, ...fields };
}

const worker = (name: string, taskReferenceName: string, fields: JsonObject = {}): WorkflowTask => ({
  name,
  taskReferenceName,
  ...fields,
});
const once = (): Promise<string> => server.defineTask({ retryCount: 0 });
const order = (method: string, workflowId: string, what: string, body?: unknown): Promise<Answer> =>
  server.request(method, `/workflow/${workflowId}${what}`, body);
const states = (workflow: Workflow): string[] =>
  workflow.tasks.map((one) => `${one.referenceTaskName} ${one.status} ${one.retryCount}`);
const childOf = (workflow: Workflow, index = 0): string => workflow.tasks[index]?.subWorkflowId ?? '';

async function end(type: string, status = 'COMPLETED', fields: JsonObject = {}): Promise<Task> {
  const taken = await server.take(type);
  await server.report(taken, status, { reasonForIncompletion: 'why', ...fields });
  return taken;
}

function untilRunning(workflowId: string): Promise<Workflow> {
  return server.waitForStatus(workflowId, 'RUNNING');
}

function untilWaiting(workflowId: string): Promise<Workflow> {
  return server.waitFor(async () => {
    const workflow = await server.workflow(workflowId);
    const [first] = workflow.tasks;
    if (first?.taskType === 'WAIT') return first.status === 'IN_PROGRESS' && workflow;
    if (first?.subWorkflowId === undefined) return undefined;
    const below = await server.workflow(first.subWorkflowId);
    return below.tasks[0]?.status === 'IN_PROGRESS' && workflow;
  }, 'a WAIT task');
}

describe('pause and resume', () => {
  it('hold back what follows, not what is queued, and refuse what needs another status', async () => {
    const [first, second] = [await once(), await once()];
    const workflowId = await server.run([first, second]);
    await server.expectOk('PUT', `/workflow/${workflowId}/pause`);
    await server.expectOk('PUT', `/workflow/${workflowId}/pause`);
    const taken = await server.take(first);
    expect((await order('PUT', workflowId, '/skiptask/t1')).status).toBe(500);
    expect((await order('POST', workflowId, '/retry')).status).toBe(404);
    for (const what of ['/restart', '/rerun']) {
      const answer = await order('POST', workflowId, what, {});
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({
        message: expect.stringContaining(
          `${workflowId}.PAUSED is not in terminal state, unable to ${what.slice(1)}.`,
        ),
      });
    }
    await server.report(taken, 'COMPLETED');
    expect(states(await server.workflow(workflowId))).toEqual(['t0 COMPLETED 0']);
    await server.expectOk('PUT', `/workflow/${workflowId}/resume`);
    await end(second);
    await server.waitForStatus(workflowId, 'COMPLETED');
    expect((await order('PUT', workflowId, '/pause')).status).toBe(409);
    expect((await order('PUT', workflowId, '/resume')).status).toBe(500);
  });

  it('a task that fails meanwhile ends the workflow when it is resumed', async () => {
    const type = await once();
    const workflowId = await server.run([type]);
    const taken = await server.take(type);
    await server.expectOk('PUT', `/workflow/${workflowId}/pause`);
    await server.report(taken, 'FAILED');
    expect((await server.workflow(workflowId)).status).toBe('PAUSED');
    await server.expectOk('PUT', `/workflow/${workflowId}/resume`);
    await server.waitForStatus(workflowId, 'FAILED');
  });

  it('of a sub-workflow leave its parent running', async () => {
    const [first, second] = [await once(), await once()];
    const child = await server.defineWorkflow([first, second]);
    const workflowId = await server.run([task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } })]);
    const taken = await server.take(first);
    const childId = childOf(await server.workflow(workflowId));
    await server.expectOk('PUT', `/workflow/${childId}/pause`);
    await server.report(taken, 'COMPLETED');
    expect((await server.workflow(workflowId)).status).toBe('RUNNING');
    await server.expectOk('PUT', `/workflow/${childId}/resume`);
    await end(second);
    await server.waitForStatus(workflowId, 'COMPLETED');
  });
});

describe('terminate', () => {
  it('gives the reason and computes the output', async () => {
    const [first, second] = [await once(), await once()];
    const workflow = await server.defineWorkflow([first, second], {
      outputParameters: { x: '${t0.output.x}', status: '${workflow.status}' },
    });
    const workflowId = await server.start(workflow);
    await end(first, 'COMPLETED', { outputData: { x: 1 } });
    await server.expectOk('DELETE', `/workflow/${workflowId}?reason=because`);
    expect(await server.workflow(workflowId)).toMatchObject({
      status: 'TERMINATED',
      reasonForIncompletion: 'because',
      output: { x: 1, status: 'TERMINATED' },
    });
  });

  it('makes TERMINATED of what has failed', async () => {
    const type = await once();
    const workflowId = await server.run([type]);
    await end(type, 'FAILED');
    await server.waitForStatus(workflowId, 'FAILED');
    await server.expectOk('DELETE', `/workflow/${workflowId}?reason=because`);
    expect(await server.workflow(workflowId)).toMatchObject({
      status: 'TERMINATED',
      reasonForIncompletion: 'because',
    });
  });

  it('ends sub-workflows with their parent, and the parent with its sub-workflow', async () => {
    const type = await once();
    const child = await server.defineWorkflow([type]);
    const parent = await server.defineWorkflow([
      task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } }),
    ]);
    const down = await server.start(parent);
    await server.take(type);
    const below = childOf(await server.workflow(down));
    await server.expectOk('DELETE', `/workflow/${down}?reason=because`);
    expect((await server.waitForStatus(below, 'TERMINATED')).reasonForIncompletion).toBe(
      'Parent workflow has been terminated with reason: because',
    );
    const up = await server.start(parent);
    await server.take(type);
    await server.expectOk('DELETE', `/workflow/${childOf(await server.workflow(up))}`);
    expect(states(await server.waitForStatus(up, 'TERMINATED'))).toEqual(['s CANCELED 0']);
  });
});

describe('restart', () => {
  it('begins anew under its id, with the definition it had or with the latest', async () => {
    const [first, second] = [await once(), await once()];
    const name = await server.defineWorkflow([first]);
    const workflowId = await server.start(name, { input: { i: 1 }, correlationId: 'c' });
    await end(first);
    await server.waitForStatus(workflowId, 'COMPLETED');
    const tasks = [worker(second, 'b')];
    await server.expectOk('PUT', '/metadata/workflow', [{ name, version: 2, tasks }]);
    expect((await order('POST', workflowId, '/restart')).status).toBe(204);
    expect(await server.workflow(workflowId)).toMatchObject({
      workflowVersion: 1,
      input: { i: 1 },
      correlationId: 'c',
    });
    await end(first);
    await server.waitForStatus(workflowId, 'COMPLETED');
    expect((await order('POST', workflowId, '/restart?useLatestDefinitions=true')).status).toBe(204);
    const restarted = await server.workflow(workflowId);
    expect(restarted.workflowVersion).toBe(2);
    expect(states(restarted)).toEqual(['b SCHEDULED 0']);
  });

  it('of what is not restartable is refused once it is complete', async () => {
    const type = await once();
    const workflow = await server.defineWorkflow([type], { restartable: false });
    const complete = await server.start(workflow);
    await end(type);
    await server.waitForStatus(complete, 'COMPLETED');
    const refused = await order('POST', complete, '/restart');
    expect(refused.status).toBe(404);
    expect(refused.body).toMatchObject({
      message: `Workflow: ${workflow}.1/${complete}.COMPLETED is non-restartable`,
    });
    const failed = await server.start(workflow);
    await end(type, 'FAILED');
    await server.waitForStatus(failed, 'FAILED');
    expect((await order('POST', failed, '/restart')).status).toBe(204);
  });

  it('of a sub-workflow brings its parent back to life', async () => {
    const type = await once();
    const child = await server.defineWorkflow([type]);
    const workflowId = await server.run([task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } })]);
    await end(type, 'FAILED');
    const childId = childOf(await server.waitForStatus(workflowId, 'FAILED'));
    expect((await order('POST', childId, '/restart')).status).toBe(204);
    await untilRunning(workflowId);
    await end(type, 'COMPLETED', { outputData: { ok: 1 } });
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(done.output).toMatchObject({ ok: 1, subWorkflowId: childId });
  });
});

describe('rerun', () => {
  it('from a task keeps the tasks before it, and may replace inputs', async () => {
    const [first, second] = [await once(), await once()];
    const workflowId = await server.run([
      worker(first, 'a'),
      worker(second, 'b', { inputParameters: { v: '${a.output.x}' } }),
    ]);
    const a = await end(first, 'COMPLETED', { outputData: { x: 1 } });
    const b = await end(second, 'FAILED');
    await server.waitForStatus(workflowId, 'FAILED');
    const unknown = await order('POST', workflowId, '/rerun', { reRunFromTaskId: 'nope' });
    expect([unknown.status, unknown.body]).toMatchObject([400, { message: 'Task nope not found' }]);
    expect((await server.workflow(workflowId)).status).toBe('FAILED');

    const from = { reRunFromTaskId: b.taskId, taskInput: { v: 9 } };
    expect((await order('POST', workflowId, '/rerun', from)).text).toBe(workflowId);
    const again = await end(second);
    expect(again).toMatchObject({
      taskId: b.taskId,
      inputData: { v: 9 },
      retryCount: 0,
      pollCount: 1,
      reasonForIncompletion: 'why',
    });
    await server.waitForStatus(workflowId, 'COMPLETED');

    const anew = { reRunFromTaskId: a.taskId, workflowInput: { z: 1 }, correlationId: 'new' };
    await order('POST', workflowId, '/rerun', anew);
    const rerun = await server.workflow(workflowId);
    expect(rerun).toMatchObject({ input: { z: 1 }, correlationId: 'new' });
    expect(states(rerun)).toEqual(['a SCHEDULED 0']);
    await end(first, 'COMPLETED', { outputData: { x: 5 } });
    expect((await end(second)).inputData).toEqual({ v: 5 });
    await server.waitForStatus(workflowId, 'COMPLETED');
  });

  it('without a task begins at the start, with new tasks', async () => {
    const type = await once();
    const workflowId = await server.run([type], { input: { n: 1 } });
    const before = await end(type);
    await server.waitForStatus(workflowId, 'COMPLETED');
    await order('POST', workflowId, '/rerun', { workflowInput: { n: 2 } });
    const after = await end(type);
    expect(after.taskId).not.toBe(before.taskId);
    expect((await server.waitForStatus(workflowId, 'COMPLETED')).input).toEqual({ n: 2 });
  });

  it('finds a task inside of a sub-workflow', async () => {
    const [first, second, last] = [await once(), await once(), await once()];
    const child = await server.defineWorkflow([first, second]);
    const workflowId = await server.run([
      task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } }),
      worker(last, 'z'),
    ]);
    await end(first);
    const failed = await end(second, 'FAILED');
    await server.waitForStatus(workflowId, 'FAILED');
    const answer = await order('POST', workflowId, '/rerun', { reRunFromTaskId: failed.taskId });
    expect(answer.text).toBe(workflowId);
    await untilRunning(workflowId);
    expect((await end(second)).taskId).toBe(failed.taskId);
    await end(last);
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(states(done)).toEqual(['s COMPLETED 0', 'z COMPLETED 0']);
    expect(states(await server.workflow(childOf(done)))).toEqual(['t0 COMPLETED 0', 't1 COMPLETED 0']);
  });

  it('from a task of a branch or of an iteration goes on from there', async () => {
    const [first, second] = [await once(), await once()];
    const forked = await server.run([
      task('f', 'FORK_JOIN', { forkTasks: [[worker(first, 'a')], [worker(second, 'b')]] }),
      task('j', 'JOIN', { joinOn: ['a', 'b'] }),
    ]);
    await end(first);
    const branch = await end(second, 'FAILED');
    await server.waitForStatus(forked, 'FAILED');
    await order('POST', forked, '/rerun', { reRunFromTaskId: branch.taskId });
    await end(second);
    const joined = await server.waitForStatus(forked, 'COMPLETED');
    expect(states(joined)).toEqual(['f COMPLETED 0', 'a COMPLETED 0', 'b COMPLETED 0', 'j COMPLETED 0']);

    const looped = await server.run([loop('l', 2, [worker(first, 'a'), worker(second, 'b')])]);
    await end(first);
    await end(second);
    const second2 = await end(first, 'FAILED');
    await server.waitForStatus(looped, 'FAILED');
    await order('POST', looped, '/rerun', { reRunFromTaskId: second2.taskId });
    await end(first);
    await end(second);
    expect(states(await server.waitForStatus(looped, 'COMPLETED'))).toEqual([
      'l COMPLETED 0',
      'a__1 COMPLETED 0',
      'b__1 COMPLETED 0',
      'a__2 COMPLETED 0',
      'b__2 COMPLETED 0',
    ]);
  });
});

function loop(ref: string, times: number, loopOver: readonly WorkflowTask[]): WorkflowTask {
  const loopCondition = `if ($.${ref}["iteration"] < ${times}) { true; } else { false; }`;
  return task(ref, 'DO_WHILE', { loopCondition, inputParameters: { [ref]: `\${${ref}}` }, loopOver });
}

describe('retry', () => {
  // A JOIN of a real server that is looked at while the retry is carried out may find the old attempts and fail again.
  it('of a fork gives failed and cancelled branches a new attempt', { timeout: 4 * SLOW_MS }, () =>
    server.oneOfSeveralPlays(async () => {
      const types = [await once(), await once(), await once()];
      const name = await server.defineWorkflow(
        [
          task('f', 'FORK_JOIN', { forkTasks: types.map((type, index) => [worker(type, `b${index}`)]) }),
          task('j', 'JOIN', { joinOn: ['b0', 'b1', 'b2'] }),
        ],
        { outputParameters: { joined: '${j.output}' } },
      );
      const workflowId = await server.start(name);
      await end(types[0]!, 'COMPLETED', { outputData: { x: 0 } });
      await end(types[1]!, 'FAILED');
      await server.waitForStatus(workflowId, 'FAILED');
      expect((await order('POST', workflowId, '/retry')).status).toBe(204);
      await end(types[1]!, 'COMPLETED', { outputData: { x: 1 } });
      await end(types[2]!, 'COMPLETED', { outputData: { x: 2 } });
      const done = await server.waitFor(async () => {
        const workflow = await server.workflow(workflowId);
        return workflow.status !== 'RUNNING' && workflow;
      }, `workflow ${workflowId} to end`);
      expect(states(done)).toEqual([
        'f COMPLETED 0',
        'b0 COMPLETED 0',
        'b1 FAILED 0',
        'b2 CANCELED 0',
        'j COMPLETED 0',
        'b1 COMPLETED 1',
        'b2 COMPLETED 1',
      ]);
      expect(done).toMatchObject({
        status: 'COMPLETED',
        output: { joined: { b0: { x: 0 }, b1: { x: 1 }, b2: { x: 2 } } },
      });
    }),
  );

  it('of a loop goes on in its iteration', async () => {
    const type = await once();
    const workflowId = await server.run([loop('l', 2, [worker(type, 'a')])]);
    await end(type);
    await end(type, 'FAILED');
    await server.waitForStatus(workflowId, 'FAILED');
    await order('POST', workflowId, '/retry');
    await end(type, 'COMPLETED', { outputData: { x: 2 } });
    const done = await server.waitForStatus(workflowId, 'COMPLETED');
    expect(done.tasks[0]?.outputData).toMatchObject({ iteration: 2, 2: { a: { x: 2 } } });
  });

  it('of a sub-workflow starts another, or goes on in it with resumeSubworkflowTasks', async () => {
    const [first, second] = [await once(), await once()];
    const inner = await server.defineWorkflow([first, second]);
    const middle = await server.defineWorkflow([
      task('m', 'SUB_WORKFLOW', { subWorkflowParam: { name: inner } }),
    ]);
    const parent = await server.defineWorkflow([
      task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: middle } }),
    ]);
    const resumed = await server.start(parent);
    await end(first);
    await end(second, 'FAILED');
    await server.waitForStatus(resumed, 'FAILED');
    await order('POST', resumed, '/retry?resumeSubworkflowTasks=true');
    await untilRunning(resumed);
    await end(second);
    const done = await server.waitForStatus(resumed, 'COMPLETED');
    expect(states(done)).toEqual(['s COMPLETED 0']);
    const below = await server.workflow(childOf(await server.workflow(childOf(done))));
    expect(states(below)).toEqual(['t0 COMPLETED 0', 't1 FAILED 0', 't1 COMPLETED 1']);

    const anew = await server.start(parent);
    await end(first, 'FAILED');
    await server.waitForStatus(anew, 'FAILED');
    await order('POST', anew, '/retry');
    await end(first);
    await end(second);
    const again = await server.waitForStatus(anew, 'COMPLETED');
    expect(states(again)).toEqual(['s FAILED 0', 's COMPLETED 1']);
    expect(childOf(again, 1)).not.toBe(childOf(again, 0));
  });

  it('revives what was terminated', async () => {
    const type = await once();
    const workflowId = await server.run([type]);
    await server.expectOk('DELETE', `/workflow/${workflowId}`);
    expect((await order('POST', workflowId, '/retry')).status).toBe(204);
    await end(type);
    expect(states(await server.waitForStatus(workflowId, 'COMPLETED'))).toEqual([
      't0 CANCELED 0',
      't0 COMPLETED 1',
    ]);
  });
});

describe('skip task', () => {
  it('passes by what has not begun', async () => {
    const types = [await once(), await once(), await once()];
    const workflowId = await server.run([
      worker(types[0]!, 'a'),
      worker(types[1]!, 'b'),
      worker(types[2]!, 'c', { inputParameters: { v: '${b.output.x}' } }),
    ]);
    expect((await order('PUT', workflowId, '/skiptask/b')).status).toBe(200);
    for (const ref of ['a', 'b', 'zz']) {
      expect((await order('PUT', workflowId, `/skiptask/${ref}`)).status).toBe(500);
    }
    await end(types[0]!);
    expect((await end(types[2]!)).inputData).toEqual({ v: null });
    expect(states(await server.waitForStatus(workflowId, 'COMPLETED'))).toEqual([
      'b SKIPPED 0',
      'a COMPLETED 0',
      'c COMPLETED 0',
    ]);
  });

  it('leaves the output to the last task that was carried out', async () => {
    const [first, second] = [await once(), await once()];
    const workflowId = await server.run([first, second]);
    await order('PUT', workflowId, '/skiptask/t1', { taskInput: { q: 1 }, taskOutput: { w: 2 } });
    await end(first, 'COMPLETED', { outputData: { x: 1 } });
    expect((await server.waitForStatus(workflowId, 'COMPLETED')).output).toEqual({ x: 1 });
  });
});

describe('signal', () => {
  it('ends the first WAIT task, also inside of a sub-workflow', async () => {
    const child = await server.defineWorkflow([task('w', 'WAIT')]);
    const direct = await server.start(child);
    const parent = await server.run([task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } })]);
    for (const workflowId of [direct, parent]) {
      await untilWaiting(workflowId);
      await server.expectOk('POST', `/tasks/${workflowId}/COMPLETED/signal`, { x: 1 });
      expect((await server.waitForStatus(workflowId, 'COMPLETED')).output).toMatchObject({ x: 1 });
    }
    // Nothing waits any more: nobody minds, unless an answer is wanted.
    expect((await server.request('POST', `/tasks/${direct}/COMPLETED/signal`, {})).status).toBe(200);
    expect((await server.request('POST', `/tasks/${direct}/COMPLETED/signal/sync`, {})).body).toMatchObject({
      status: 404,
      message: `Found no blocked task in workflow ${direct} to signal`,
    });
    expect((await server.request('POST', '/tasks/nope/COMPLETED/signal', {})).status).toBe(404);
  });

  it('can fail the task', async () => {
    const workflowId = await server.run([task('w', 'WAIT')]);
    await untilWaiting(workflowId);
    await server.expectOk('POST', `/tasks/${workflowId}/FAILED/signal`, {});
    expect(states(await server.waitForStatus(workflowId, 'FAILED'))).toEqual(['w FAILED 0']);
  });

  it.each<[strategy: string, answer: JsonObject]>([
    ['TARGET_WORKFLOW', { status: 'RUNNING', tasks: [{ referenceTaskName: 's' }] }],
    [
      'BLOCKING_WORKFLOW',
      { status: 'RUNNING', tasks: [{ referenceTaskName: 'w' }, { status: 'IN_PROGRESS' }] },
    ],
    ['BLOCKING_TASK', { status: 'IN_PROGRESS', referenceTaskName: 'v', taskType: 'WAIT', input: { j: 2 } }],
    ['BLOCKING_TASK_INPUT', { status: 'IN_PROGRESS', referenceTaskName: 'v', input: { j: 2 } }],
  ])('with an answer: %s', async (strategy, answer) => {
    const child = await server.defineWorkflow([
      task('w', 'WAIT'),
      task('v', 'WAIT', { inputParameters: { j: 2 } }),
    ]);
    const workflowId = await server.run([task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } })]);
    await untilWaiting(workflowId);
    const path = `/tasks/${workflowId}/COMPLETED/signal/sync?returnStrategy=${strategy}`;
    expect((await server.expectOk('POST', path, { x: 1 })).body).toMatchObject({
      responseType: strategy,
      targetWorkflowId: workflowId,
      targetWorkflowStatus: 'RUNNING',
      requestId: expect.any(String),
      signalTimeout: false,
      ...answer,
    });
    const last = await server.request('POST', path, { x: 2 });
    if (strategy.startsWith('BLOCKING_TASK')) expect(last.status).toBe(500);
    else expect(last.body).toMatchObject({ targetWorkflowStatus: 'COMPLETED', signalTimeout: false });
  });

  it('with an answer waits as long as it may', async () => {
    const workflowId = await server.run([task('w', 'WAIT'), await once()]);
    await untilWaiting(workflowId);
    const path = `/tasks/${workflowId}/COMPLETED/signal/sync?timeoutMillis=300`;
    expect((await server.expectOk('POST', path, {})).body).toMatchObject({
      signalTimeout: true,
      status: 'RUNNING',
    });
  });
});

describe('synchronous execution', () => {
  it('answers when the workflow has ended', async () => {
    const workflow = await server.defineWorkflow([task('n', 'NOOP')]);
    const path = `/workflow/execute/${workflow}/0?requestId=mine`;
    expect((await server.expectOk('POST', path, { input: { q: 1 } })).body).toMatchObject({
      responseType: 'TARGET_WORKFLOW',
      requestId: 'mine',
      status: 'COMPLETED',
      signalTimeout: false,
      input: { q: 1 },
      tasks: [{ referenceTaskName: 'n', status: 'COMPLETED' }],
    });
    expect((await server.request('POST', '/workflow/execute/nope/1', {})).status).toBe(404);
    const task500 = await server.request('POST', `${path}&returnStrategy=BLOCKING_TASK`, {});
    expect(task500.status).toBe(500);
  });

  it('answers when a task is done that it was asked to wait for, or when its time is over', async () => {
    const type = await once();
    const workflow = await server.defineWorkflow([task('x', 'NOOP'), task('y', 'NOOP'), worker(type, 'a')]);
    const path = `/workflow/execute/${workflow}/1`;
    const refs = await server.expectOk('POST', `${path}?waitUntilTaskRef=zz,y`, {});
    expect(refs.body).toMatchObject({ status: 'RUNNING', signalTimeout: false });
    const blocking = await server.expectOk(
      'POST',
      `${path}?waitUntilTaskRef=y&returnStrategy=BLOCKING_TASK`,
      {},
    );
    expect(blocking.body).toMatchObject({ referenceTaskName: 'y', status: 'COMPLETED' });
    const late = await server.expectOk('POST', `${path}?waitForSeconds=1`, {});
    expect(late.body).toMatchObject({ status: 'RUNNING', signalTimeout: true });
    expect(late.ms).toBeGreaterThan(900);
  });

  const execute = (workflow: string, ref: string): Promise<Answer<JsonObject>> =>
    server.request(
      'POST',
      `/workflow/execute/${workflow}/1?waitForSeconds=20&waitUntilTaskRef=${ref}&returnStrategy=BLOCKING_TASK`,
      {},
    );

  it('answers the task that it was asked to wait for, also when the workflow has ended with it', async () => {
    const workflow = await server.defineWorkflow([task('n', 'NOOP')]);
    expect((await execute(workflow, 'n')).body).toMatchObject({
      referenceTaskName: 'n',
      status: 'COMPLETED',
      targetWorkflowStatus: 'COMPLETED',
      signalTimeout: false,
    });
    expect((await execute(workflow, 'other')).status).toBe(500);
  });

  it('answers an attempt that has failed, although another one follows', async () => {
    const type = await server.defineTask({ retryCount: 1, retryDelaySeconds: 600 });
    const workflow = await server.defineWorkflow([worker(type, 'a')]);
    const executing = execute(workflow, 'a');
    const failed = await end(type, 'FAILED');
    expect((await executing).body).toMatchObject({
      taskId: failed.taskId,
      status: 'FAILED',
      targetWorkflowStatus: 'RUNNING',
    });
  });

  it('answers the task that was scheduled first, of those that block', async () => {
    const workflow = await server.defineWorkflow([
      task('f', 'FORK_JOIN', { forkTasks: [[task('w', 'WAIT')], [task('n', 'NOOP')]] }),
      task('j', 'JOIN', { joinOn: ['w', 'n'] }),
    ]);
    expect((await execute(workflow, 'n')).body).toMatchObject({
      referenceTaskName: 'w',
      status: 'IN_PROGRESS',
    });
  });

  it('takes a definition of its own', async () => {
    const workflowDef = { name: 'other', tasks: [task('w', 'WAIT')] };
    const answer = await server.expectOk('POST', `/workflow/execute/${server.name('inline')}/1`, {
      workflowDef,
      input: { q: 1 },
    });
    expect(answer.body).toMatchObject({
      status: 'RUNNING',
      signalTimeout: false,
      input: { q: 1, _systemMetadata: { dynamic: true } },
    });
  });
});

describe('results by reference name', () => {
  it('are merged into the output; what is not there is no error', async () => {
    const type = await once();
    const workflowId = await server.run([worker(type, 'a'), task('h', 'HUMAN')]);
    await server.expectOk('POST', `/tasks/${workflowId}/a/IN_PROGRESS?workerid=me`, { p: 1 });
    await server.expectOk('POST', `/tasks/${workflowId}/a/COMPLETED`, { q: 2 });
    const [done] = (await server.workflow(workflowId)).tasks;
    expect(done).toMatchObject({ status: 'COMPLETED', outputData: { p: 1, q: 2 } });
    await server.waitFor(
      async () => (await server.workflow(workflowId)).tasks[1]?.status === 'IN_PROGRESS',
      'HUMAN',
    );
    for (const where of [`${workflowId}/zz`, 'nope/a']) {
      const answer = await server.request('POST', `/tasks/${where}/COMPLETED`, {});
      expect([answer.status, answer.text]).toEqual([200, '']);
    }
    const failed = await server.expectOk<Workflow>('POST', `/tasks/${workflowId}/h/FAILED/sync`, {});
    expect(failed.body.status).toBe('FAILED');
    expect((await server.request('POST', `/tasks/${workflowId}/h/COMPLETED/sync`, {})).status).toBe(404);
  });
});

describe('resetcallbacks', () => {
  it('makes delayed tasks available at once', async () => {
    const type = await server.defineTask({ retryCount: 2, retryDelaySeconds: 300 });
    const workflowId = await server.run([type]);
    await end(type, 'FAILED');
    await server.waitFor(async () => (await server.workflow(workflowId)).tasks.length === 2, 'the retry');
    expect((await server.workflow(workflowId)).tasks[1]?.callbackAfterSeconds).toBe(300);
    expect((await order('POST', workflowId, '/resetcallbacks')).status).toBe(204);
    expect((await end(type, 'IN_PROGRESS', { callbackAfterSeconds: 300 })).retryCount).toBe(1);
    await order('POST', workflowId, '/resetcallbacks');
    await end(type);
    await server.waitForStatus(workflowId, 'COMPLETED');
    expect((await order('POST', workflowId, '/resetcallbacks')).status).toBe(409);
  });
});

describe('remove', () => {
  it('archives only what has ended, and forgets anything without archiving', async () => {
    const type = await once();
    const workflow = await server.defineWorkflow([type]);
    const running = await server.start(workflow);
    const refused = await order('DELETE', running, '/remove');
    expect([refused.status, refused.body]).toMatchObject([
      400,
      { message: `Cannot archive workflow: ${running} with status: RUNNING` },
    ]);
    expect((await order('DELETE', running, '/remove?archiveWorkflow=false')).status).toBe(200);
    expect((await order('GET', running, '')).status).toBe(404);
    expect((await server.poll(type, 'count=1&timeout=200')).body).toEqual([]);

    const complete = await server.start(workflow);
    const { taskId } = await end(type);
    await server.waitForStatus(complete, 'COMPLETED');
    expect((await order('DELETE', complete, '/terminate-remove')).status).toBe(409);
    expect((await order('DELETE', complete, '/remove')).status).toBe(200);
    expect((await order('GET', complete, '')).status).toBe(404);
    expect((await server.request('GET', `/tasks/${taskId}`)).status).toBe(404);

    const both = await server.start(workflow);
    expect((await order('DELETE', both, '/terminate-remove?reason=x')).status).toBe(200);
    expect((await order('GET', both, '')).status).toBe(404);
  });
});

describe('commands', () => {
  it.each([
    ['PUT', '/pause'],
    ['PUT', '/resume'],
    ['DELETE', ''],
    ['POST', '/restart'],
    ['POST', '/retry'],
    ['POST', '/rerun'],
    ['POST', '/resetcallbacks'],
    ['PUT', '/skiptask/a'],
    ['DELETE', '/remove'],
    ['DELETE', '/terminate-remove'],
  ])('%s %s to an unknown workflow is answered 404', async (method, what) => {
    const answer = await order(method, 'nope', what, what === '/rerun' ? {} : undefined);
    expect([answer.status, answer.body]).toMatchObject([
      404,
      { message: 'No such workflow found by id: nope' },
    ]);
  });

  it('to decide may be given at any time', async () => {
    const workflowId = await server.run([await once()]);
    await server.expectOk('PUT', `/workflow/decide/${workflowId}`);
    await server.expectOk('DELETE', `/workflow/${workflowId}`);
    await server.expectOk('PUT', `/workflow/decide/${workflowId}`);
    expect((await server.request('PUT', '/workflow/decide/nope')).status).toBe(404);
  });
});

describe('commands in bulk', () => {
  const bulk = (method: string, what: string, ids: unknown): Promise<Answer> =>
    server.request(method, `/workflow/bulk/${what}`, ids);
  const unknown = { nope: 'No such workflow found by id: nope' };

  it('report for each workflow what became of it', async () => {
    const type = await once();
    const workflow = await server.defineWorkflow([type]);
    const [x, y] = [await server.start(workflow), await server.start(workflow)];
    const done = (...bulkSuccessfulResults: string[]): JsonObject => ({
      bulkErrorResults: unknown,
      bulkSuccessfulResults,
    });
    expect((await bulk('PUT', 'pause', [x, y, 'nope'])).body).toEqual(done(x, y));
    expect((await bulk('PUT', 'resume', [x, 'nope'])).body).toEqual(done(x));
    expect((await bulk('PUT', 'resume', [x, y])).body).toEqual({
      bulkErrorResults: {
        [x]: `The workflow ${x} is not PAUSED so cannot resume. Current status is RUNNING`,
      },
      bulkSuccessfulResults: [y],
    });
    expect((await bulk('POST', 'retry', [x])).body).toMatchObject({
      bulkErrorResults: { [x]: 'Workflow is still running.  status=RUNNING' },
    });
    expect((await bulk('POST', 'terminate?reason=all', [x, y, 'nope'])).body).toEqual(done(x, y));
    expect((await server.workflow(x)).reasonForIncompletion).toBe('all');
    expect((await bulk('POST', 'restart', [x, 'nope'])).body).toEqual(done(x));
    expect((await bulk('DELETE', 'remove', [x, y, 'nope'])).body).toEqual({
      bulkErrorResults: { ...unknown, [x]: `Cannot archive workflow: ${x} with status: RUNNING` },
      bulkSuccessfulResults: [y],
    });
    const found = await bulk('POST', 'search?includeTasks=false', [x, 'nope']);
    expect(found.body).toMatchObject({
      bulkErrorResults: unknown,
      bulkSuccessfulResults: [{ workflowId: x, tasks: [] }],
    });
    await bulk('DELETE', 'terminate-remove', [x]);
    expect((await order('GET', x, '')).status).toBe(404);
  });

  it.each([
    ['PUT', 'pause', 'pauseWorkflow'],
    ['PUT', 'resume', 'resumeWorkflow'],
    ['POST', 'restart', 'restart'],
    ['POST', 'retry', 'retry'],
    ['POST', 'terminate', 'terminate'],
    ['DELETE', 'remove', 'deleteWorkflow'],
    ['DELETE', 'terminate-remove', 'terminateRemove'],
    ['POST', 'search', 'searchWorkflow'],
  ])('%s %s takes between one and a thousand', async (method, what, name) => {
    const path = `${name}.arg0`;
    expect((await bulk(method, what, [])).body).toMatchObject({
      status: 400,
      validationErrors: [{ path, message: 'WorkflowIds list cannot be null.' }],
    });
    const many = Array.from({ length: 1001 }, (_, index) => `x${index}`);
    expect((await bulk(method, what, many)).body).toMatchObject({
      status: 400,
      validationErrors: [
        { path, message: 'Cannot process more than 1000 workflows. Please use multiple requests.' },
      ],
    });
  });
});

describe('POST /workflow/test', () => {
  const run = (tasks: readonly WorkflowTask[], mocks: JsonObject, fields: JsonObject = {}) =>
    server.request<Workflow>('POST', '/workflow/test', {
      name: 'tested',
      workflowDef: { name: 'tested', tasks, ...fields },
      taskRefToMockOutput: mocks,
    });

  it('feeds results to the tasks of workers and of the server', async () => {
    const type = server.name('task');
    const answer = await run(
      [
        worker(type, 'a', { retryCount: 1 }),
        task('h', 'HTTP', {
          inputParameters: { http_request: { uri: 'http://127.0.0.1:1/', method: 'GET' } },
        }),
        worker(type, 'b', { inputParameters: { v: '${a.output.x}', h: '${h.output.response}' } }),
      ],
      {
        a: [
          { status: 'FAILED', output: {} },
          { status: 'COMPLETED', output: { x: 1 } },
        ],
        h: [{ output: { response: 'mock' } }],
        b: [{ output: { y: 2 } }],
      },
      { outputParameters: { o: '${b.output.y}' } },
    );
    expect(answer.body).toMatchObject({ status: 'COMPLETED', output: { o: 2 } });
    expect(states(answer.body)).toEqual(['a FAILED 0', 'a COMPLETED 1', 'h COMPLETED 0', 'b COMPLETED 0']);
    expect(answer.body.tasks.at(-1)?.inputData).toEqual({ v: 1, h: 'mock' });
  });

  it('stops where there is no result, and keeps workers away', async () => {
    const [first, second] = [server.name('task'), server.name('task')];
    const answer = await run([worker(first, 'a'), worker(second, 'b')], { a: [{ output: { x: 1 } }] });
    expect(answer.body.status).toBe('RUNNING');
    expect(states(answer.body)).toEqual(['a COMPLETED 0', 'b SCHEDULED 0']);
    expect((await server.poll(second, 'count=1&timeout=200')).body).toEqual([]);
    expect((await server.request('POST', '/workflow/test', { name: 'nope' })).status).toBe(404);
  });

  it('fails as its tasks do', async () => {
    const answer = await run([worker(server.name('task'), 'a')], {
      a: [{ status: 'FAILED_WITH_TERMINAL_ERROR', output: { x: 1 } }],
    });
    expect(answer.body).toMatchObject({ status: 'FAILED' });
  });

  it('goes into loops and sub-workflows', async () => {
    const type = server.name('task');
    const child = await server.defineWorkflow([worker(type, 'c')]);
    const answer = await server.request<Workflow>('POST', '/workflow/test', {
      name: 'tested',
      workflowDef: {
        name: 'tested',
        tasks: [
          loop('l', 2, [worker(type, 'a')]),
          task('s', 'SUB_WORKFLOW', { subWorkflowParam: { name: child } }),
        ],
      },
      taskRefToMockOutput: { a: [{ output: { x: 1 } }, { output: { x: 2 } }] },
      subWorkflowTestRequest: { s: { name: child, taskRefToMockOutput: { c: [{ output: { z: 1 } }] } } },
    });
    expect(answer.body).toMatchObject({ status: 'COMPLETED', output: { z: 1 } });
  });
});
