import type { FullTaskDef } from '../model/definitions.js';
import { isTerminalTask, type TaskModel, type WorkflowModel } from '../model/models.js';

/** A task or workflow that is out of time, and whether that ends the workflow. */
export interface TimedOut {
  readonly reason: string;
  readonly endsWorkflow: boolean;
}

interface Deadline {
  readonly at: number;
  readonly verdict: (now: number) => TimedOut;
}

/** The first time-out of a task that has passed, or `undefined`. */
export function taskTimeout(task: TaskModel, def: FullTaskDef, now: number): TimedOut | undefined {
  return taskDeadlines(task, def)
    .find((deadline) => now >= deadline.at)
    ?.verdict(now);
}

/**
 * When something happens to a task by itself, or `undefined` when nothing does: a time-out, the end of a WAIT, the
 * moment from which on a system task may begin.
 */
export function nextDueOf(
  task: TaskModel,
  def: FullTaskDef | undefined,
  isSystemTask: boolean,
): number | undefined {
  if (isTerminalTask(task.status)) return undefined;
  const moments = def === undefined ? [] : taskDeadlines(task, def).map((deadline) => deadline.at);
  if (task.waitUntil > 0) moments.push(task.waitUntil);
  if (isSystemTask && task.status === 'SCHEDULED') moments.push(task.availableAt);
  return moments.length === 0 ? undefined : Math.min(...moments);
}

function taskDeadlines(task: TaskModel, def: FullTaskDef): Deadline[] {
  const deadlines: Deadline[] = [];
  const startDelayMs = task.startDelayInSeconds * 1000;
  const acts = def.timeoutPolicy !== 'ALERT_ONLY';
  const endsWorkflow = def.timeoutPolicy === 'TIME_OUT_WF';

  if (acts && def.totalTimeoutSeconds > 0 && task.firstScheduledTime > 0) {
    deadlines.push({
      at: task.firstScheduledTime + def.totalTimeoutSeconds * 1000,
      verdict: (now) => ({
        reason: `Task ${task.taskDefName}/${task.taskId} exceeded total timeout of ${def.totalTimeoutSeconds} seconds (elapsed ${seconds(now - task.firstScheduledTime)} seconds across all attempts including retry delays). Timeout policy: ${def.timeoutPolicy}`,
        endsWorkflow,
      }),
    });
  }
  if (acts && def.timeoutSeconds > 0 && task.startTime > 0) {
    const from = task.startTime + startDelayMs;
    deadlines.push({
      at: from + def.timeoutSeconds * 1000,
      verdict: (now) => ({
        reason: `Task timed out after ${seconds(now - from)} seconds. Timeout configured as ${def.timeoutSeconds} seconds. Timeout policy configured to ${def.timeoutPolicy}`,
        endsWorkflow,
      }),
    });
  }
  const pollTimeout = def.pollTimeoutSeconds ?? 0;
  if (acts && pollTimeout > 0 && task.status === 'SCHEDULED') {
    const from = task.scheduledTime + startDelayMs;
    deadlines.push({
      at: from + (pollTimeout + task.callbackAfterSeconds) * 1000,
      verdict: (now) => ({
        reason: `Task poll timed out after ${seconds(now - from)} seconds. Poll timeout configured as ${pollTimeout} seconds. Timeout policy configured to ${def.timeoutPolicy}`,
        endsWorkflow,
      }),
    });
  }
  // The lease: it is taken back whatever the policy says. A SUB_WORKFLOW task ends with its workflow, however late.
  const lease = task.responseTimeoutSeconds > 0 ? task.responseTimeoutSeconds : def.responseTimeoutSeconds;
  if (lease > 0 && task.status === 'IN_PROGRESS' && task.taskType !== 'SUB_WORKFLOW') {
    deadlines.push({
      at:
        (task.updateTime > 0 ? task.updateTime : task.startTime) + (lease + task.callbackAfterSeconds) * 1000,
      verdict: () => ({
        reason: `responseTimeout: ${lease} exceeded for the taskId: ${task.taskId} with Task Definition: ${task.taskDefName}`,
        endsWorkflow: false,
      }),
    });
  }
  return deadlines;
}

/** When the workflow itself is out of time, or `undefined` when it has no time-out that acts. */
export function workflowDeadline(workflow: WorkflowModel): number | undefined {
  const { timeoutSeconds, timeoutPolicy } = workflow.definition;
  if (timeoutSeconds <= 0 || timeoutPolicy !== 'TIME_OUT_WF') return undefined;
  return startOf(workflow) + timeoutSeconds * 1000;
}

export function workflowTimeoutReason(workflow: WorkflowModel, now: number): string {
  const { timeoutSeconds, timeoutPolicy } = workflow.definition;
  return `Workflow timed out after ${seconds(now - startOf(workflow))} seconds. Timeout configured as ${timeoutSeconds} seconds. Timeout policy configured to ${timeoutPolicy}`;
}

function startOf(workflow: WorkflowModel): number {
  return workflow.lastRetriedTime > 0 ? workflow.lastRetriedTime : workflow.createTime;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
