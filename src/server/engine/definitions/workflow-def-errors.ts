import type { ValidationError } from '../api-error.js';
import { splitExpressions } from '../expressions.js';
import { parseJsonPath } from '../json-path.js';
import type { FullWorkflowDef, FullWorkflowTask } from '../model.js';
import type { Environment } from '../references.js';

/** What a message shows of a parameter, in characters. */
const SHOWN_LENGTH = 1_000;
const MAX_ERRORS = 1_000;

/** What is wrong with a workflow definition. `path` says where it stands in the request. */
export function workflowDefErrors(
  def: FullWorkflowDef,
  path: string,
  environment: Environment,
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
  def.tasks.forEach((task, index) => {
    errors.push(...nameErrors(task, `${path}.tasks[${index}]`));
  });
  errors.push(...duplicateReferences(def, path));
  const known = new Set(def.tasks.map((task) => task.taskReferenceName));
  for (const task of def.tasks) {
    for (const message of parameterErrors(task, task.inputParameters, known, environment)) {
      errors.push({ path, message });
    }
  }
  return errors.slice(0, MAX_ERRORS);
}

function nameErrors(task: FullWorkflowTask, path: string): ValidationError[] {
  const errors: ValidationError[] = [];
  if (task.name === '')
    errors.push({ path: `${path}.name`, message: 'WorkflowTask name cannot be empty or null' });
  if (task.taskReferenceName === '') {
    errors.push({
      path: `${path}.taskReferenceName`,
      message: 'WorkflowTask taskReferenceName name cannot be empty or null',
    });
  }
  return errors;
}

function duplicateReferences(def: FullWorkflowDef, path: string): ValidationError[] {
  const seen = new Set<string>();
  const errors: ValidationError[] = [];
  for (const { taskReferenceName } of def.tasks) {
    if (seen.has(taskReferenceName)) {
      errors.push({
        path,
        message: `taskReferenceName: ${taskReferenceName} should be unique across tasks for a given workflowDefinition: ${def.name === '' ? 'null' : def.name}`,
      });
    }
    seen.add(taskReferenceName);
  }
  return errors;
}

function parameterErrors(
  task: FullWorkflowTask,
  parameters: unknown,
  known: ReadonlySet<string>,
  environment: Environment,
  key = '',
): string[] {
  if (typeof parameters === 'string') {
    return splitExpressions(parameters).flatMap((segment) => {
      if (!('expression' in segment) || segment.expression.includes('${')) return [];
      const problem = expressionProblem(segment.expression, known, environment);
      if (problem === undefined) return [];
      if (problem === 'malformed')
        return [`key: ${key} input parameter value: ${segment.expression} is not valid`];
      return [
        `taskReferenceName: ${problem.unknown} for given task: ${task.name} input value: ${key} of input parameter: ${parameters.slice(0, SHOWN_LENGTH)} is not defined in workflow definition.`,
      ];
    });
  }
  if (typeof parameters !== 'object' || parameters === null) return [];
  return Object.entries(parameters).flatMap(([name, value]) =>
    parameterErrors(task, value, known, environment, Array.isArray(parameters) ? key : name),
  );
}

function expressionProblem(
  expression: string,
  known: ReadonlySet<string>,
  environment: Environment,
): 'malformed' | { readonly unknown: string } | undefined {
  if (expression === 'CPEWF_TASK_ID' || environment(expression) !== undefined) return undefined;
  if (expression.trim() === '' || expression !== expression.trim()) return 'malformed';
  const path = parseJsonPath(expression);
  if (path === undefined) return 'malformed';
  return path.root === 'workflow' || known.has(path.root) ? undefined : { unknown: path.root };
}
