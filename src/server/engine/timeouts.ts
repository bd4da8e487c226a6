import type { FullTaskDef, TaskModel, WorkflowModel } from './model.js';

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
export function taskTimeout(task: Readonly<TaskModel>, def: FullTaskDef, now: number): TimedOut | undefined {
  return taskDeadlines(task, def)
    .find((deadline) => now >= deadline.at)
    ?.verdict(now);
}

/** When the next time-out of a task that is not terminal will pass, or `undefined` when it has none. */
export function nextTaskDeadline(task: Readonly<TaskModel>, def: FullTaskDef): number | undefined {
  const deadlines = taskDeadlines(task, def);
  return deadlines.length === 0 ? undefined : Math.min(...deadlines.map((deadline) => deadline.at));
}

function taskDeadlines(task: Readonly<TaskModel>, def: FullTaskDef): Deadline[] {
  const deadlines: Deadline[] = [];
  const startDelayMs = task.startDelayInSeconds * 1000;
  const acts = def.timeoutPolicy !== 'ALERT_ONLY';
  const endsWorkflow = def.timeoutPolicy === 'TIME_OUT_WF';

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
  // The lease: it is taken back whatever the policy says.
  if (task.responseTimeoutSeconds > 0 && task.status === 'IN_PROGRESS') {
    deadlines.push({
      at: task.updateTime + (task.responseTimeoutSeconds + task.callbackAfterSeconds) * 1000,
      verdict: () => ({
        reason: `responseTimeout: ${task.responseTimeoutSeconds} exceeded for the taskId: ${task.taskId} with Task Definition: ${task.taskDefName}`,
        endsWorkflow: false,
      }),
    });
  }
  return deadlines;
}

/** When the workflow itself is out of time, or `undefined` when it has no time-out that acts. */
export function workflowDeadline(workflow: Readonly<WorkflowModel>): number | undefined {
  const { timeoutSeconds, timeoutPolicy } = workflow.definition;
  if (timeoutSeconds <= 0 || timeoutPolicy !== 'TIME_OUT_WF') return undefined;
  return startOf(workflow) + timeoutSeconds * 1000;
}

export function workflowTimeoutReason(workflow: Readonly<WorkflowModel>, now: number): string {
  const { timeoutSeconds, timeoutPolicy } = workflow.definition;
  return `Workflow timed out after ${seconds(now - startOf(workflow))} seconds. Timeout configured as ${timeoutSeconds} seconds. Timeout policy configured to ${timeoutPolicy}`;
}

function startOf(workflow: Readonly<WorkflowModel>): number {
  return workflow.lastRetriedTime > 0 ? workflow.lastRetriedTime : workflow.createTime;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
