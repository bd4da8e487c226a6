import type { JsonObject, TaskStatus, WorkflowStatus } from '../../conductor/wire/types.js';
import type { FullTaskDef } from '../model/definitions.js';
import { refInIteration } from '../model/graph.js';
import {
  isFailedTask,
  isTerminalTask,
  isTerminalWorkflow,
  type TaskModel,
  type WorkflowModel,
} from '../model/models.js';
import { excessOf, workflowExcessReason } from '../model/payload-limits.js';
import {
  definitionOf,
  TOP_LEVEL,
  WorkflowEnd,
  type DeciderContext,
  type Placement,
} from './decider-context.js';
import { Deciding, type PendingEvaluation } from './deciding.js';
import type { Execution } from './execution.js';
import { substituteMap } from '../model/expressions.js';
import { joinOutputSoFar } from './operators/join-operators.js';
import { isNeverRetried } from './operators/task-types.js';
import { operatorFor } from './operators/registry.js';
import { workflowResolver } from './references.js';
import { retryDelay } from './retry-delay.js';
import { taskTimeout, workflowDeadline, workflowTimeoutReason } from './timeouts.js';

/** What a decision needs from outside before the workflow can go on. */
export interface Outcome {
  readonly evaluations: readonly PendingEvaluation[];
  /** A workflow to start because this one has failed. */
  readonly failureWorkflow: { readonly name: string; readonly version: number | undefined } | undefined;
}

const NOTHING: Outcome = { evaluations: [], failureWorkflow: undefined };

/**
 * Brings a workflow as far as it gets: times tasks out, retries them, schedules what follows, or ends the workflow. It
 * looks at the tasks that have changed and at what they lead to, never at the whole history. It knows no clock and no
 * chance but those of the context: the same rows and the same context give the same changes.
 */
export function decide(execution: Execution, context: DeciderContext): Outcome {
  if (isTerminalWorkflow(execution.workflow.status)) return NOTHING;
  const deciding = new Deciding(execution, context, (decision, task, at) =>
    operatorFor(task.type).schedule(decision, task, at),
  );
  try {
    const deadline = workflowDeadline(execution.workflow);
    if (deadline !== undefined && context.now >= deadline) {
      deciding.end(workflowTimeoutReason(execution.workflow, context.now), 'TIMED_OUT');
    }
    if (execution.workflow.status === 'PAUSED') return NOTHING;
    if (execution.taskCount === 0) startWorkflow(deciding);
    for (let task = execution.nextToLookAt(); task !== undefined; task = execution.nextToLookAt()) {
      lookAt(deciding, task);
    }
    if (isFinished(execution)) finish(deciding);
  } catch (error) {
    if (!(error instanceof WorkflowEnd)) throw error;
    const failureWorkflow = endWorkflow(execution, context, error);
    return { evaluations: [], failureWorkflow };
  }
  return { evaluations: deciding.evaluations, failureWorkflow: undefined };
}

function startWorkflow(deciding: Deciding): void {
  const [first] = deciding.execution.workflow.definition.tasks;
  if (first === undefined) deciding.end('No tasks found to be executed', 'COMPLETED');
  deciding.schedule(first, TOP_LEVEL);
}

function lookAt(deciding: Deciding, looked: TaskModel): void {
  const { execution, context } = deciding;
  if (looked.retried || looked.executed || looked.status === 'SKIPPED') return;
  let task = looked;
  const def = definitionOf(task, context);
  if (!isTerminalTask(task.status)) {
    task = checkTimeouts(deciding, task, def);
    if (!isTerminalTask(task.status)) {
      // A system task that waits for its turn has not begun: nothing can come of it here.
      if (task.status === 'IN_PROGRESS') operatorFor(task.taskType).advance(deciding, task);
      task = execution.task(task.taskId) ?? task;
    }
  }
  if (!isTerminalTask(task.status)) return;
  if (isFailedTask(task.status)) {
    const after = afterFailure(deciding, task, def);
    if (after === undefined) return;
    task = after;
  }
  execution.change(task.taskId, { executed: true });
  if (!scheduleNext(deciding, task)) deciding.leaves.push(task.taskId);
  else deciding.leaves.length = 0;
}

function checkTimeouts(deciding: Deciding, task: TaskModel, def: FullTaskDef | undefined): TaskModel {
  const timedOut = def === undefined ? undefined : taskTimeout(task, def, deciding.now);
  if (timedOut === undefined) return task;
  const changed = deciding.execution.change(task.taskId, {
    status: 'TIMED_OUT',
    reasonForIncompletion: timedOut.reason,
    endTime: deciding.now,
  });
  if (timedOut.endsWorkflow) deciding.end(timedOut.reason, 'TIMED_OUT', changed);
  return changed;
}

/**
 * Retries a failed task or ends the workflow.
 *
 * @returns the task when the flow goes on in spite of it, `undefined` when another attempt follows
 */
