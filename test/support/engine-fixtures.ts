import type { JsonObject } from '../../src/conductor/wire/types.js';
import type { DeciderContext } from '../../src/server/engine/decider-context.js';
import { decide } from '../../src/server/engine/decider.js';
import type { PendingEvaluation } from '../../src/server/engine/deciding.js';
import type { Evaluator } from '../../src/server/engine/engine.js';
import { Execution, type TaskChange } from '../../src/server/engine/execution.js';
import type { FullWorkflowDef } from '../../src/server/model/definitions.js';
import { isTerminalWorkflow, type TaskModel, type WorkflowModel } from '../../src/server/model/models.js';
import { DEFAULT_PAYLOAD_LIMITS } from '../../src/server/model/payload-limits.js';
import { adHocTaskDef, readTaskDef } from '../../src/server/model/read-task-def.js';
import { bindTaskDefs, readWorkflowDef } from '../../src/server/model/read-workflow-def.js';

export const START = 1_000_000;

/** A definition of SIMPLE tasks `a`, `b` …; `taskFields` and `defFields` are for the first of them. */
export function definition(
  refs: readonly string[],
  {
    fields = {},
    taskFields = {},
    taskDef = {},
  }: { fields?: JsonObject; taskFields?: JsonObject; taskDef?: JsonObject } = {},
): FullWorkflowDef {
  const tasks = refs.map((ref, index) => ({
    name: `type_${ref}`,
    taskReferenceName: ref,
    ...(index === 0 ? taskFields : {}),
  }));
  const def = readWorkflowDef({ name: 'flow', tasks, ...fields });
  return bindTaskDefs(def, (task) =>
    task.taskReferenceName === refs[0]
      ? readTaskDef({ name: task.name, ...taskDef })
      : adHocTaskDef(task.name, task.type),
  );
}

/** A definition of any tasks. */
export function definitionOf(tasks: readonly JsonObject[], fields: JsonObject = {}): FullWorkflowDef {
  return bindTaskDefs(readWorkflowDef({ name: 'flow', tasks, ...fields }), (task) =>
    adHocTaskDef(task.name, task.type),
  );
}

export function workflowOf(def: FullWorkflowDef, fields: Partial<WorkflowModel> = {}): WorkflowModel {
  return {
    workflowId: 'wf',
    definition: def,
    createTime: START,
    input: {},
    correlationId: undefined,
    priority: 0,
    taskToDomain: {},
    createdBy: undefined,
    event: undefined,
    parentWorkflowId: undefined,
    parentWorkflowTaskId: undefined,
    reRunFromWorkflowId: undefined,
    status: 'RUNNING',
    updateTime: START,
    endTime: 0,
    lastRetriedTime: 0,
    output: {},
    variables: {},
    reasonForIncompletion: undefined,
    failedReferenceTaskNames: [],
    failedTaskNames: [],
    failedTaskId: undefined,
    ...fields,
  };
}

export function contextAt(now: number, fields: Partial<DeciderContext> = {}): DeciderContext {
  let ids = 0;
  return {
    now,
    random: () => 0,
    newId: () => `id-${now}-${++ids}`,
    environment: () => undefined,
    taskDef: () => undefined,
    workflowDef: () => undefined,
    domainOf: () => undefined,
    results: new Map(),
    limits: { ...DEFAULT_PAYLOAD_LIMITS, workflowVariables: 1024 },
    ...fields,
  };
}

/** One decision, as a test looks at it. */
export interface Step {
  /** Tasks that are new. */
  readonly scheduled: readonly TaskModel[];
  readonly evaluations: readonly PendingEvaluation[];
  /** The workflow, when it has ended in this step. */
  readonly end: WorkflowModel | undefined;
}

/** A workflow that a test plays through, one decision at a time. */
export class PlayedWorkflow {
  readonly execution: Execution;

  constructor(def: FullWorkflowDef, fields: Partial<WorkflowModel> = {}) {
    this.execution = Execution.create(workflowOf(def, fields));
  }

  get workflow(): WorkflowModel {
    return this.execution.workflow;
  }

  get tasks(): TaskModel[] {
    return [...this.execution.tasks()];
  }

  get last(): TaskModel {
    const task = this.tasks.at(-1);
    if (task === undefined) throw new Error('the workflow has no task');
    return task;
  }

  task(ref: string): TaskModel {
    const task = this.execution.latest(ref);
    if (task === undefined) throw new Error(`the workflow has no task ${ref}`);
    return task;
  }

  step(now: number, fields: Partial<DeciderContext> = {}): Step {
    const wasOver = isTerminalWorkflow(this.workflow.status);
    this.execution.now = now;
    this.execution.touchAll();
    const { evaluations } = decide(this.execution, contextAt(now, fields));
    const { tasks } = this.execution.takeChanges();
    const isOver = !wasOver && isTerminalWorkflow(this.workflow.status);
    return {
      scheduled: tasks.filter(({ before }) => before === undefined).map(({ after }) => after),
      evaluations,
      end: isOver ? this.workflow : undefined,
    };
  }

  /** Changes the last task, or the one with a reference name. */
  change(change: TaskChange, ref?: string): void {
    this.execution.change((ref === undefined ? this.last : this.task(ref)).taskId, change);
  }

  complete(outputData: JsonObject = {}, ref?: string): void {
    this.change({ status: 'COMPLETED', outputData }, ref);
  }

  /** The same rows, as a new object that knows nothing but them. */
  copy(): PlayedWorkflow {
    const copy = new PlayedWorkflow(this.workflow.definition);
    Object.defineProperty(copy, 'execution', { value: new Execution(this.workflow, this.tasks) });
    return copy;
  }
}

/** For workflows without scripts. */
export const NO_SCRIPTS: Evaluator = {
  evaluate: () => Promise.reject(new Error('these workflows have no scripts')),
  close: () => Promise.resolve(),
};
