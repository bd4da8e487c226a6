import type { ValidationError } from './api-error.js';
import type { FullWorkflowDef, FullWorkflowTask } from './definitions.js';
import { innermostExpressions } from './expressions.js';
import { allTasks } from './graph.js';
import { parseJsonPath } from './json-path.js';
import { parseDate, parseDuration } from './time-text.js';

/** What a message shows of a parameter, in characters. */
const SHOWN_LENGTH = 1_000;
const MAX_ERRORS = 1_000;

/** What is wrong with a workflow definition. `path` says where it stands in the request. */
export function workflowDefErrors(
  def: FullWorkflowDef,
  path: string,
  isVariable: (name: string) => boolean,
): ValidationError[] {
  const errors: ValidationError[] = [];
  if (def.name === '')
    errors.push({ path: `${path}.name`, message: 'WorkflowDef name cannot be null or empty' });
  if (def.tasks.length === 0)
    errors.push({ path: `${path}.tasks`, message: 'WorkflowTask list cannot be empty' });
  if (def.schemaVersion !== 2) {
    errors.push({
      path: `${path}.schemaVersion`,
      message: 'workflowDef schemaVersion: 2 is only supported',
      invalidValue: String(def.schemaVersion),
    });
  }
  for (const { task, at } of tasksWithPaths(def.tasks, `${path}.tasks`)) errors.push(...taskErrors(task, at));
  const tasks = allTasks(def.tasks);
  errors.push(...duplicateReferences(tasks, def, path));
  const known = new Set(tasks.map((task) => task.taskReferenceName));
  for (const task of def.tasks) {
    for (const message of parameterErrors(task, task.inputParameters, known, isVariable)) {
      errors.push({ path, message });
    }
  }
  return errors.slice(0, MAX_ERRORS);
}

/** All tasks of a list and those below them, with the place in the request where each stands. */
export function tasksWithPaths(
  tasks: readonly FullWorkflowTask[],
  path: string,
): { readonly task: FullWorkflowTask; readonly at: string }[] {
  return tasks.flatMap((task, index) => {
    const at = `${path}[${index}]`;
    const below = [
      ...Object.entries(task.decisionCases).flatMap(([name, list]) =>
        tasksWithPaths(list, `${at}.decisionCases[${name}].<map value>`),
      ),
      ...tasksWithPaths(task.defaultCase, `${at}.defaultCase`),
      ...task.forkTasks.flatMap((list, branch) => tasksWithPaths(list, `${at}.forkTasks[${branch}]`)),
      ...tasksWithPaths(task.loopOver, `${at}.loopOver`),
    ];
    return [{ task, at }, ...below];
  });
}

function taskErrors(task: FullWorkflowTask, path: string): ValidationError[] {
  const errors: ValidationError[] = [];
  if (task.name === '')
    errors.push({ path: `${path}.name`, message: 'WorkflowTask name cannot be empty or null' });
  if (task.taskReferenceName === '') {
    errors.push({
      path: `${path}.taskReferenceName`,
      message: 'WorkflowTask taskReferenceName name cannot be empty or null',
    });
  }
  if (task.startDelay < 0) {
    errors.push({
      path: `${path}.startDelay`,
      message: 'must be greater than or equal to 0',
      invalidValue: String(task.startDelay),
    });
  }
  return [...errors, ...typeErrors(task).map((message) => ({ path, message }))];
}

/** What the real server asks of each type. Source: conductor 3.32, `WorkflowTaskTypeConstraint`. */
function typeErrors(task: FullWorkflowTask): string[] {
  const { type, name, inputParameters } = task;
  const required = (field: string): string =>
    `${field} field is required for taskType: ${type} taskName: ${name}`;
  const needs = (field: keyof FullWorkflowTask & string): string[] =>
    task[field] === undefined || task[field] === null ? [required(field)] : [];
  const needsInput = (...fields: string[]): boolean =>
    !fields.some((field) => field in inputParameters || field in (task.taskDefinition?.inputTemplate ?? {}));
  const needsCases = (): string[] =>
    Object.keys(task.decisionCases).length > 0
      ? []
      : [`decisionCases should have atleast one task for taskType: ${type} taskName: ${name}`];
  switch (type) {
    case 'EVENT':
      return needs('sink');
    case 'DECISION':
      return [
        ...(task.caseValueParam === undefined && task.caseExpression === undefined
          ? [required('caseValueParam or caseExpression')]
          : []),
        ...needsCases(),
      ];
    case 'SWITCH':
      return [
        ...(task.evaluatorType === undefined ? needs('evaluatorType') : needs('expression')),
        ...needsCases(),
      ];
    case 'DYNAMIC':
      return needs('dynamicTaskNameParam');
    case 'FORK_JOIN_DYNAMIC':
      return dynamicForkErrors(task, required);
    case 'HTTP':
      return needsInput('http_request', 'uri', 'method')
        ? [required('inputParameters.http_request or inputParameters.uri')]
        : [];
    case 'FORK_JOIN':
      return task.forkTasks.length > 0
        ? []
        : [`forkTasks should have atleast one task for taskType: ${type} taskName: ${name}`];
    case 'TERMINATE':
      return terminateErrors(task);
    case 'DO_WHILE':
      return [...needs('loopCondition'), ...(task.loopOver.length > 0 ? [] : [required('loopOver')])];
    case 'SUB_WORKFLOW':
      return needs('subWorkflowParam');
    case 'JSON_JQ_TRANSFORM':
      return needsInput('queryExpression') ? [required('inputParameters.queryExpression')] : [];
    case 'WAIT':
      return waitErrors(task);
    default:
      return [];
  }
}

