import fc from 'fast-check';
import type { JsonObject, Task, Workflow } from '../../src/conductor/wire/types.js';
import { conductorEngine } from '../../src/server/engine/conductor-engine.js';
import type { Engine, EngineOptions, Evaluator } from '../../src/server/engine/engine.js';
import type { ResultStatus } from '../../src/server/engine/task-updates.js';
import { isTerminalTask, isTerminalWorkflow } from '../../src/server/model/models.js';
import { workflowView } from '../../src/server/model/views.js';

type OnFailure = 'fail' | 'optional' | 'permissive';

/** A part of a random workflow. Names come later, when the whole is known. */
export type Part =
  | { readonly kind: 'work'; readonly retries: number; readonly onFailure: OnFailure }
  | { readonly kind: 'noop' | 'inline' | 'variable' }
  | { readonly kind: 'switch'; readonly value: string; readonly cases: readonly (readonly Part[])[] }
  | { readonly kind: 'fork'; readonly branches: readonly (readonly Part[])[] }
  | { readonly kind: 'dynamicFork'; readonly branches: readonly OnFailure[] }
  | { readonly kind: 'loop'; readonly times: number; readonly body: readonly Part[] }
  | { readonly kind: 'subWorkflow'; readonly body: readonly Part[]; readonly optional: boolean }
  | { readonly kind: 'terminate'; readonly status: 'COMPLETED' | 'FAILED' | 'TERMINATED' };

/** What a worker does next: which of the waiting tasks it takes, and what it reports. */
export interface Move {
  readonly pick: number;
  readonly status: ResultStatus;
}

export interface RandomCase {
  readonly parts: readonly Part[];
  readonly withOutput: boolean;
  /** After these, every task is completed. */
  readonly moves: readonly Move[];
}

const onFailure = fc.constantFrom<OnFailure>('fail', 'fail', 'fail', 'optional', 'permissive');
const list = (part: fc.Arbitrary<Part>, minLength: number): fc.Arbitrary<Part[]> =>
  fc.array(part, { minLength, maxLength: 3 });

const { part } = fc.letrec<{ part: Part }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('work' as const), retries: fc.nat(2), onFailure }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('noop' as const, 'inline' as const, 'variable' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('switch' as const),
        value: fc.constantFrom('a', 'b', 'other'),
        cases: fc.array(list(tie('part'), 0), { minLength: 3, maxLength: 3 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('fork' as const),
        branches: fc.array(list(tie('part'), 1), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('dynamicFork' as const),
        branches: fc.array(onFailure, { minLength: 0, maxLength: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('loop' as const),
        times: fc.integer({ min: 1, max: 3 }),
        body: list(tie('part'), 1),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('subWorkflow' as const),
        body: list(tie('part'), 1),
        optional: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('terminate' as const),
        status: fc.constantFrom('COMPLETED' as const, 'FAILED' as const, 'TERMINATED' as const),
      }),
    },
  ),
}));

const move: fc.Arbitrary<Move> = fc.record({
  pick: fc.nat(7),
  status: fc.oneof(
    { weight: 6, arbitrary: fc.constant<ResultStatus>('COMPLETED') },
    { weight: 3, arbitrary: fc.constant<ResultStatus>('FAILED') },
    { weight: 1, arbitrary: fc.constant<ResultStatus>('FAILED_WITH_TERMINAL_ERROR') },
    { weight: 2, arbitrary: fc.constant<ResultStatus>('IN_PROGRESS') },
  ),
});

/** Workflows of every operator that is deterministic, and what their workers do. */
export const randomCase: fc.Arbitrary<RandomCase> = fc.record({
  parts: fc.array(part, { minLength: 1, maxLength: 4 }),
  withOutput: fc.boolean(),
  moves: fc.array(move, { maxLength: 12 }),
});

/** A random workflow as it is registered. */
export interface RandomDefinitions {
  readonly name: string;
  /** Sub-workflows first. */
  readonly workflows: readonly JsonObject[];
  readonly tasks: readonly JsonObject[];
}

