import type { JsonObject } from '../../conductor/types.js';
import { substituteMap } from './expressions.js';
import type { FullWorkflowTask, WorkflowModel } from './model.js';
import { workflowResolver, type Environment } from './references.js';

/** The input of a task: its parameters evaluated, and what its definition's template adds where there is nothing. */
export function taskInput(
  workflow: Readonly<WorkflowModel>,
  task: FullWorkflowTask,
  taskId: string,
  environment: Environment,
): JsonObject {
  const resolve = workflowResolver(workflow, environment, { taskId });
  const input = substituteMap(task.inputParameters, resolve);
  const template = task.taskDefinition?.inputTemplate ?? {};
  for (const [key, value] of Object.entries(template)) {
    if (input[key] === undefined || input[key] === null) input[key] = value;
  }
  return input;
}
