import type { JsonObject } from '../../conductor/wire/types.js';
import { isFailedTask, isTerminalWorkflow, type TaskModel, type WorkflowModel } from '../model/models.js';
import { badRequest, conflict, internal, notFound } from '../model/api-error.js';
import { nextAttempt } from './decider.js';
import { definitionOf } from './decider-context.js';
import type { Engine } from './engine.js';
import { joinRefs, type Execution } from './execution.js';
import { operatorFor } from './operators/registry.js';

/** Commands that users give to workflows: what `PUT /workflow/{id}/pause` and its like do. */
export class Lifecycle {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  pause(workflowId: string): void {
    const { workflow } = this.#engine.execution(workflowId);
    if (isTerminalWorkflow(workflow.status)) {
      const { name, version } = workflow.definition;
      throw conflict(`Workflow ${name}.${version}/${workflowId} has ended, status cannot be updated.`);
    }
    this.#engine.run(workflowId, (execution) =>
      execution.patch({ status: 'PAUSED', updateTime: execution.now }),
    );
  }

  resume(workflowId: string): void {
    const { workflow } = this.#engine.execution(workflowId);
    if (workflow.status !== 'PAUSED') {
      throw internal(
        `The workflow ${workflowId} is not PAUSED so cannot resume. Current status is ${workflow.status}`,
      );
    }
    this.#engine.run(workflowId, (execution) => {
      const { now } = execution;
      execution.patch({ status: 'RUNNING', lastRetriedTime: now, updateTime: now });
      execution.touchAll();
    });
  }

  terminate(workflowId: string, reason: string | undefined): void {
    this.#engine.terminate(workflowId, reason);
  }

  /** Looks at a workflow once more. */
  decide(workflowId: string): void {
    this.#engine.run(workflowId, (execution) => execution.touchAll());
  }

  /**
   * Gives the failed and cancelled tasks of an ended workflow a fresh attempt, without delay.
   *
   * @param isDeep - go on in the sub-workflow that failed, where there is one
   */
  retry(workflowId: string, isDeep: boolean): void {
    const { workflow, taskCount } = this.#engine.execution(workflowId);
    if (!isTerminalWorkflow(workflow.status)) {
      throw notFound(`Workflow is still running.  status=${workflow.status}`);
    }
    if (taskCount === 0) throw conflict('Workflow has not started yet');
    const target = isDeep ? this.#lastFailedChild(workflowId) : workflowId;
    this.#retry(target);
    this.#reviveParents(target, 'retried');
  }

  /** Begins an ended workflow anew, under its id. */
  restart(workflowId: string, useLatestDefinitions: boolean): void {
    const { workflow } = this.#engine.execution(workflowId);
    const shown = nameWithStatus(workflow);
    if (!isTerminalWorkflow(workflow.status)) {
      throw conflict(`Workflow: ${shown} is not in terminal state, unable to restart.`);
    }
    let { definition } = workflow;
    if (useLatestDefinitions) {
      const latest = this.#engine.store.getWorkflowDef(definition.name);
      if (latest === undefined) throw notFound(`Unable to find latest definition for ${workflowId}`);
      definition = this.#engine.catalogue.bind(latest);
    }
    if (!definition.restartable && workflow.status === 'COMPLETED') {
      throw notFound(`Workflow: ${shown} is non-restartable`);
    }
    this.#engine.replace(workflowId, definition, (execution) => {
      for (const task of execution.tasks()) execution.remove(task.taskId);
      execution.patch({
        status: 'RUNNING',
        createTime: execution.now,
        endTime: 0,
        lastRetriedTime: 0,
        output: {},
        reasonForIncompletion: undefined,
        failedTaskId: undefined,
      });
    });
    this.#reviveParents(workflowId, 'restarted');
  }

  /** Runs an ended workflow again, from a task on or from its beginning. @returns its id */
  rerun(request: {
    readonly workflowId: string;
    readonly taskId: string | undefined;
    readonly taskInput: JsonObject | undefined;
    readonly workflowInput: JsonObject | undefined;
    readonly correlationId: string | undefined;
  }): string {
    const { workflowId, taskId } = request;
    if (!this.#rerun(request)) throw badRequest(`Task ${taskId ?? 'null'} not found`);
    return workflowId;
  }

  /** Marks a task that has not begun as SKIPPED. */
  skip(workflowId: string, reference: string, input: JsonObject, output: JsonObject): void {
    const engine = this.#engine;
    const current = engine.execution(workflowId);
    if (current.workflow.status !== 'RUNNING') {
      throw internal(
        `The workflow ${workflowId} is not running so the task referenced by ${reference} cannot be skipped`,
      );
    }
    const task = current.graph.get(reference);
    if (task === undefined) {
      throw internal(
        `The task referenced by ${reference} does not exist in the WorkflowDefinition ${current.workflow.definition.name}`,
      );
    }
    if (current.latest(reference) !== undefined) {
      throw internal(`The task referenced ${reference} has already been processed, cannot be skipped`);
    }
    engine.run(workflowId, (execution) => {
      engine.deciding(execution).add(
        task,
        { iteration: 0, loopTaskId: undefined, retryCount: 0 },
        {
          taskType: task.name,
          status: 'SKIPPED',
          inputData: input,
          outputData: output,
          startTime: 0,
          endTime: execution.now,
        },
      );
    });
  }

  /** Makes tasks that wait for a call-back available at once. */
  resetCallbacks(workflowId: string): void {
    const { workflow } = this.#engine.execution(workflowId);
    if (isTerminalWorkflow(workflow.status)) {
      throw conflict(`Workflow is in terminal state. Status = ${workflow.status}`);
    }
    this.#engine.run(workflowId, (execution) => {
      for (const task of execution.openTasks()) {
        const isWaiting = task.status === 'SCHEDULED' && task.callbackAfterSeconds > 0;
        if (!isWaiting || operatorFor(task.taskType).kind !== 'worker') continue;
        execution.change(task.taskId, { callbackAfterSeconds: 0, availableAt: execution.now });
      }
    });
  }

  /** Forgets a workflow. @throws ApiError 400 when it has not ended and is to be archived */
  remove(workflowId: string, archive: boolean): void {
    const { workflow } = this.#engine.execution(workflowId);
    if (archive && !isTerminalWorkflow(workflow.status)) {
      throw badRequest(`Cannot archive workflow: ${workflowId} with status: ${workflow.status}`);
    }
    this.#engine.forget(workflowId);
  }

  #retry(workflowId: string): void {
    const engine = this.#engine;
    const { workflow } = engine.execution(workflowId);
    engine.run(workflowId, (execution) => {
      const retriable = new Map<string, TaskModel>();
      const revived: TaskModel[] = [];
      for (const task of execution.tasks()) {
        const isJoin = task.taskType === 'JOIN' || task.taskType === 'EXCLUSIVE_JOIN';
        if (task.status === 'CANCELED' && (task.taskType === 'JOIN' || task.taskType === 'DO_WHILE'))
          revived.push(task);
        else if (task.status === 'FAILED' && isJoin && joinsPermissive(execution, task)) revived.push(task);
        else if (isFailedTask(task.status)) retriable.set(task.referenceTaskName, task);
        else retriable.delete(task.referenceTaskName);
      }
      if (retriable.size === 0 && workflow.status !== 'TIMED_OUT') {
        throw conflict(
          'There are no retryable tasks! Use restart if you want to attempt entire workflow execution again.',
        );
      }
      execution.patch({
        status: 'RUNNING',
        lastRetriedTime: execution.now,
        updateTime: execution.now,
        endTime: 0,
        reasonForIncompletion: undefined,
      });
      for (const task of revived) revive(execution, task);
      const deciding = engine.deciding(execution);
      for (const task of [...retriable.values()].sort((a, b) => a.seq - b.seq)) {
        if (['DO_WHILE', 'FORK_JOIN', 'JOIN', 'EXCLUSIVE_JOIN'].includes(task.taskType)) {
          revive(execution, task, task.retryCount + 1);
          continue;
        }
        const attempt = nextAttempt(deciding, task, definitionOf(task, deciding.context));
        execution.change(task.taskId, { retried: true, executed: true });
        const isEngines = operatorFor(task.taskType).kind === 'engine';
        execution.add({
          ...attempt,
          firstScheduledTime: execution.now,
          // What the engine does itself does not wait for anybody.
          ...(isEngines ? { status: 'IN_PROGRESS', startTime: execution.now } : {}),
        });
      }
    });
  }

  /** The workflow in which the retry of a workflow has to begin. */
  #lastFailedChild(workflowId: string): string {
    const execution = this.#engine.find(workflowId);
    const failed =
      execution === undefined ? [] : [...execution.tasks()].filter((task) => isUnsuccessful(task));
    const [first] = failed;
    const viaChild =
      first?.taskType === 'DO_WHILE' ? failed.find((task) => task.taskType === 'SUB_WORKFLOW') : first;
    if (viaChild?.taskType !== 'SUB_WORKFLOW' || viaChild.subWorkflowId === undefined) return workflowId;
    const child = this.#engine.find(viaChild.subWorkflowId);
    if (child === undefined || ![...child.tasks()].some((task) => isUnsuccessful(task))) return workflowId;
    return this.#lastFailedChild(child.workflowId);
  }

  /** A workflow runs again: so do those that had ended because of it. */
  #reviveParents(workflowId: string, operation: 'retried' | 'restarted' | 'reran'): void {
    const engine = this.#engine;
    let child = engine.execution(workflowId).workflow;
    let path = shortName(child.definition, child.workflowId);
    while (child.parentWorkflowId !== undefined && child.parentWorkflowTaskId !== undefined) {
      const task = engine.store.getTask(child.parentWorkflowTaskId);
      const isOwn = task !== undefined && task.subWorkflowId === child.workflowId && !task.retried;
      if (!isOwn || task.workflowTask.optional) return;
      engine.store.addLogs([
        { taskId: task.taskId, log: `Sub workflow ${path} ${operation}.`, createdTime: engine.clock.now() },
      ]);
      const siblings = this.#reviveParent(child.parentWorkflowId, task.taskId);
      for (const sibling of siblings) this.#retry(sibling);
      child = engine.execution(child.parentWorkflowId).workflow;
      path = `${shortName(child.definition, child.workflowId)} -> ${path}`;
    }
  }

  /** @returns other children that have failed as well and are to be retried */
  #reviveParent(parentId: string, taskId: string): string[] {
    const engine = this.#engine;
    return engine.run(parentId, (execution) => {
      execution.patch({
        ...runningAgain(),
        lastRetriedTime: execution.now,
      });
      execution.change(taskId, running());
      const retried: string[] = [];
      for (const task of execution.tasks()) {
        if (task.taskId === taskId || task.retried) continue;
        if (task.taskType === 'SUB_WORKFLOW' && task.subWorkflowId !== undefined && isUnsuccessful(task)) {
          const child = engine.find(task.subWorkflowId);
          if (child === undefined) continue;
          const isRunning = !isTerminalWorkflow(child.workflow.status);
          if (!isRunning && ![...child.tasks()].some((one) => isUnsuccessful(one))) continue;
          execution.change(task.taskId, running());
          if (!isRunning) retried.push(child.workflowId);
        } else if (task.taskType === 'JOIN' || task.taskType === 'DO_WHILE') {
          if (isUnsuccessful(task)) revive(execution, task);
        } else if (task.status === 'CANCELED') reschedule(execution, task, task.retryCount + 1);
      }
      return retried;
    });
  }

  #rerun({
    workflowId,
    taskId,
    taskInput,
    workflowInput,
    correlationId,
  }: Parameters<Lifecycle['rerun']>[0]): boolean {
    const engine = this.#engine;
    const current = engine.execution(workflowId);
    if (!isTerminalWorkflow(current.workflow.status)) {
      const shown = nameWithStatus(current.workflow);
      throw conflict(`Workflow: ${shown} is not in terminal state, unable to rerun.`);
    }
    if (workflowInput !== undefined) engine.checkInput(workflowId, workflowInput);
    const begin = (execution: Execution): void => {
      execution.patch({
        ...runningAgain(),
        ...(correlationId === undefined ? {} : { correlationId }),
        ...(workflowInput === undefined ? {} : { input: workflowInput }),
      });
    };
    if (taskId === undefined) {
      engine.run(workflowId, (execution) => {
        begin(execution);
        for (const task of execution.tasks()) execution.remove(task.taskId);
      });
      this.#reviveParents(workflowId, 'reran');
      return true;
    }
    if (current.task(taskId) !== undefined) {
      engine.run(workflowId, (execution) => {
        begin(execution);
        this.#rerunFrom(execution, execution.task(taskId)!, taskInput);
      });
      this.#reviveParents(workflowId, 'reran');
      return true;
    }
    return [...current.tasks()].some(
      (task) =>
        task.taskType === 'SUB_WORKFLOW' &&
        task.subWorkflowId !== undefined &&
        this.#rerun({
          workflowId: task.subWorkflowId,
          taskId,
          taskInput,
          workflowInput: undefined,
          correlationId: undefined,
        }),
    );
  }

  /** The task begins again; what was scheduled after it goes, but for the branches beside a sub-workflow. */
  #rerunFrom(execution: Execution, from: TaskModel, taskInput: JsonObject | undefined): void {
    const deciding = this.#engine.deciding(execution);
    const isChild = from.taskType === 'SUB_WORKFLOW';
    if (!isChild) {
      for (const task of execution.tasks()) if (task.seq > from.seq) execution.remove(task.taskId);
    }
    if (from.taskType === 'FORK' && from.workflowTask.type === 'FORK_JOIN_DYNAMIC') {
      execution.remove(from.taskId);
      deciding.schedule(from.workflowTask, {
        iteration: from.iteration,
        loopTaskId: from.loopTaskId,
        retryCount: 0,
      });
    } else {
      const { kind } = operatorFor(from.taskType);
      execution.change(from.taskId, {
        status: kind === 'engine' ? (from.taskType === 'FORK' ? 'COMPLETED' : 'IN_PROGRESS') : 'SCHEDULED',
        ...(taskInput === undefined || isChild ? {} : { inputData: taskInput }),
        scheduledTime: execution.now,
        availableAt: execution.now,
        callbackAfterSeconds: 0,
        startTime: kind === 'engine' ? execution.now : 0,
        updateTime: 0,
        endTime: 0,
        outputData: {},
        retried: false,
        executed: false,
        pollCount: 0,
        // The real server leaves the reason of the attempt before where it is.
        ...(isChild ? { reasonForIncompletion: undefined } : {}),
        subWorkflowId: undefined,
        ...(from.taskType === 'DO_WHILE' ? { iteration: 0 } : {}),
      });
    }
    for (const task of execution.tasks()) {
      if (task.referenceTaskName === from.referenceTaskName || !isUnsuccessful(task)) continue;
      if (operatorFor(task.taskType).kind === 'engine') revive(execution, task);
      else reschedule(execution, task, task.retryCount);
    }
  }
}

