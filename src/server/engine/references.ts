import type { JsonObject, WorkflowStatus } from '../../conductor/wire/types.js';
import type { Resolver } from '../model/expressions.js';
import { parseJsonPath, readJsonPath, type JsonPath } from '../model/json-path.js';
import type { TaskModel, WorkflowModel } from '../model/models.js';

/** Looks up a variable by its name. */
export type Environment = (name: string) => string | undefined;

/** The variables of the process that are meant for workflows. */
const FOR_WORKFLOWS = 'CONDUCTOR_ENV_';
const SECRETS = 'CONDUCTOR_SECRET_';

/**
 * What expressions may read: the variables of the process that begin with `CONDUCTOR_ENV_`, or those in `given` and no
 * others. Whoever may define a workflow reads them, so that the rest of the environment stays out of it.
 */
export function environmentOf(given?: Readonly<Record<string, string | undefined>>): Environment {
  if (given !== undefined) return (name) => (Object.hasOwn(given, name) ? given[name] : undefined);
  return (name) => (name.startsWith(FOR_WORKFLOWS) ? process.env[name] : undefined);
}

/** The secrets of workflows by their names: `CONDUCTOR_SECRET_<name>` in the environment of the process, or in `given`. */
export function secretsOf(given?: Readonly<Record<string, string | undefined>>): Environment {
  const variables = given ?? process.env;
  return (name) => (Object.hasOwn(variables, SECRETS + name) ? variables[SECRETS + name] : undefined);
}

/** What expressions are resolved against. */
export interface ReferenceView {
  readonly workflow: WorkflowModel;
  /** The latest attempt of a task in the latest iteration of its loop. */
  latestOfBase(ref: string): TaskModel | undefined;
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
 * `CPEWF_TASK_ID`, and names of the environment. `workflow.secrets.…` stays as it is: a secret is put in where a task
 * is handed out, never into what is stored.
 *
 * @param status - the status that `workflow.status` shows
 * @param taskId - the task whose input is made
 */
export function workflowResolver(
  view: ReferenceView,
  environment: Environment,
  { status = view.workflow.status, taskId }: { status?: WorkflowStatus; taskId?: string } = {},
): Resolver {
  const roots = new Map<string, unknown>();
  const rootOf = (name: string): unknown => {
    if (!roots.has(name)) {
      const task = name === 'workflow' ? undefined : view.latestOfBase(name);
      roots.set(name, name === 'workflow' ? workflowRoot(view.workflow, status) : task && taskDocument(task));
    }
    return roots.get(name);
  };
  return (expression) => {
    if (expression === 'CPEWF_TASK_ID') return taskId;
    const variable = environment(expression);
    if (variable !== undefined) return variable;
    const path = compile(expression);
    if (path === undefined) return undefined;
    if (isBelowWorkflow(path, 'env')) {
      return lookUp(path, (name) => environment(FOR_WORKFLOWS + name));
    }
    if (isBelowWorkflow(path, 'secrets')) return `\${${expression}}`;
    return readJsonPath(path, rootOf(path.root), rootOf);
  };
}

/** Puts in the secrets that a stored input only names: `${workflow.secrets.NAME}`, with a path behind it into its JSON. */
export function withSecrets(input: JsonObject, secrets: Environment): JsonObject {
  if (!JSON.stringify(input).includes('${workflow.secrets.')) return input;
  return replaceSecrets(input, secrets) as JsonObject;
}

const SECRET = /\$\{(workflow\.secrets\.[^}]+)\}/g;

function replaceSecrets(value: unknown, secrets: Environment): unknown {
  if (typeof value === 'string') {
    const whole = /^\$\{(workflow\.secrets\.[^}]+)\}$/.exec(value);
    if (whole !== null) return secret(whole[1]!, secrets) ?? null;
    return value.replaceAll(SECRET, (_, expression: string) => {
      const found = secret(expression, secrets);
      return typeof found === 'string' ? found : JSON.stringify(found ?? null);
    });
  }
  if (Array.isArray(value)) return value.map((item) => replaceSecrets(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceSecrets(item, secrets)]));
}

function secret(expression: string, secrets: Environment): unknown {
  const path = compile(expression);
  return path === undefined ? undefined : lookUp(path, secrets);
}

function workflowRoot(workflow: WorkflowModel, status: WorkflowStatus): JsonObject {
  return {
    input: workflow.input,
    output: workflow.output,
    status,
    workflowId: workflow.workflowId,
    parentWorkflowId: workflow.parentWorkflowId ?? null,
    parentWorkflowTaskId: workflow.parentWorkflowTaskId ?? null,
    workflowType: workflow.definition.name,
    version: workflow.definition.version,
    correlationId: workflow.correlationId ?? null,
    reasonForIncompletion: workflow.reasonForIncompletion ?? null,
    schemaVersion: workflow.definition.schemaVersion,
    variables: workflow.variables,
  };
}

// `${workflow.env.NAME}`; a path behind the name reads inside its JSON.
function lookUp(path: JsonPath, variables: Environment): unknown {
  const [, step, ...rest] = path.steps;
  if (step?.kind !== 'names') return undefined;
  const text = variables(step.names[0]!);
  if (text === undefined || rest.length === 0) return text;
  try {
    return readJsonPath({ root: path.root, steps: rest }, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isBelowWorkflow(path: JsonPath, name: string): boolean {
  const [first] = path.steps;
  return path.root === 'workflow' && first?.kind === 'names' && first.names[0] === name;
}

function taskDocument(task: TaskModel): JsonObject {
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
    iteration: task.iteration,
  };
}
