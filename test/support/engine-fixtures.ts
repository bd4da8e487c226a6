import type { JsonObject } from '../../src/conductor/types.js';
import { adHocTaskDef, readTaskDef } from '../../src/server/engine/definitions/task-def.js';
import { bindTaskDefs, readWorkflowDef } from '../../src/server/engine/definitions/workflow-def.js';
import type { DeciderContext } from '../../src/server/engine/mappers/task-mapper.js';
import type { FullWorkflowDef, TaskModel, WorkflowModel } from '../../src/server/engine/model.js';
import { decide } from '../../src/server/engine/decider.js';
import type { Decision } from '../../src/server/engine/decision.js';

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
    idempotencyKey: undefined,
    tasks: [],
    status: 'RUNNING',
    updateTime: START,
    endTime: 0,
    lastRetriedTime: 0,
    output: {},
    variables: {},
    reasonForIncompletion: undefined,
    failedReferenceTaskNames: new Set(),
    failedTaskNames: new Set(),
    ...fields,
  };
}

export function contextAt(now: number, fields: Partial<DeciderContext> = {}): DeciderContext {
  let ids = 0;
  return { now, random: () => 0, newId: () => `id-${now}-${++ids}`, environment: () => undefined, ...fields };
}

/** Decides and carries it out in the plainest way, so that a test can play a workflow through. */
export function step(workflow: WorkflowModel, now: number): Decision {
  const decision = decide(workflow, contextAt(now));
  for (const [task, change] of decision.changes) Object.assign(task, change);
  workflow.tasks.push(...decision.schedule);
  if (decision.end !== undefined) {
    workflow.status = decision.end.status;
    workflow.output = decision.end.output;
    workflow.reasonForIncompletion = decision.end.reason;
  }
  return decision;
}

export function lastTask(workflow: WorkflowModel): TaskModel {
  const task = workflow.tasks.at(-1);
  if (task === undefined) throw new Error('the workflow has no task');
  return task;
}
