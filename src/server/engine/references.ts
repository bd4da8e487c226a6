import type { JsonObject, WorkflowStatus } from '../../conductor/types.js';
import type { Resolver } from './expressions.js';
import { parseJsonPath, readJsonPath, type JsonPath } from './json-path.js';
import type { TaskModel, WorkflowModel } from './model.js';

/** Looks up a variable that expressions may read. */
export type Environment = (name: string) => string | undefined;

/** The variables of the process that are meant for workflows. */
const FOR_WORKFLOWS = 'CONDUCTOR_ENV_';

/**
 * What expressions may read: the variables of the process that begin with `CONDUCTOR_ENV_`, or those in `given` and no
 * others. Whoever may define a workflow reads them, so that the rest of the environment stays out of it.
 */
export function environmentOf(given?: Readonly<Record<string, string | undefined>>): Environment {
  if (given !== undefined) return (name) => (Object.hasOwn(given, name) ? given[name] : undefined);
  return (name) => (name.startsWith(FOR_WORKFLOWS) ? process.env[name] : undefined);
}

const MAX_COMPILED = 10_000;
const MAX_KEPT_LENGTH = 1_000;
const compiled = new Map<string, JsonPath | undefined>();

function compile(expression: string): JsonPath | undefined {
  if (expression.length > MAX_KEPT_LENGTH) return parseJsonPath(expression);
  if (!compiled.has(expression)) {
    // Nested expressions make new paths out of data: without a bound they would pile up.
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(expression, parseJsonPath(expression));
  }
  return compiled.get(expression);
}

/**
 * Resolves the expressions of a workflow: `workflow.…`, `<task reference name>.…` (its latest attempt),
 * `CPEWF_TASK_ID`, and names of the environment.
 *
 * @param status - the status that `workflow.status` shows
 * @param taskId - the task whose input is made
 */
export function workflowResolver(
  workflow: Readonly<WorkflowModel>,
  environment: Environment,
  { status = workflow.status, taskId }: { status?: WorkflowStatus; taskId?: string } = {},
): Resolver {
  const roots = new Map<string, unknown>();
  const rootOf = (name: string): unknown => {
    if (!roots.has(name)) {
      roots.set(name, name === 'workflow' ? workflowRoot(workflow, status) : taskRoot(workflow, name));
    }
    return roots.get(name);
  };
  return (expression) => {
    if (expression === 'CPEWF_TASK_ID') return taskId;
    const variable = environment(expression);
    if (variable !== undefined) return variable;
    const path = compile(expression);
    if (path === undefined) return undefined;
    if (isConductorEnvironment(path)) return fromConductorEnvironment(path, environment);
    return readJsonPath(path, rootOf(path.root));
  };
}

function workflowRoot(workflow: Readonly<WorkflowModel>, status: WorkflowStatus): JsonObject {
  return {
    input: workflow.input,
    output: workflow.output,
    status,
    workflowId: workflow.workflowId,
    parentWorkflowId: null,
    parentWorkflowTaskId: null,
    workflowType: workflow.definition.name,
    version: workflow.definition.version,
    correlationId: workflow.correlationId ?? null,
    reasonForIncompletion: workflow.reasonForIncompletion ?? null,
    schemaVersion: workflow.definition.schemaVersion,
    variables: workflow.variables,
  };
}

// `${workflow.env.NAME}` is CONDUCTOR_ENV_NAME; a path behind the name reads inside its JSON.
function fromConductorEnvironment(path: JsonPath, environment: Environment): unknown {
  const [, step, ...rest] = path.steps;
  if (step?.kind !== 'names') return undefined;
  const text = environment(`CONDUCTOR_ENV_${step.names[0]}`);
  if (text === undefined || rest.length === 0) return text;
  try {
    return readJsonPath({ root: path.root, steps: rest }, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isConductorEnvironment(path: JsonPath): boolean {
  const [first] = path.steps;
  return path.root === 'workflow' && first?.kind === 'names' && first.names[0] === 'env';
}

function taskRoot(workflow: Readonly<WorkflowModel>, referenceTaskName: string): JsonObject | undefined {
  for (let i = workflow.tasks.length - 1; i >= 0; i--) {
    const task = workflow.tasks[i]!;
    if (task.referenceTaskName === referenceTaskName) return taskDocument(task);
  }
  return undefined;
}

function taskDocument(task: Readonly<TaskModel>): JsonObject {
  return {
    input: task.inputData,
    output: task.outputData,
    taskType: task.taskType,
    status: task.status,
    referenceTaskName: task.referenceTaskName,
    retryCount: task.retryCount,
    correlationId: task.correlationId ?? null,
    pollCount: task.pollCount,
    taskDefName: task.taskDefName,
    scheduledTime: task.scheduledTime,
    startTime: task.startTime,
    endTime: task.endTime,
    workflowInstanceId: task.workflowInstanceId,
    taskId: task.taskId,
    reasonForIncompletion: task.reasonForIncompletion ?? null,
    callbackAfterSeconds: task.callbackAfterSeconds,
    workerId: task.workerId ?? null,
    iteration: 0,
  };
}
