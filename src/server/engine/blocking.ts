import type { JsonObject } from '../../conductor/wire/types.js';
import { internal } from '../model/api-error.js';
import { isTerminalTask, isTerminalWorkflow, type TaskModel, type WorkflowModel } from '../model/models.js';
import { taskView } from '../model/views.js';
import { ANY, type Engine } from './engine.js';
import type { Execution } from './execution.js';

export const RETURN_STRATEGIES = [
  'TARGET_WORKFLOW',
  'BLOCKING_WORKFLOW',
  'BLOCKING_TASK',
  'BLOCKING_TASK_INPUT',
] as const;
export type ReturnStrategy = (typeof RETURN_STRATEGIES)[number];

/** Where a workflow has stopped for somebody: its end, or a task in it or in one of its sub-workflows. */
interface Stop {
  readonly workflow: WorkflowModel;
  readonly task: TaskModel | undefined;
}

/**
 * Waits until a workflow has ended, waits for somebody, or has come past one of `refs`.
 *
 * @returns what a synchronous call answers
 * @throws ApiError 500 where a task is asked for and none blocks, as on the real server
 */
export async function untilBlocked(
  engine: Engine,
  workflowId: string,
  options: {
    readonly refs: readonly string[];
    readonly timeoutMs: number;
    readonly requestId: string;
    readonly strategy: ReturnStrategy;
  },
): Promise<JsonObject> {
  const { refs, timeoutMs, strategy, requestId } = options;
  const find = (): Stop | undefined => findStop(engine, workflowId, new Set(refs));
  let stop = find();
  if (stop === undefined) {
    await new Promise<void>((resolve) => {
      const check = (): void => {
        stop = find();
        if (stop !== undefined) done();
      };
      const done = (): void => {
        cancel();
        unlisten();
        resolve();
      };
      const cancel = engine.callerClock.after(timeoutMs, done);
      const unlisten = engine.onChange(ANY, check);
    });
  }
  return answer(engine, engine.execution(workflowId), stop, strategy, requestId);
}

function findStop(engine: Engine, workflowId: string, refs: ReadonlySet<string>): Stop | undefined {
  const execution = engine.find(workflowId);
  if (execution === undefined) return undefined;
  const { workflow } = execution;
  const blocking = findBlocking(engine, execution, refs);
  return blocking ?? (isTerminalWorkflow(workflow.status) ? { workflow, task: undefined } : undefined);
}

/** Of several, the one whose task was scheduled first. */
function findBlocking(engine: Engine, execution: Execution, refs: ReadonlySet<string>): Stop | undefined {
  const { workflow } = execution;
  let first: { readonly seq: number; readonly stop: Stop } | undefined;
  const take = (seq: number, stop: Stop): void => {
    if (first === undefined || seq < first.seq) first = { seq, stop };
  };
  for (const ref of refs) {
    const task = endedAttempt(execution, ref);
    if (task !== undefined) take(task.seq, { workflow, task });
  }
  for (const task of execution.openTasks()) {
    if (task.taskType === 'WAIT' && task.waitUntil === 0) take(task.seq, { workflow, task });
    if (task.taskType !== 'SUB_WORKFLOW' || task.subWorkflowId === undefined) continue;
    const child = engine.find(task.subWorkflowId);
    const stop = child === undefined ? undefined : findBlocking(engine, child, refs);
    if (stop !== undefined) take(task.seq, stop);
  }
  return first?.stop;
}

/** The first attempt that has ended, also when another one follows. */
function endedAttempt(execution: Execution, ref: string): TaskModel | undefined {
  const latest = execution.latest(ref);
  if (latest === undefined) return undefined;
  if (latest.retryCount === 0) return isTerminalTask(latest.status) ? latest : undefined;
  for (const task of execution.tasks()) {
    if (task.referenceTaskName === ref && isTerminalTask(task.status)) return task;
  }
  return undefined;
}

function answer(
  engine: Engine,
  target: Execution,
  stop: Stop | undefined,
  strategy: ReturnStrategy,
  requestId: string,
): JsonObject {
  const base = {
    responseType: strategy,
    targetWorkflowId: target.workflowId,
    targetWorkflowStatus: target.workflow.status,
    requestId,
    signalTimeout: stop === undefined,
  };
  if (strategy === 'BLOCKING_TASK' || strategy === 'BLOCKING_TASK_INPUT') {
    if (stop?.task === undefined) {
      throw internal(
        `No task of workflow ${target.workflowId} blocks it: there is none to answer as ${strategy}`,
      );
    }
    return { ...base, ...taskRun(stop.workflow, stop.task) };
  }
  const shown =
    strategy === 'BLOCKING_WORKFLOW' && stop !== undefined
      ? engine.execution(stop.workflow.workflowId)
      : target;
  return { ...base, ...workflowRun(shown, engine.clock.now()) };
}

function workflowRun(execution: Execution, now: number): JsonObject {
  const { workflow } = execution;
  return {
    workflowId: workflow.workflowId,
    correlationId: workflow.correlationId,
    input: workflow.input,
    output: workflow.output,
    priority: workflow.priority,
    variables: workflow.variables,
    tasks: Array.from(execution.tasks(), (task) => taskView(task, now)),
    createdBy: workflow.createdBy,
    createTime: workflow.createTime,
    updateTime: workflow.updateTime,
    status: workflow.status,
  };
}

function taskRun(workflow: WorkflowModel, task: TaskModel): JsonObject {
  return {
    workflowId: workflow.workflowId,
    correlationId: workflow.correlationId,
    input: task.inputData,
    output: task.outputData,
    taskType: task.taskType,
    taskId: task.taskId,
    referenceTaskName: task.referenceTaskName,
    retryCount: task.retryCount,
    taskDefName: task.taskDefName,
    retriedTaskId: task.retriedTaskId,
    workflowType: task.workflowType,
    reasonForIncompletion: task.reasonForIncompletion,
    priority: task.workflowPriority,
    createdBy: task.workerId,
    createTime: task.startTime,
    updateTime: task.updateTime,
    status: task.status,
  };
}
