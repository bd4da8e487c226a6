import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Execution, type TaskChange } from '../../src/server/engine/execution.js';
import type { Retention, Store } from '../../src/server/engine/store.js';
import type { FullTaskDef, FullWorkflowDef } from '../../src/server/model/definitions.js';
import type { TaskModel, WorkflowModel } from '../../src/server/model/models.js';
import { readTaskDef } from '../../src/server/model/read-task-def.js';
import { FileStore } from '../../src/server/store/file-store.js';
import { MemoryStore } from '../../src/server/store/memory-store.js';
import { definition, definitionOf, START, workflowOf } from '../support/engine-fixtures.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tutti-stores-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Kind {
  readonly name: string;
  open(retention?: Retention): Store;
  /** What happens between writing and reading. */
  between(store: Store, retention?: Retention): Promise<Store>;
}

const fileOf = (): string => join(folder, 'conductor.db');
const openFile = (retention?: Retention): Store =>
  new FileStore(fileOf(), retention === undefined ? {} : { retention });

const KINDS: readonly Kind[] = [
  {
    name: 'in memory',
    open: (retention) => new MemoryStore(retention),
    between: (store) => Promise.resolve(store),
  },
  { name: 'in a file, before it is written', open: openFile, between: (store) => Promise.resolve(store) },
  {
    name: 'in a file, after it is written',
    open: openFile,
    between: async (store) => {
      await store.durable();
      return store;
    },
  },
  {
    name: 'in a file, opened again',
    open: openFile,
    between: async (store, retention) => {
      await store.close();
      return openFile(retention);
    },
  },
];

const FLOW = definition(['a', 'b']);

function taskOf(workflow: WorkflowModel, ref: string, fields: Partial<TaskModel> = {}): TaskModel {
  const workflowTask = workflow.definition.tasks.find((task) => task.taskReferenceName === ref);
  return {
    taskId: `${workflow.workflowId}/${ref}`,
    workflowInstanceId: workflow.workflowId,
    taskType: `type_${ref}`,
    taskDefName: `type_${ref}`,
    referenceTaskName: ref,
    workflowType: workflow.definition.name,
    workflowTask: workflowTask ?? { ...workflow.definition.tasks[0]!, taskReferenceName: ref },
    correlationId: undefined,
    workflowPriority: 0,
    retryCount: 0,
    retriedTaskId: undefined,
    responseTimeoutSeconds: 60,
    startDelayInSeconds: 0,
    firstScheduledTime: START,
    inputData: { text: 'ä€😀\u0000', number: 1e21, nothing: null, list: [1, [2]] },
    seq: 0,
    status: 'SCHEDULED',
    outputData: {},
    pollCount: 0,
    scheduledTime: START,
    startTime: 0,
    endTime: 0,
    updateTime: 0,
    callbackAfterSeconds: 0,
    availableAt: START,
    retried: false,
    executed: false,
    reasonForIncompletion: undefined,
    workerId: undefined,
    domain: undefined,
    subWorkflowId: undefined,
    subworkflowChanged: false,
    externalOutputPayloadStoragePath: undefined,
    executionMetadata: undefined,
    iteration: 0,
    loopTaskId: undefined,
    waitUntil: 0,
    ...fields,
  };
}

/** A workflow that a test writes; each `commit` writes what was changed since the last. */
class Written {
  readonly execution: Execution;

  constructor(workflowId: string, fields: Partial<WorkflowModel> = {}, def: FullWorkflowDef = FLOW) {
    this.execution = Execution.create(workflowOf(def, { workflowId, ...fields }));
  }

  add(ref: string, fields: Partial<TaskModel> = {}): this {
    this.execution.add(taskOf(this.execution.workflow, ref, fields));
    return this;
  }

  change(ref: string, change: TaskChange): this {
    this.execution.now = START + 1_000;
    this.execution.change(`${this.execution.workflowId}/${ref}`, change);
    return this;
  }

  remove(ref: string): this {
    this.execution.remove(`${this.execution.workflowId}/${ref}`);
    return this;
  }

  patch(change: Parameters<Execution['patch']>[0]): this {
    this.execution.patch(change);
    return this;
  }

  end(endTime: number, status: WorkflowModel['status'] = 'COMPLETED'): this {
    return this.patch({ status, endTime });
  }

  commit(store: Store): this {
    store.commit(this.execution.takeChanges());
    return this;
  }

  get stored() {
    return { workflow: this.execution.workflow, tasks: [...this.execution.tasks()] };
  }
}

const ids = (workflows: Iterable<WorkflowModel>): string[] =>
  Array.from(workflows, (workflow) => workflow.workflowId).sort();
