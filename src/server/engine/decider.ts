import type { TaskStatus, WorkflowStatus } from '../../conductor/types.js';
import { DecisionDraft, type Decision } from './decision.js';
import { endWorkflow } from './ending.js';
import { mapperFor } from './mappers/registry.js';
import { definitionOf, nextAttempt, type DeciderContext } from './mappers/task-mapper.js';
import {
  isSuccessfulTask,
  isTerminalTask,
  isTerminalWorkflow,
  type FullWorkflowTask,
  type TaskModel,
  type WorkflowModel,
} from './model.js';
import { retryDelay } from './retry-delay.js';
import { nextTaskDeadline, taskTimeout, workflowDeadline, workflowTimeoutReason } from './timeouts.js';
import { allTasks, taskAfter } from './workflow-graph.js';

/**
 * Looks at a workflow and says what must happen now: tasks to time out, to retry, to schedule, or the end.
 * Pure: it changes nothing, and the same workflow and context give the same decision.
 */
export function decide(workflow: Readonly<WorkflowModel>, context: DeciderContext): Decision {
  const draft = new DecisionDraft(workflow);
  if (isTerminalWorkflow(workflow.status)) return draft;

  const deadline = workflowDeadline(workflow);
  if (deadline !== undefined && context.now >= deadline) {
    endWorkflow(draft, 'TIMED_OUT', workflowTimeoutReason(workflow, context.now), context);
    return draft;
  }
  draft.checkAt(deadline);
  if (workflow.status === 'PAUSED') return draft;

  const first = allTasks(workflow.definition)[0];
  if (workflow.tasks.length === 0 && first !== undefined) {
    scheduleTask(draft, first, context);
    return draft;
  }
  for (const task of workflow.tasks) {
    if (task.retried || task.executed) continue;
    checkTask(draft, task, context);
    if (draft.end !== undefined) return draft;
  }
  if (draft.schedule.length === 0 && isFinished(draft)) finish(draft, context);
  return draft;
}

function checkTask(draft: DecisionDraft, task: TaskModel, context: DeciderContext): void {
  if (!isTerminalTask(task.status)) {
    const timedOut = taskTimeout(task, definitionOf(task), context.now);
    if (timedOut === undefined) {
      draft.checkAt(nextTaskDeadline(task, definitionOf(task)));
      return;
    }
    draft.change(task, { status: 'TIMED_OUT', reasonForIncompletion: timedOut.reason, endTime: context.now });
    if (timedOut.endsWorkflow) {
      endWorkflow(draft, 'TIMED_OUT', timedOut.reason, context, task);
      return;
    }
  }
  if (!isSuccessfulTask(draft.statusOf(task)) && !goesOnAfterFailure(draft, task, context)) return;

  const next = taskAfter(draft.workflow.definition, task.referenceTaskName);
  if (next === undefined) return;
  draft.change(task, { executed: true });
  if (!draft.workflow.tasks.some((other) => other.referenceTaskName === next.taskReferenceName)) {
    scheduleTask(draft, next, context);
  }
}

/** Retries a failed task, or ends the workflow, or says that the flow goes on in spite of it. */
function goesOnAfterFailure(draft: DecisionDraft, task: TaskModel, context: DeciderContext): boolean {
  const def = definitionOf(task);
  const failed = draft.view(task);
  const maxRetries = task.workflowTask.retryCount ?? def.retryCount;
  const isRetriable = failed.status === 'FAILED' || failed.status === 'TIMED_OUT';
  const elapsedMs = context.now - task.firstScheduledTime;
  const isOutOfTime = def.totalTimeoutSeconds > 0 && elapsedMs >= def.totalTimeoutSeconds * 1000;

  if (isRetriable && task.retryCount < maxRetries && !isOutOfTime) {
    const delay = retryDelay(def, task.retryCount, context.random());
    draft.change(task, { retried: true });
    const attempt = nextAttempt(draft.viewOfWorkflow(), failed, delay, context);
    draft.schedule.push(attempt);
    draft.checkAt(nextTaskDeadline(attempt, def));
    return false;
  }
  if (task.workflowTask.optional) {
    draft.change(task, { status: 'COMPLETED_WITH_ERRORS' });
    return true;
  }
  if (task.workflowTask.permissive) return true;
  const reason =
    isRetriable && task.retryCount < maxRetries
      ? `Task ${task.taskId}/${task.taskDefName} exceeded total timeout of ${def.totalTimeoutSeconds} seconds (elapsed ${Math.floor(elapsedMs / 1000)} seconds across all attempts). No further retries will be attempted.`
      : failureReason(failed);
  endWorkflow(draft, workflowStatusAfter(failed.status), reason, context, task);
  return false;
}

function scheduleTask(draft: DecisionDraft, task: FullWorkflowTask, context: DeciderContext): void {
  const mapper = mapperFor(task.type);
  if (mapper === undefined) throw new Error(`no mapper for a task of type ${task.type}`);
  for (const scheduled of mapper.map(draft.viewOfWorkflow(), task, context)) {
    draft.schedule.push(scheduled);
    draft.checkAt(nextTaskDeadline(scheduled, definitionOf(scheduled)));
  }
}

function isFinished(draft: DecisionDraft): boolean {
  const isDone = new Map<string, boolean>();
  for (const task of draft.workflow.tasks) {
    isDone.set(task.referenceTaskName, isTerminalTask(draft.statusOf(task)));
  }
  return allTasks(draft.workflow.definition).every((task) => isDone.get(task.taskReferenceName) === true);
}

function finish(draft: DecisionDraft, context: DeciderContext): void {
  // What is left over here are permissive tasks: they let the flow go on, but not the workflow succeed.
  const failed = draft.workflow.tasks
    .map((task) => draft.view(task))
    .filter((task) => !task.retried && !isSuccessfulTask(task.status));
  const first = failed[0];
  if (first === undefined) {
    const isEmpty = draft.workflow.tasks.length === 0;
    endWorkflow(draft, 'COMPLETED', isEmpty ? 'No tasks found to be executed' : undefined, context);
    return;
  }
  const reason = failed.map(failureReason).join('. ');
  endWorkflow(draft, workflowStatusAfter(first.status), reason, context);
}

function failureReason(task: Readonly<TaskModel>): string {
  return `Task ${task.taskId} failed with status: ${workflowStatusAfter(task.status)} and reason: '${task.reasonForIncompletion ?? 'null'}'`;
}

function workflowStatusAfter(status: TaskStatus): WorkflowStatus {
  if (status === 'TIMED_OUT') return 'TIMED_OUT';
  return status === 'CANCELED' ? 'TERMINATED' : 'FAILED';
}
