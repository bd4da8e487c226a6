import type { JsonObject, WorkflowStatus } from '../../conductor/types.js';
import type { DecisionDraft } from './decision.js';
import { substituteMap } from './expressions.js';
import type { DeciderContext } from './mappers/task-mapper.js';
import { isTerminalTask, type TaskModel } from './model.js';
import { workflowResolver } from './references.js';

/**
 * Ends the workflow of a draft: open tasks become CANCELED, the output is computed.
 *
 * @param failed - the task whose failure ended it
 */
export function endWorkflow(
  draft: DecisionDraft,
  status: WorkflowStatus,
  reason: string | undefined,
  context: DeciderContext,
  failed?: TaskModel,
): void {
  for (const task of draft.workflow.tasks) {
    if (!isTerminalTask(draft.statusOf(task)))
      draft.change(task, { status: 'CANCELED', endTime: context.now });
  }
  draft.schedule.length = 0;
  draft.nextCheckAt = undefined;
  const failedTasks = draft.workflow.tasks.filter((task) =>
    ['FAILED', 'FAILED_WITH_TERMINAL_ERROR'].includes(draft.statusOf(task)),
  );
  draft.end = {
    status,
    reason,
    output: workflowOutput(draft, status, context, failed),
    failedReferenceTaskNames: failedTasks.map((task) => task.referenceTaskName),
    failedTaskNames: failedTasks.map((task) => task.taskDefName),
  };
}

function workflowOutput(
  draft: DecisionDraft,
  status: WorkflowStatus,
  context: DeciderContext,
  failed: TaskModel | undefined,
): JsonObject {
  const workflow = draft.viewOfWorkflow();
  const parameters = workflow.definition.outputParameters;
  if (Object.keys(parameters).length === 0) return (failed ?? workflow.tasks.at(-1))?.outputData ?? {};
  // The real server computes the output of a completed workflow before it calls it completed.
  const shown = status === 'COMPLETED' ? 'RUNNING' : status;
  return substituteMap(parameters, workflowResolver(workflow, context.environment, { status: shown }));
}