const taskIds = (tasks: Iterable<TaskModel>): string[] => Array.from(tasks, (task) => task.taskId).sort();

describe.each(KINDS)('a store $name', ({ open, between }) => {
  let store: Store;
  beforeEach(() => (store = open()));
  afterEach(() => store.close());
  const settle = async (): Promise<void> => {
    store = await between(store);
  };

  describe('executions', () => {
    it('gives back a workflow with its tasks, in the order of their scheduling', async () => {
      const flow = new Written('w', { input: { deep: [{ x: null }] }, correlationId: 'c' })
        .add('b')
        .add('a', { outputData: { large: 'x'.repeat(100_000) } })
        .commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(flow.stored);
      expect(store.getExecution('w')!.tasks.map((task) => task.referenceTaskName)).toEqual(['b', 'a']);
      expect(store.getWorkflow('w')).toEqual(flow.stored.workflow);
      expect(store.getTask('w/a')).toEqual(flow.execution.task('w/a'));
    });

    it('knows nothing of what does not exist', async () => {
      await settle();
      expect(store.getExecution('no')).toBeUndefined();
      expect(store.getWorkflow('no')).toBeUndefined();
      expect(store.getTask('no')).toBeUndefined();
      expect([...store.findTasks({ taskId: 'no' })]).toEqual([]);
      expect([...store.findWorkflows({ workflowId: 'no' })]).toEqual([]);
    });

    it('keeps the order of tasks when an earlier one changes', async () => {
      const flow = new Written('w').add('a').add('b').commit(store);
      await settle();
      flow.change('a', { status: 'COMPLETED', outputData: { x: 1 } }).commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(flow.stored);
    });

    it('changes a finished workflow, and opens it again', async () => {
      const flow = new Written('w')
        .add('a')
        .add('b')
        .end(START + 1)
        .commit(store);
      await settle();
      flow.patch({ output: { late: true } }).commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(flow.stored);
      flow
        .patch({ status: 'RUNNING', endTime: 0, input: { other: true } })
        .change('b', { retried: true })
        .commit(store);
      await settle();
      expect([...store.openExecutions()]).toEqual([flow.stored]);
    });

    it('keeps each task under the definition that it was scheduled with', async () => {
      const flow = new Written('w').add('a').commit(store);
      await settle();
      const later = definition(['a', 'b'], { taskFields: { optional: true }, fields: { version: 2 } });
      const before = flow.stored;
      const execution = new Execution({ ...before.workflow, definition: later }, before.tasks);
      execution.patch({ priority: 7 });
      execution.add(taskOf(execution.workflow, 'b'));
      store.commit(execution.takeChanges());
      await settle();
      const { workflow, tasks } = store.getExecution('w')!;
      expect(workflow.definition).toEqual(later);
      expect(tasks.map((task) => task.workflowTask)).toEqual([FLOW.tasks[0], later.tasks[1]]);
    });

    it('keeps what the definition of a workflow does not say: tasks of a dynamic fork, and iterations', async () => {
      const def = definitionOf([
        {
          name: 'loop',
          taskReferenceName: 'loop',
          type: 'DO_WHILE',
          loopCondition: 'false',
          loopOver: [{ name: 'a', taskReferenceName: 'a' }],
        },
      ]);
      const flow = new Written('w', {}, def);
      const inLoop = def.tasks[0]!.loopOver[0]!;
      flow.add('a__2', { workflowTask: inLoop, iteration: 2 });
      flow.add('forked', { workflowTask: { ...inLoop, name: 'else', taskReferenceName: 'forked' } });
      flow.commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(flow.stored);
    });

    it('removes tasks with their logs', async () => {
      const flow = new Written('w').add('a').add('b').commit(store);
      store.addLogs([{ taskId: 'w/a', log: 'gone', createdTime: 1 }]);
      await settle();
      flow.remove('a').patch({ priority: 1 }).commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(flow.stored);
      expect(store.getTask('w/a')).toBeUndefined();
      expect(store.getLogs('w/a')).toEqual([]);
      expect([...store.findTasks({ taskId: 'w/a' })]).toEqual([]);
    });

    it('removes a workflow with all that belongs to it, and takes another under its id', async () => {
      const flow = new Written('w').add('a').commit(store);
      flow.change('a', { status: 'IN_PROGRESS' }).commit(store);
      store.addLogs([{ taskId: 'w/a', log: 'gone', createdTime: 1 }]);
      await settle();
      store.removeExecution('w');
      store.removeExecution('never there');
      expect(store.getExecution('w')).toBeUndefined();
      expect(store.getWorkflow('w')).toBeUndefined();
      expect(store.getTask('w/a')).toBeUndefined();
      await settle();
      expect(store.getExecution('w')).toBeUndefined();
      expect(store.getTask('w/a')).toBeUndefined();
      expect(store.getLogs('w/a')).toEqual([]);
      expect([...store.findTasks({ taskType: 'type_a' })]).toEqual([]);
      expect([...store.findWorkflows({})]).toEqual([]);
      const again = new Written('w', { input: { again: true } }).add('b').commit(store);
      await settle();
      expect(store.getExecution('w')).toEqual(again.stored);
    });

    it('writes two workflows with one change', async () => {
      const [first, second] = [new Written('w1').add('a'), new Written('w2')];
      const changes = first.execution.takeChanges();
      store.commit({
        ...changes,
        workflows: [...changes.workflows, ...second.execution.takeChanges().workflows],
      });
      await settle();
      expect(store.getExecution('w1')).toEqual(first.stored);
      expect(store.getExecution('w2')).toEqual(second.stored);
    });

    it('lists the workflows that have not ended', async () => {
      const running = new Written('running').add('a').commit(store);
      const paused = new Written('paused', { status: 'PAUSED' }).commit(store);
      new Written('over').commit(store).end(START).commit(store);
      await settle();
      expect([...store.openExecutions()]).toEqual([running.stored, paused.stored]);
    });
  });

  describe('searches', () => {
    beforeEach(async () => {
      new Written('w1', { correlationId: 'c1' }).add('a').add('b').commit(store);
      const other = { ...FLOW, name: 'other' };
      const w2 = new Written('w2', { parentWorkflowId: 'w1' }, other).add('a').add('b').commit(store);
      w2.change('a', { status: 'IN_PROGRESS' }).commit(store);
      w2.change('b', { status: 'COMPLETED' }).commit(store);
      const w3 = new Written('w3', { correlationId: 'c1' }).add('a').commit(store);
      w3.change('a', { status: 'FAILED' })
        .end(START + 5, 'FAILED')
        .commit(store);
      await settle();
    });

    it.each([
      [{}, ['w1', 'w2', 'w3']],
      [{ workflowId: 'w2' }, ['w2']],
      [{ name: 'flow' }, ['w1', 'w3']],
      [{ status: 'RUNNING' as const }, ['w1', 'w2']],
      [{ status: 'FAILED' as const }, ['w3']],
      [{ status: 'PAUSED' as const }, []],
      [{ name: 'flow', status: 'FAILED' as const }, ['w3']],
      [{ correlationId: 'c1' }, ['w1', 'w3']],
      [{ correlationId: 'c1', name: 'flow', status: 'RUNNING' as const }, ['w1']],
      [{ parentId: 'w1' }, ['w2']],
    ])('find workflows by %j', (filter, expected) => {
      expect(ids(store.findWorkflows(filter))).toEqual(expected);
    });

    it.each([
      [{}, ['w2/a', 'w2/b', 'w3/a']],
      [{ taskId: 'w2/a' }, ['w2/a']],
      [{ taskId: 'w1/a' }, []],
      [{ workflowId: 'w2' }, ['w2/a', 'w2/b']],
      [{ workflowId: 'w1' }, []],
      [{ taskType: 'type_a' }, ['w2/a', 'w3/a']],
      [{ status: 'COMPLETED' as const }, ['w2/b']],
      [{ taskType: 'type_a', status: 'FAILED' as const }, ['w3/a']],
      [{ taskType: 'type_b', status: 'FAILED' as const }, []],
    ])('find tasks that were changed by %j', (filter, expected) => {
      expect(taskIds(store.findTasks(filter))).toEqual(expected);
    });

    it('find each row once, also among many', async () => {
      for (let index = 0; index < 600; index++) {
        const flow = new Written(`many-${index}`).add('a').commit(store);
        flow.change('a', { status: index % 2 === 0 ? 'IN_PROGRESS' : 'COMPLETED' }).commit(store);
      }
      await settle();
      expect(new Set(ids(store.findWorkflows({ name: 'flow', status: 'RUNNING' }))).size).toBe(601);
      expect(ids(store.findWorkflows({}))).toHaveLength(603);
      expect(taskIds(store.findTasks({ taskType: 'type_a' }))).toHaveLength(602);
      expect(taskIds(store.findTasks({ status: 'IN_PROGRESS' }))).toHaveLength(301);
      expect(taskIds(store.findTasks({}))).toHaveLength(603);
    });

    it('may be left early, and go on while something is written', async () => {
      for (const found of store.findWorkflows({})) {
        new Written(`new-${found.workflowId}`).commit(store);
        break;
      }
      for (const task of store.findTasks({ status: 'IN_PROGRESS' })) {
        store.removeExecution(task.workflowInstanceId);
      }
      await settle();
      expect(ids(store.findWorkflows({})).filter((id) => !id.startsWith('new-'))).toEqual(['w1', 'w3']);
    });
  });

  describe('definitions', () => {
    const flow = (version: number, description = ''): FullWorkflowDef => ({ ...FLOW, version, description });
    const task = (name: string, retryCount = 3): FullTaskDef => readTaskDef({ name, retryCount });

    it('of tasks are replaced, listed in the order of their registration, and deleted', async () => {
      for (const name of ['b', 'a', 'c']) store.putTaskDef(task(name));
      await settle();
      store.putTaskDef(task('b', 9));
      expect(store.deleteTaskDef('c')).toBe(true);
      expect(store.deleteTaskDef('c')).toBe(false);
      await settle();
      expect(store.listTaskDefs()).toEqual([task('b', 9), task('a')]);
      expect(store.getTaskDef('b')).toEqual(task('b', 9));
      expect(store.getTaskDef('c')).toBeUndefined();
    });

    it('of workflows have versions, of which the latest counts', async () => {
      for (const version of [2, 10, 1]) store.putWorkflowDef(flow(version));
      store.putWorkflowDef(flow(2, 'again'));
      await settle();
      expect(store.getWorkflowDef('flow')).toEqual(flow(10));
      expect(store.getWorkflowDef('flow', 2)).toEqual(flow(2, 'again'));
      expect(store.listWorkflowDefs().map(({ version }) => version)).toEqual([1, 2, 10]);
      expect(store.deleteWorkflowDef('flow', 10)).toBe(true);
      expect(store.deleteWorkflowDef('flow', 10)).toBe(false);
      await settle();
      expect(store.getWorkflowDef('flow')?.version).toBe(2);
      store.deleteWorkflowDef('flow', 1);
      store.deleteWorkflowDef('flow', 2);
      await settle();
      expect(store.getWorkflowDef('flow')).toBeUndefined();
      expect(store.listWorkflowDefs()).toEqual([]);
    });

    it('of event handlers are replaced and deleted', async () => {
      const handler = {
        name: 'h',
        event: 'conductor:flow:a',
        actions: [{ action: 'start_workflow' }],
        active: true,
      };
      store.putEventHandler(handler);
      store.putEventHandler({ ...handler, name: 'gone' });
      await settle();
      store.putEventHandler({ ...handler, active: false });
      expect(store.deleteEventHandler('gone')).toBe(true);
      expect(store.deleteEventHandler('gone')).toBe(false);
      await settle();
      expect(store.listEventHandlers()).toEqual([{ ...handler, active: false }]);
      expect(store.getEventHandler('h')).toEqual({ ...handler, active: false });
    });
  });

  it('gives the lines of a log in the order of their times', async () => {
    store.addLogs([
      { taskId: 't', log: 'second', createdTime: 2 },
      { taskId: 'u', log: 'other', createdTime: 1 },
    ]);
    await settle();
    store.addLogs([
      { taskId: 't', log: 'first', createdTime: 1 },
      { taskId: 't', log: 'third', createdTime: 2 },
    ]);
    await settle();
    expect(store.getLogs('t').map(({ log }) => log)).toEqual(['first', 'second', 'third']);
    expect(store.getLogs('nobody')).toEqual([]);
  });
});