function afterFailure(
  deciding: Deciding,
  task: TaskModel,
  def: FullTaskDef | undefined,
): TaskModel | undefined {
  const { workflowTask } = task;
  const maxRetries = def === undefined ? 0 : (workflowTask.retryCount ?? def.retryCount);
  const isRetriable =
    (task.status === 'FAILED' || task.status === 'TIMED_OUT') &&
    !isNeverRetried(task.taskType) &&
    task.retryCount < maxRetries;
  if (isRetriable && def !== undefined) {
    refuseWhenOutOfTime(deciding, task, def);
    scheduleRetry(deciding, task, def);
    return undefined;
  }
  if (workflowTask.optional)
    return deciding.execution.change(task.taskId, { status: 'COMPLETED_WITH_ERRORS' });
  if (workflowTask.permissive) return task;
  return deciding.end(failureReason(task), workflowStatusAfter(task.status), task);
}

function refuseWhenOutOfTime(deciding: Deciding, task: TaskModel, def: FullTaskDef): void {
  const elapsed = Math.floor((deciding.now - task.firstScheduledTime) / 1000);
  if (def.totalTimeoutSeconds <= 0 || elapsed < def.totalTimeoutSeconds) return;
  deciding.end(
    `Task ${task.taskId}/${task.taskDefName} exceeded total timeout of ${def.totalTimeoutSeconds} seconds (elapsed ${elapsed} seconds across all attempts). No further retries will be attempted.`,
    task.status === 'TIMED_OUT' ? 'TIMED_OUT' : 'FAILED',
    task,
  );
}

function scheduleRetry(deciding: Deciding, failed: TaskModel, def: FullTaskDef): void {
  const { execution, context } = deciding;
  const delay = retryDelay(def, failed.retryCount, context.random());
  execution.change(failed.taskId, { retried: true });
  execution.add({
    ...nextAttempt(deciding, failed, def),
    startDelayInSeconds: delay.seconds,
    callbackAfterSeconds: delay.seconds,
    availableAt: deciding.now + delay.ms,
    reasonForIncompletion: failed.reasonForIncompletion,
  });
}

/** The next attempt of a task: a new task with a new id, SCHEDULED and available at once. */
export function nextAttempt(deciding: Deciding, failed: TaskModel, def: FullTaskDef | undefined): TaskModel {
  const { execution, context } = deciding;
  const taskId = context.newId();
  const { subWorkflowId: _, ...inputData } = failed.inputData;
  return {
    ...failed,
    taskId,
    retriedTaskId: failed.taskId,
    retryCount: failed.retryCount + 1,
    status: 'SCHEDULED',
    inputData: { ...inputData, ...recomputedInput(deciding, failed, taskId, def) },
    outputData: {},
    seq: 0,
    pollCount: 0,
    scheduledTime: deciding.now,
    startTime: 0,
    endTime: 0,
    updateTime: 0,
    callbackAfterSeconds: 0,
    availableAt: deciding.now,
    retried: false,
    executed: false,
    reasonForIncompletion: undefined,
    workerId: undefined,
    domain:
      operatorFor(failed.taskType).kind === 'worker'
        ? context.domainOf(failed.taskType, execution.workflow.taskToDomain)
        : undefined,
    subWorkflowId: undefined,
    subworkflowChanged: false,
    externalOutputPayloadStoragePath: undefined,
    executionMetadata: undefined,
  };
}

function recomputedInput(
  deciding: Deciding,
  failed: TaskModel,
  taskId: string,
  def: FullTaskDef | undefined,
): JsonObject {
  const { workflowTask, taskType } = failed;
  const input = deciding.inputOf(workflowTask.inputParameters, { taskId, def });
  return taskType === 'SUB_WORKFLOW' ? { ...input, workflowInput: input } : input;
}

/** @returns whether anything was scheduled */
function scheduleNext(deciding: Deciding, task: TaskModel): boolean {
  const { execution } = deciding;
  const { graph } = execution;
  if (
    (task.taskType === 'SWITCH' || task.taskType === 'DECISION') &&
    task.inputData['hasChildren'] !== undefined
  ) {
    return false;
  }
  const base = graph.baseOf(task.referenceTaskName);
  // A loop's own iteration is not that of what follows it.
  const around = task.taskType === 'DO_WHILE' ? iterationAround(execution, task) : task.iteration;
  const at: Placement = { iteration: around, loopTaskId: task.loopTaskId, retryCount: 0 };
  let next = graph.next(base);
  while (
    next !== undefined &&
    execution.latest(refInIteration(next.taskReferenceName, around))?.status === 'SKIPPED'
  ) {
    next = graph.next(next.taskReferenceName);
  }
  if (next === undefined || next.taskReferenceName === graph.loopAround(base)?.taskReferenceName)
    return false;
  return deciding.schedule(next, at).length > 0;
}

function iterationAround(execution: Execution, loop: TaskModel): number {
  const outer = loop.loopTaskId === undefined ? undefined : execution.task(loop.loopTaskId);
  return outer?.iteration ?? 0;
}

/** Whether nothing is left to do. */
function isFinished(execution: Execution): boolean {
  if (execution.openCount > 0 || execution.taskCount === 0) return false;
  return execution.workflow.definition.tasks.every((task) => {
    const status = execution.latest(task.taskReferenceName)?.status;
    return status !== undefined && isTerminalTask(status);
  });
}

