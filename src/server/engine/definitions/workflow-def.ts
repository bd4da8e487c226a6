import type { JsonObject } from '../../../conductor/types.js';
import { notThereYet } from '../api-error.js';
import { splitExpressions } from '../expressions.js';
import { mapperFor } from '../mappers/registry.js';
import type { FullTaskDef, FullWorkflowDef, FullWorkflowTask } from '../model.js';
import {
  readArray,
  readBoolean,
  readInt,
  readMap,
  readObject,
  readOneOf,
  readOptionalInt,
  readString,
  readStrings,
  withoutNulls,
} from './fields.js';
import { readTaskDef } from './task-def.js';

/** A workflow definition from a request, with the real server's defaults. */
export function readWorkflowDef(value: unknown): FullWorkflowDef {
  const body = withoutNulls(readObject(value, 'a workflow definition'));
  return {
    ...body,
    createTime: readInt(body, 'createTime', 0),
    updateTime: readInt(body, 'updateTime', 0),
    name: readString(body, 'name') ?? '',
    version: readInt(body, 'version', 1),
    tasks: body['tasks'] === undefined ? [] : readArray(body['tasks'], 'tasks').map(readWorkflowTask),
    inputParameters: readStrings(body, 'inputParameters'),
    outputParameters: readMap(body, 'outputParameters'),
    schemaVersion: readInt(body, 'schemaVersion', 2),
    restartable: readBoolean(body, 'restartable', true),
    workflowStatusListenerEnabled: readBoolean(body, 'workflowStatusListenerEnabled', false),
    timeoutPolicy: readOneOf(body, 'timeoutPolicy', ['TIME_OUT_WF', 'ALERT_ONLY'] as const) ?? 'ALERT_ONLY',
    timeoutSeconds: readInt(body, 'timeoutSeconds', 0),
    variables: readMap(body, 'variables'),
    inputTemplate: readMap(body, 'inputTemplate'),
    enforceSchema: readBoolean(body, 'enforceSchema', true),
    metadata: readMap(body, 'metadata'),
    maskedFields: readStrings(body, 'maskedFields'),
  };
}

function readWorkflowTask(value: unknown): FullWorkflowTask {
  const { taskDefinition, ...body } = withoutNulls(readObject(value, 'a task of a workflow definition'));
  const retryCount = readOptionalInt(body, 'retryCount');
  return {
    decisionCases: {},
    defaultCase: [],
    forkTasks: [],
    joinOn: [],
    defaultExclusiveJoinTask: [],
    loopOver: [],
    onStateChange: {},
    metadata: {},
    ...body,
    name: readString(body, 'name') ?? '',
    taskReferenceName: readString(body, 'taskReferenceName') ?? '',
    inputParameters: readMap(body, 'inputParameters'),
    type: readString(body, 'type') ?? readString(body, 'workflowTaskType') ?? 'SIMPLE',
    startDelay: readInt(body, 'startDelay', 0),
    optional: readBoolean(body, 'optional', false),
    asyncComplete: readBoolean(body, 'asyncComplete', false),
    permissive: readBoolean(body, 'permissive', false),
    ...(retryCount === undefined ? {} : { retryCount }),
    ...(taskDefinition === undefined ? {} : { taskDefinition: readTaskDef(taskDefinition) }),
  };
}

/**
 * Refuses what the real server would run and this one cannot.
 *
 * @throws ApiError 501 that names it
 */
export function refuseUnsupported(def: FullWorkflowDef): void {
  for (const task of def.tasks) {
    const where = `task "${task.taskReferenceName}" of workflow "${def.name}"`;
    if (mapperFor(task.type) === undefined) throw notThereYet(`Task type ${task.type} (${where})`);
    const found = findUnsupportedExpression(task.inputParameters);
    if (found !== undefined) throw notThereYet(`Expression ${found} (${where})`);
  }
  const found = findUnsupportedExpression(def.outputParameters);
  if (found !== undefined) throw notThereYet(`Expression ${found} (output of workflow "${def.name}")`);
  if (typeof def['failureWorkflow'] === 'string' && def['failureWorkflow'] !== '') {
    throw notThereYet(`failureWorkflow "${def['failureWorkflow']}" (of workflow "${def.name}")`);
  }
}

function findUnsupportedExpression(value: unknown): string | undefined {
  if (typeof value === 'string') {
    for (const segment of value.includes('${') ? splitExpressions(value) : []) {
      if ('expression' in segment && /\[\?\(|workflow\.secrets\./.test(segment.expression))
        return `\${${segment.expression}}`;
    }
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const item of Object.values(value)) {
    const found = findUnsupportedExpression(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The copy of a definition that a workflow runs: each task carries the definition it runs under. */
export function bindTaskDefs(
  def: FullWorkflowDef,
  lookUp: (task: FullWorkflowTask) => FullTaskDef,
): FullWorkflowDef {
  return {
    ...def,
    tasks: def.tasks.map((task) => ({ ...task, taskDefinition: task.taskDefinition ?? lookUp(task) })),
  };
}

/** Adds what the template has and the input lacks; an empty input stays empty. */
export function withInputTemplate(input: JsonObject, template: JsonObject): JsonObject {
  return Object.keys(input).length === 0 ? input : { ...template, ...input };
}