/** Gives names to the parts of a workflow; all of them begin with the prefix. */
export function definitionsOf({ parts, withOutput }: RandomCase, prefix: string): RandomDefinitions {
  const workflows: JsonObject[] = [];
  const tasks: JsonObject[] = [];
  let count = 0;

  const workType = (retries: number): string => {
    const name = `${prefix}_t${tasks.length}`;
    tasks.push({ name, retryCount: retries, retryDelaySeconds: 0, timeoutSeconds: 0 });
    return name;
  };

  const workflow = (name: string, content: readonly Part[], isMain: boolean): void => {
    const refs: string[] = [];
    const body = listOf(content, refs);
    workflows.push({
      name,
      schemaVersion: 2,
      tasks: body,
      ownerEmail: 'random@example.com',
      ...((isMain && withOutput) || JSON.stringify(body).includes('"JOIN"')
        ? { outputParameters: { x: '${workflow.variables.x}', ...references(refs.filter(isNoJoin)) } }
        : {}),
    });
  };

  const listOf = (content: readonly Part[], refs: string[]): JsonObject[] =>
    content.flatMap((one) => tasksOf(one, refs));

  const tasksOf = (one: Part, refs: string[]): JsonObject[] => {
    const ref = `${one.kind}${count++}`;
    const inputParameters = references(refs.slice(-2));
    const task = (type: string, fields: JsonObject = {}): JsonObject => ({
      name: ref,
      taskReferenceName: ref,
      type,
      inputParameters,
      ...fields,
    });
    const join = (joinOn: readonly unknown[]): JsonObject => ({
      name: `${ref}_join`,
      taskReferenceName: `${ref}_join`,
      type: 'JOIN',
      joinOn,
    });
    // Behind the part, what its tasks gave can be referred to.
    const known = [...refs];
    refs.push(ref);
    switch (one.kind) {
      case 'work':
        return [task('SIMPLE', { name: workType(one.retries), ...flags(one.onFailure) })];
      case 'noop':
        return [task('NOOP')];
      case 'inline':
        return [
          task('INLINE', {
            inputParameters: {
              evaluatorType: 'javascript',
              expression: '$.n + 1',
              n: count,
              ...inputParameters,
            },
          }),
        ];
      case 'variable':
        return [task('SET_VARIABLE', { inputParameters: { x: ref, ...inputParameters } })];
      case 'switch': {
        const [a = [], b = [], rest = []] = one.cases;
        return [
          task('SWITCH', {
            evaluatorType: 'value-param',
            expression: 'which',
            inputParameters: { which: one.value },
            decisionCases: { a: listOf(a, [...known]), b: listOf(b, [...known]) },
            defaultCase: listOf(rest, [...known]),
          }),
        ];
      }
      case 'fork': {
        const forkTasks = one.branches.map((branch) => listOf(branch, [...known]));
        refs.push(`${ref}_join`);
        const joinOn = forkTasks.map((branch) => branch.at(-1)!['taskReferenceName']);
        return [task('FORK_JOIN', { inputParameters: {}, forkTasks }), join(joinOn)];
      }
      case 'dynamicFork': {
        const dynamicTasks = one.branches.map((failure, index) => ({
          name: workType(1),
          taskReferenceName: `${ref}_${index}`,
          type: 'SIMPLE',
          ...flags(failure),
        }));
        const inputs = Object.fromEntries(
          dynamicTasks.map(({ taskReferenceName }, index) => [taskReferenceName, { index }]),
        );
        refs.push(`${ref}_join`);
        return [
          task('FORK_JOIN_DYNAMIC', {
            dynamicForkTasksParam: 'tasks',
            dynamicForkTasksInputParamName: 'inputs',
            inputParameters: { tasks: dynamicTasks, inputs },
          }),
          join([]),
        ];
      }
      case 'loop':
        return [
          task('DO_WHILE', {
            inputParameters: {},
            loopCondition: `$.${ref}['iteration'] < ${one.times}`,
            loopOver: listOf(one.body, [...known]),
          }),
        ];
      case 'subWorkflow': {
        const name = `${prefix}_${ref}`;
        workflow(name, one.body, false);
        return [task('SUB_WORKFLOW', { subWorkflowParam: { name, version: 1 }, optional: one.optional })];
      }
      case 'terminate':
        return [
          task('TERMINATE', {
            inputParameters: {
              terminationStatus: one.status,
              workflowOutput: { by: ref },
              terminationReason: ref,
            },
          }),
        ];
    }
  };

  const name = `${prefix}_main`;
  workflow(name, parts, true);
  return { name, workflows, tasks };
}

/** What a JOIN has when its workflow fails is a matter of when the real server last came around. */
function isNoJoin(ref: string): boolean {
  return !ref.endsWith('_join');
}

function flags(failure: OnFailure): JsonObject {
  return failure === 'fail' ? {} : { [failure]: true };
}

function references(refs: readonly string[]): JsonObject {
  return Object.fromEntries(refs.map((ref) => [`of_${ref}`, `\${${ref}.output}`]));
}

/** A workflow with its sub-workflows, as it is at one moment. */
export interface Family {
  readonly workflow: Workflow;
  readonly children: ReadonlyMap<string, Family>;
}