function finish(deciding: Deciding): void {
  // What is left over here are permissive tasks: they let the flow go on, but not the workflow succeed.
  const failed = [...deciding.execution.tasks()].filter(
    (task) =>
      task.workflowTask.permissive &&
      !task.workflowTask.optional &&
      !task.retried &&
      isFailedTask(task.status) &&
      deciding.execution.latest(task.referenceTaskName) === task,
  );
  if (failed.length === 0) {
    // The real server does not write down any more that it is done with the last tasks.
    for (const taskId of deciding.leaves) deciding.execution.change(taskId, { executed: false });
    throw new WorkflowEnd('', 'COMPLETED');
  }
  deciding.end(
    failed
      .map(
        (task) =>
          `Task ${task.taskId} failed with status: ${task.status} and reason: '${task.reasonForIncompletion ?? 'null'}'`,
      )
      .join('. '),
  );
}

/**
 * Ends a workflow: open tasks become CANCELED, the output is computed.
 *
 * @returns the workflow that its definition names for failures, when it has failed
 */
export function endWorkflow(
  execution: Execution,
  context: Pick<DeciderContext, 'now' | 'environment' | 'limits'>,
  wanted: WorkflowEnd,
): Outcome['failureWorkflow'] {
  const { now } = context;
  for (const task of execution.openTasks()) {
    if (task.taskType !== 'JOIN') continue;
    execution.change(task.taskId, { outputData: joinOutputSoFar(execution, task) });
  }
  // The real server computes the output of a completed workflow before it calls it completed, all others after.
  const wantedOutput = workflowOutput(
    execution,
    context,
    wanted.status === 'COMPLETED' ? 'RUNNING' : wanted.status,
  );
  const end = endWithin(execution, context.limits.workflowOutput, wanted, wantedOutput);
  const output = end === wanted ? wantedOutput : {};
  const reason = end.message === '' ? undefined : end.message;
  for (const task of execution.openTasks())
    execution.change(task.taskId, { status: 'CANCELED', endTime: now });
  const failed = [...execution.tasks()].filter(
    (task) => task.status === 'FAILED' || task.status === 'FAILED_WITH_TERMINAL_ERROR',
  );
  const { workflow } = execution;
  execution.patch({
    status: end.status,
    reasonForIncompletion: reason,
    output,
    endTime: now,
    updateTime: now,
    failedReferenceTaskNames: merged(
      workflow.failedReferenceTaskNames,
      failed.map((task) => task.referenceTaskName),
    ),
    failedTaskNames: merged(
      workflow.failedTaskNames,
      failed.map((task) => task.taskDefName),
    ),
    failedTaskId: workflow.failedTaskId ?? (end.status === 'COMPLETED' ? undefined : end.task?.taskId),
  });
  return end.status === 'COMPLETED' ? undefined : failureWorkflowOf(workflow);
}

/** A workflow whose output is too large has failed, and says so. */
function endWithin(execution: Execution, limit: number, end: WorkflowEnd, output: JsonObject): WorkflowEnd {
  const bytes = excessOf(output, limit);
  if (bytes === undefined) return end;
  const reason = workflowExcessReason(execution.workflowId, bytes, limit);
  return new WorkflowEnd(
    end.message === '' ? reason : `${end.message}. ${reason}`,
    end.status === 'COMPLETED' ? 'FAILED' : end.status,
    end.task,
  );
}

function failureWorkflowOf(workflow: WorkflowModel): Outcome['failureWorkflow'] {
  const { failureWorkflow: given, failureWorkflowVersion: version } = workflow.definition;
  if (typeof given !== 'string' || given === '') return undefined;
  // `${workflow.input.name}`: the third part is the key of the input.
  const name = given.startsWith('$') ? workflow.input[given.split('.')[2]?.replace(/\}$/, '') ?? ''] : given;
  return typeof name === 'string' && name !== '' ? { name, version } : undefined;
}

function workflowOutput(
  execution: Execution,
  context: Pick<DeciderContext, 'environment'>,
  status: WorkflowStatus,
): JsonObject {
  const { definition, output } = execution.workflow;
  const last = execution.lastTask;
  if (last === undefined) return output;
  const terminate = execution.latestTerminate();
  if (terminate !== undefined) return terminate.outputData;
  if (Object.keys(definition.outputParameters).length === 0) return last.outputData;
  return substituteMap(
    definition.outputParameters,
    workflowResolver(execution, context.environment, { status }),
  );
}

function failureReason(task: TaskModel): string {
  return `Task ${task.taskId} failed with status: ${workflowStatusAfter(task.status)} and reason: '${task.reasonForIncompletion ?? 'null'}'`;
}

function workflowStatusAfter(status: TaskStatus): 'FAILED' | 'TIMED_OUT' | 'TERMINATED' {
  if (status === 'TIMED_OUT') return 'TIMED_OUT';
  return status === 'CANCELED' ? 'TERMINATED' : 'FAILED';
}

function merged(names: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...names, ...more])];
}