function isUnsuccessful(task: TaskModel): boolean {
  return isFailedTask(task.status) && !task.retried;
}

/** A task of the engine goes on where it was. */
function revive(execution: Execution, task: TaskModel, retryCount = task.retryCount): void {
  const revived = execution.change(task.taskId, { ...running(), retryCount });
  if (revived.taskType === 'JOIN' || revived.taskType === 'EXCLUSIVE_JOIN') {
    execution.awaitRefs(revived.taskId, joinRefs(revived));
  }
}

/** A workflow that had ended and goes on. */
function runningAgain() {
  return {
    status: 'RUNNING',
    endTime: 0,
    reasonForIncompletion: undefined,
    failedTaskId: undefined,
    failedReferenceTaskNames: [],
    failedTaskNames: [],
  } satisfies Partial<WorkflowModel>;
}

function running() {
  return {
    status: 'IN_PROGRESS',
    executed: false,
    retried: false,
    endTime: 0,
    reasonForIncompletion: undefined,
    subworkflowChanged: false,
  } as const;
}

function reschedule(execution: Execution, task: TaskModel, retryCount: number): void {
  execution.change(task.taskId, {
    ...running(),
    status: 'SCHEDULED',
    retryCount,
    scheduledTime: execution.now,
    availableAt: execution.now,
    callbackAfterSeconds: 0,
    startTime: 0,
    pollCount: 0,
    workerId: undefined,
    subWorkflowId: undefined,
  });
}

function joinsPermissive(execution: Execution, join: TaskModel): boolean {
  return joinRefs(join).some((ref) => {
    const task = execution.latest(ref);
    return (
      task !== undefined &&
      task.workflowTask.permissive &&
      !task.workflowTask.optional &&
      isFailedTask(task.status)
    );
  });
}

function nameWithStatus(workflow: WorkflowModel): string {
  return `${shortName(workflow.definition, workflow.workflowId)}.${workflow.status}`;
}

function shortName(definition: { name: string; version: number }, workflowId: string): string {
  return `${definition.name}.${definition.version}/${workflowId}`;
}