/** @param read - a workflow by its id */
export async function familyOf(
  workflowId: string,
  read: (workflowId: string) => Promise<Workflow> | Workflow,
): Promise<Family> {
  const workflow = await read(workflowId);
  const children = new Map<string, Family>();
  for (const { subWorkflowId } of workflow.tasks) {
    if (typeof subWorkflowId === 'string' && subWorkflowId !== '') {
      children.set(subWorkflowId, await familyOf(subWorkflowId, read));
    }
  }
  return { workflow, children };
}

function* members(family: Family): Generator<Family> {
  yield family;
  for (const child of family.children.values()) yield* members(child);
}

/** The tasks that wait for a worker, in an order that does not depend on time. */
export function waitingTasks(family: Family): Task[] {
  return [...members(family)]
    .filter(({ workflow }) => !isTerminalWorkflow(workflow.status))
    .flatMap(({ workflow }) => workflow.tasks)
    .filter((task) => isWorkerTask(task) && task.status === 'SCHEDULED')
    .sort((a, b) => (a.taskDefName < b.taskDefName ? -1 : 1));
}

/** Only the types of workers are registered under the prefix of the run. */
export function isWorkerTask(task: Pick<Task, 'taskType' | 'taskDefName'>): boolean {
  return task.taskType === task.taskDefName && /_t\d+$/.test(task.taskType);
}

/** The workflows that have not ended, children first. */
export function runningIds(family: Family): string[] {
  return [...members(family)]
    .map(({ workflow }) => workflow)
    .filter((workflow) => !isTerminalWorkflow(workflow.status))
    .map((workflow) => workflow.workflowId)
    .reverse();
}

export function isOver({ workflow }: Family): boolean {
  return isTerminalWorkflow(workflow.status);
}

/**
 * What two servers have to agree on, without ids and times: workflows and tasks by what they are named. `executed` is not
 * part of it: the real server writes it down with its next decision, which a task in front of a JOIN does not set off.
 */
export function described(family: Family, prefix: string): JsonObject {
  const names = new Map<string, string>();
  const collect = ({ workflow, children }: Family, name: string): void => {
    names.set(workflow.workflowId, name);
    for (const task of workflow.tasks) {
      const taskName = `${name}/${task.referenceTaskName}#${task.retryCount}`;
      names.set(task.taskId, taskName);
      const child = task.subWorkflowId === undefined ? undefined : children.get(task.subWorkflowId);
      if (child !== undefined) collect(child, `${taskName}/child`);
    }
  };
  collect(family, 'main');
  const anonymous = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value ?? null)
        .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => names.get(id) ?? id)
        .replaceAll(prefix, 'P')
        .replaceAll(/"(createTime|updateTime)":\d+/g, '"$1":0')
        // A child's output may have one of its own, and then the real server's next task sees sometimes the one, sometimes the
        // other. Whose child a workflow is, the names say.
        .replaceAll(/"subWorkflowId":"[^"]*"/g, '"subWorkflowId":""'),
    );
  const tasks = ({ workflow }: Family): JsonObject =>
    Object.fromEntries(
      workflow.tasks
        .map((task): [string, unknown] => [
          `${task.referenceTaskName}#${task.retryCount}`,
          {
            type: task.taskType,
            status: statusIn(workflow, task),
            iteration: task.iteration,
            retried: task.retried,
            retryOf: task.retriedTaskId ?? null,
            // The real server's system tasks count how often they were looked at.
            polls: isWorkerTask(task) ? task.pollCount : null,
            // Whether a task that is cancelled says of what its workflow ended, is a matter of who comes first there.
            reason: statusIn(workflow, task) === 'CANCELED' ? null : (task.reasonForIncompletion ?? null),
            input: task.inputData,
            output: outputIn(workflow, task),
          },
        ])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return Object.fromEntries(
    [...members(family)].map((member) => {
      const { workflow } = member;
      return [
        names.get(workflow.workflowId)!,
        anonymous({
          status: workflow.status,
          reason: workflow.reasonForIncompletion ?? null,
          failed: [...(workflow.failedReferenceTaskNames ?? [])].sort(),
          input: workflow.input,
          output: workflow.output,
          variables: workflow.variables ?? {},
          tasks: tasks(member),
        }),
      ];
    }),
  );
}

/**
 * The real server's JOIN that is being looked at while its workflow fails is written back as it was, and stays IN_PROGRESS in
 * a workflow that has ended.
 */
function statusIn(workflow: Workflow, task: Task): string {
  const isLeftOver = task.taskType === 'JOIN' && isTerminalWorkflow(workflow.status);
  return isLeftOver && task.status === 'IN_PROGRESS' ? 'CANCELED' : task.status;
}

