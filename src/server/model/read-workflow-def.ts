import { internal, notSupported } from './api-error.js';
import type { FullTaskDef, FullWorkflowDef, FullWorkflowTask } from './definitions.js';
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
import { splitExpressions, type Segment } from './expressions.js';
import { allTasks } from './graph.js';
import { compileJsonPath, UnsupportedPathError } from './json-path.js';
import { readTaskDef } from './read-task-def.js';

/** Definitions below definitions, each deeper than the last, end here. */
const MAX_DEPTH = 100;

/** A workflow definition from a request, with the real server's defaults. */
export function readWorkflowDef(value: unknown): FullWorkflowDef {
  const body = withoutNulls(readObject(value, 'a workflow definition'));
  const failureWorkflow = readString(body, 'failureWorkflow');
  return {
    ...body,
    createTime: readInt(body, 'createTime', 0),
    updateTime: readInt(body, 'updateTime', 0),
    name: readString(body, 'name') ?? '',
    version: readInt(body, 'version', 1),
    tasks: readTasks(body['tasks'], 'tasks', 0),
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
    ...(failureWorkflow === undefined ? {} : { failureWorkflow }),
  };
}

/** One task of a workflow definition, and those below it. */
export function readWorkflowTask(value: unknown): FullWorkflowTask {
  return readTask(value, 0);
}

function readTask(value: unknown, depth: number): FullWorkflowTask {
  const given = readObject(value, 'a task of a workflow definition');
  if (given['type'] === null) throw internal('the type of a task of a workflow definition must not be null');
  const { taskDefinition, ...body } = withoutNulls(given);
  const retryCount = readOptionalInt(body, 'retryCount');
  return {
    onStateChange: {},
    metadata: {},
    ...body,
    decisionCases: Object.fromEntries(
      Object.entries(readMap(body, 'decisionCases')).map(([name, list]) => [
        name,
        readTasks(list, `decisionCases.${name}`, depth + 1),
      ]),
    ),
    defaultCase: readTasks(body['defaultCase'], 'defaultCase', depth + 1),
    forkTasks: (body['forkTasks'] === undefined ? [] : readArray(body['forkTasks'], 'forkTasks')).map(
      (list) => readTasks(list, 'forkTasks', depth + 1),
    ),
    loopOver: readTasks(body['loopOver'], 'loopOver', depth + 1),
    joinOn: readStrings(body, 'joinOn'),
    defaultExclusiveJoinTask: readStrings(body, 'defaultExclusiveJoinTask'),
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

function readTasks(value: unknown, what: string, depth: number): FullWorkflowTask[] {
  if (value === undefined || value === null) return [];
  if (depth > MAX_DEPTH)
    throw notSupported(`A workflow definition that is more than ${MAX_DEPTH} levels deep`);
  return readArray(value, what).map((task) => readTask(task, depth));
}

/** The copy of a definition that a workflow runs: each task carries the definition it runs under. */
export function bindTaskDefs(
  def: FullWorkflowDef,
  lookUp: (task: FullWorkflowTask) => FullTaskDef,
): FullWorkflowDef {
  return { ...def, tasks: bindList(def.tasks, lookUp) };
}

function bindList(
  tasks: readonly FullWorkflowTask[],
  lookUp: (task: FullWorkflowTask) => FullTaskDef,
): FullWorkflowTask[] {
  return tasks.map((task) => ({
    ...task,
    taskDefinition: task.taskDefinition ?? lookUp(task),
    decisionCases: Object.fromEntries(
      Object.entries(task.decisionCases).map(([name, list]) => [name, bindList(list, lookUp)]),
    ),
    defaultCase: bindList(task.defaultCase, lookUp),
    forkTasks: task.forkTasks.map((list) => bindList(list, lookUp)),
    loopOver: bindList(task.loopOver, lookUp),
  }));
}

/**
 * Refuses types of tasks that a real server can have and this one does not.
 *
 * @throws ApiError 501 that names the type
 */
export function refuseTypes(def: FullWorkflowDef, isRefusedType: (type: string) => boolean): void {
  for (const task of allTasks(def.tasks)) {
    if (isRefusedType(task.type)) throw notSupported(`Task type ${task.type} (${placeOf(task, def)})`);
  }
}

/**
 * Refuses expressions that a real server understands and this one does not.
 *
 * @throws ApiError 501 that names what is not supported
 */
export function refuseExpressions(def: FullWorkflowDef): void {
  for (const task of allTasks(def.tasks)) {
    const refused = unsupportedExpression(task.inputParameters);
    if (refused !== undefined) throw notSupported(`${refused} (${placeOf(task, def)})`);
  }
  const refused = unsupportedExpression(def.outputParameters);
  if (refused !== undefined) throw notSupported(`${refused} (output of workflow "${def.name}")`);
}

function placeOf(task: FullWorkflowTask, def: FullWorkflowDef): string {
  return `task "${task.taskReferenceName}" of workflow "${def.name}"`;
}

function unsupportedExpression(value: unknown): string | undefined {
  if (typeof value === 'string') {
    return value.includes('=~') ? splitExpressions(value).map(problemOf).find(Boolean) : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const item of Object.values(value)) {
    const found = unsupportedExpression(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function problemOf(segment: Segment): string | undefined {
  if (!('expression' in segment)) return undefined;
  try {
    compileJsonPath(segment.expression);
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedPathError)
      return `The expression \${${segment.expression}} with ${error.message}`;
    throw error;
  }
}