function dynamicForkErrors(task: FullWorkflowTask, required: (field: string) => string): string[] {
  if ('forkTaskInputs' in task.inputParameters) return [];
  const { dynamicForkJoinTasksParam, dynamicForkTasksParam, dynamicForkTasksInputParamName } = task;
  if (dynamicForkJoinTasksParam !== undefined) {
    return dynamicForkTasksParam === undefined && dynamicForkTasksInputParamName === undefined
      ? []
      : [
          `dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and dynamicForkTasksParam cam be used for taskType: FORK_JOIN_DYNAMIC taskName: ${task.name}`,
        ];
  }
  return [
    ...(dynamicForkTasksParam === undefined ? [required('dynamicForkTasksParam')] : []),
    ...(dynamicForkTasksInputParamName === undefined ? [required('dynamicForkTasksInputParamName')] : []),
  ];
}

function terminateErrors(task: FullWorkflowTask): string[] {
  const status = task.inputParameters['terminationStatus'];
  return [
    ...(task.optional ? [`terminate task cannot be optional, taskName: ${task.name}`] : []),
    ...(typeof status === 'string' && ['COMPLETED', 'FAILED', 'TERMINATED'].includes(status)
      ? []
      : [
          `terminate task must have an terminationStatus parameter and must be set to COMPLETED or FAILED, taskName: ${task.name}`,
        ]),
  ];
}

function waitErrors({ inputParameters }: FullWorkflowTask): string[] {
  const [duration, until] = ['duration', 'until'].map((key) => {
    const value = inputParameters[key];
    return value === undefined || value === null ? '' : String(value);
  });
  if (duration !== '' && until !== '') {
    return ["Both 'duration' and 'until' specified. Please provide only one input"];
  }
  if (duration !== '' && !duration!.startsWith('${') && parseDuration(duration!) === undefined) {
    return ['Either date or duration is passed as null '];
  }
  if (until !== '' && !until!.startsWith('${') && parseDate(until!) === undefined)
    return ['Unable to parse date '];
  return [];
}

function duplicateReferences(
  tasks: readonly FullWorkflowTask[],
  def: FullWorkflowDef,
  path: string,
): ValidationError[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { taskReferenceName } of tasks) {
    if (seen.has(taskReferenceName)) repeated.add(taskReferenceName);
    seen.add(taskReferenceName);
  }
  return Array.from(repeated, (ref) => ({
    path,
    message: `taskReferenceName: ${ref} should be unique across tasks for a given workflowDefinition: ${def.name === '' ? 'null' : def.name}`,
  }));
}

function parameterErrors(
  task: FullWorkflowTask,
  parameters: unknown,
  known: ReadonlySet<string>,
  isVariable: (name: string) => boolean,
  key = '',
): string[] {
  if (typeof parameters === 'string') {
    return innermostExpressions(parameters).flatMap((expression) => {
      const problem = expressionProblem(expression, known, isVariable);
      if (problem === undefined) return [];
      if (problem === 'malformed') return [`key: ${key} input parameter value: ${expression} is not valid`];
      return [
        `taskReferenceName: ${problem.unknown} for given task: ${task.name} input value: ${key} of input parameter: ${parameters.slice(0, SHOWN_LENGTH)} is not defined in workflow definition.`,
      ];
    });
  }
  if (typeof parameters !== 'object' || parameters === null) return [];
  return Object.entries(parameters).flatMap(([name, value]) =>
    parameterErrors(task, value, known, isVariable, Array.isArray(parameters) ? key : name),
  );
}

function expressionProblem(
  expression: string,
  known: ReadonlySet<string>,
  isVariable: (name: string) => boolean,
): 'malformed' | { readonly unknown: string } | undefined {
  if (expression === 'CPEWF_TASK_ID' || isVariable(expression)) return undefined;
  if (expression.trim() === '' || expression !== expression.trim()) return 'malformed';
  const path = parseJsonPath(expression);
  if (path === undefined) return 'malformed';
  return path.root === 'workflow' || known.has(path.root) ? undefined : { unknown: path.root };
}