function outputIn(workflow: Workflow, task: Task): JsonObject | null {
  const status = statusIn(workflow, task);
  if (task.taskType === 'JOIN' && status === 'IN_PROGRESS') return joinOutput(workflow, task);
  // One that fails has what it happened to look at before.
  if (task.taskType === 'JOIN' && status === 'FAILED') return null;
  // The real server may still gather the output of an iteration in which a TERMINATE has ended the workflow, and a JOIN that
  // is cancelled has what it had when it was last looked at.
  if (status === 'CANCELED' && ['DO_WHILE', 'JOIN'].includes(task.taskType)) return null;
  return task.outputData;
}

/** The real server's JOIN fills its output as it comes around, the embedded one's does it when it ends. */
function joinOutput(workflow: Workflow, join: Task): JsonObject {
  const refs = join.inputData['joinOn'] as string[];
  return Object.fromEntries(
    refs.flatMap((name) => {
      const ref = join.iteration > 0 ? `${name}__${join.iteration}` : name;
      const latest = workflow.tasks.findLast((task) => task.referenceTaskName === ref);
      const isOpenJoin = latest?.taskType === 'JOIN' && latest.status === 'IN_PROGRESS';
      const output = isOpenJoin ? joinOutput(workflow, latest) : (latest?.outputData ?? {});
      return Object.keys(output).length === 0 ? [] : [[ref, output]];
    }),
  );
}

/** What a worker reports in a run: the same for every server. */
export function outputOf(
  task: Pick<Task, 'referenceTaskName' | 'retryCount'>,
  status: ResultStatus,
): JsonObject {
  return { by: task.referenceTaskName, attempt: task.retryCount, status };
}

/** Random workflows on an engine without HTTP. */
export class EngineRun {
  readonly engine: Engine;
  readonly #parts: ReturnType<typeof conductorEngine>;
  readonly workflowId: string;

  /** @param workflowId - one that the store has already */
  constructor(
    options: Omit<EngineOptions, 'systemTasks'> & { readonly evaluator: Evaluator },
    given: { readonly definitions: RandomDefinitions } | { readonly workflowId: string },
  ) {
    this.#parts = conductorEngine({ environment: () => undefined, random: () => 0, ...options });
    this.engine = this.#parts.core;
    if ('workflowId' in given) {
      this.workflowId = given.workflowId;
      this.engine.recover();
      return;
    }
    const { catalogue } = this.engine;
    const { name, tasks, workflows } = given.definitions;
    if (tasks.length > 0) catalogue.registerTaskDefs(tasks);
    for (const workflow of workflows) {
      catalogue.registerWorkflowDef(catalogue.checkWorkflowDef(workflow, 'workflow'), false);
    }
    this.workflowId = this.engine.start(catalogue.bind(catalogue.workflowDef(name, undefined)), {
      input: { n: 1 },
      priority: 0,
      taskToDomain: {},
    });
  }

  /** The state, once nothing goes on any more by itself. */
  async settled(): Promise<Family> {
    await this.engine.idle();
    return await familyOf(this.workflowId, (id) => {
      const execution = this.engine.execution(id);
      // As a client sees it.
      const view = workflowView(execution.workflow, execution.tasks(), 0);
      return JSON.parse(JSON.stringify(view)) as Workflow;
    });
  }

  /** Polls a type, as a worker does, and reports a result. @returns the task that was given out */
  async work(taskType: string, status: ResultStatus): Promise<Task> {
    const { tasks } = await this.#parts.deliveries.poll({
      taskType,
      workerId: 'worker-1',
      domain: undefined,
      count: 1,
      timeoutMs: 0,
      signal: new AbortController().signal,
    });
    const [task] = tasks;
    if (task === undefined) throw new Error(`the queue ${taskType} has no task`);
    this.#parts.updates.update({
      taskId: task.taskId,
      workflowInstanceId: task.workflowInstanceId,
      status,
      outputData: outputOf(task, status),
      reasonForIncompletion: status.startsWith('FAILED') ? `no ${task.retryCount}` : undefined,
      callbackAfterSeconds: 0,
      workerId: 'worker-1',
      subWorkflowId: undefined,
      externalOutputPayloadStoragePath: undefined,
      executionMetadata: undefined,
      logs: [],
      extendLease: false,
    });
    return task as unknown as Task;
  }
}

/** No workflow of {@link randomCase} takes more results. */
export const MOST_STEPS = 400;

/** The moves of a case, and after them completions without end. */
export function moveAt({ moves }: RandomCase, index: number): Move {
  return moves[index] ?? { pick: 0, status: 'COMPLETED' };
}

export function openTasksOf(family: Family): Task[] {
  return [...members(family)].flatMap(({ workflow }) =>
    workflow.tasks.filter((task) => !isTerminalTask(task.status)),
  );
}

export function allTasksOf(family: Family): Task[] {
  return [...members(family)].flatMap(({ workflow }) => workflow.tasks);
}