describe.each(KINDS)('a store $name keeps finished workflows', ({ open, between }) => {
  const finish = async (store: Store, name: string, end: number): Promise<void> => {
    new Written(name).add('a').commit(store).end(end).commit(store);
    await store.durable();
  };

  it('the newest so many, and those that are open', async () => {
    const retention = { finished: 2, age: Infinity };
    let store = open(retention);
    new Written('open').commit(store);
    for (let index = 1; index <= 5; index++) await finish(store, `w${index}`, START + index);
    store = await between(store, retention);
    expect(ids(store.findWorkflows({}))).toEqual(['open', 'w4', 'w5']);
    expect(store.getTask('w3/a')).toBeUndefined();
    await finish(store, 'w6', START + 6);
    expect(ids(store.findWorkflows({}))).toEqual(['open', 'w5', 'w6']);
    await store.close();
  });

  it('as long as their age allows', async () => {
    const retention = { finished: 100, age: 50 };
    let store = open(retention);
    for (const end of [0, 10, 60]) await finish(store, `w${end}`, START + end);
    store = await between(store, retention);
    expect(ids(store.findWorkflows({}))).toEqual(['w10', 'w60']);
    await store.close();
  });

  it('none', async () => {
    const store = open({ finished: 0, age: 0 });
    await finish(store, 'w', START);
    expect(ids((await between(store, { finished: 0, age: 0 })).findWorkflows({}))).toEqual([]);
  });
});
