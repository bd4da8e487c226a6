import type { ValidationError } from '../model/api-error.js';
import type { FullWorkflowDef, FullWorkflowTask } from '../model/definitions.js';
import { tasksWithPaths } from '../model/workflow-def-errors.js';
import type { Evaluator } from './engine.js';

/** The scripts of a definition that are no JavaScript: those of which a decision depends, as on the real server. */
export async function scriptErrors(
  def: FullWorkflowDef,
  path: string,
  evaluator: Evaluator,
): Promise<ValidationError[]> {
  const errors: ValidationError[] = [];
  for (const { task, at } of tasksWithPaths(def.tasks, `${path}.tasks`)) {
    const script = scriptOf(task);
    const error = script === undefined ? undefined : await syntaxError(script, evaluator);
    if (error === undefined) continue;
    const message = `Expression is not well formatted: ${error}, taskType: ${task.type} taskName ${task.name}`;
    errors.push({ path: at, message });
  }
  return errors;
}

function scriptOf(task: FullWorkflowTask): string | undefined {
  if (task.type === 'DECISION') return task.caseExpression;
  return task.type === 'SWITCH' && task.evaluatorType === 'javascript' ? task.expression : undefined;
}

/** The interpreter reads all of a script before it runs any of it, and this one runs nothing. */
async function syntaxError(script: string, evaluator: Evaluator): Promise<string | undefined> {
  const expression = `while (false) {\n${script}\n}`;
  const result = await evaluator.evaluate({ language: 'javascript', expression, input: null });
  return 'error' in result && result.error.startsWith('SyntaxError') ? result.error : undefined;
}
