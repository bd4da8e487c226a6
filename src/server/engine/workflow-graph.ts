import type { FullWorkflowDef, FullWorkflowTask } from './model.js';

/** All tasks of a definition. While there are only sequences, that is its list. */
export function allTasks(def: FullWorkflowDef): readonly FullWorkflowTask[] {
  return def.tasks;
}

/** The task that follows the one with this reference name, or `undefined` at the end. */
export function taskAfter(def: FullWorkflowDef, referenceTaskName: string): FullWorkflowTask | undefined {
  const at = def.tasks.findIndex((task) => task.taskReferenceName === referenceTaskName);
  return at < 0 ? undefined : def.tasks[at + 1];
}
