import type { JsonObject, Task, Workflow } from '../../conductor/wire/types.js';
import { toText } from './expressions.js';
import type { TaskModel, WorkflowModel } from './models.js';

/** A task as it goes over the wire. Properties without a value are left out by the serialisation. */
export function taskView(task: TaskModel, now: number): Task {
  const view = {
    taskType: task.taskType,
    status: task.status,
    inputData: task.inputData,
    referenceTaskName: task.referenceTaskName,
    retryCount: task.retryCount,
    seq: task.seq,
    correlationId: task.correlationId,
    pollCount: task.pollCount,
    taskDefName: task.taskDefName,
    scheduledTime: task.scheduledTime,
    startTime: task.startTime,
    endTime: task.endTime,
    updateTime: task.updateTime,
    startDelayInSeconds: task.startDelayInSeconds,
    retriedTaskId: task.retriedTaskId,
    retried: task.retried,
    executed: task.executed,
    callbackFromWorker: true,
    responseTimeoutSeconds: task.responseTimeoutSeconds,
    workflowInstanceId: task.workflowInstanceId,
    workflowType: task.workflowType,
    taskId: task.taskId,
    reasonForIncompletion: task.reasonForIncompletion,
    callbackAfterSeconds: task.callbackAfterSeconds,
    workerId: task.workerId,
    outputData: task.outputData,
    workflowTask: task.workflowTask,
    domain: task.domain,
    rateLimitPerFrequency: task.workflowTask.taskDefinition?.rateLimitPerFrequency ?? 0,
    rateLimitFrequencyInSeconds: task.workflowTask.taskDefinition?.rateLimitFrequencyInSeconds ?? 1,
    externalOutputPayloadStoragePath: task.externalOutputPayloadStoragePath,
    workflowPriority: task.workflowPriority,
    iteration: task.iteration,
    subWorkflowId: task.subWorkflowId,
    subworkflowChanged: task.subworkflowChanged,
    firstStartTime: 0,
    executionMetadata: task.executionMetadata,
    taskDefinition: task.workflowTask.taskDefinition ?? null,
    loopOverTask: task.iteration > 0,
    queueWaitTime: queueWaitTime(task, now),
  };
  return view as Task;
}

function queueWaitTime(task: TaskModel, now: number): number {
  if (task.startTime === 0 || task.scheduledTime === 0) return 0;
  if (task.updateTime === 0 || task.callbackAfterSeconds === 0) return task.startTime - task.scheduledTime;
  return Math.max(0, now - (task.updateTime + task.callbackAfterSeconds * 1000));
}

export function workflowView(workflow: WorkflowModel, tasks: Iterable<TaskModel>, now: number): Workflow {
  const view = {
    ownerApp: '',
    createTime: workflow.createTime,
    updateTime: workflow.updateTime,
    createdBy: workflow.createdBy,
    status: workflow.status,
    endTime: workflow.endTime,
    workflowId: workflow.workflowId,
    parentWorkflowId: workflow.parentWorkflowId,
    parentWorkflowTaskId: workflow.parentWorkflowTaskId,
    reRunFromWorkflowId: workflow.reRunFromWorkflowId,
    event: workflow.event,
    tasks: inOrder(tasks).map((task) => taskView(task, now)),
    input: workflow.input,
    output: workflow.output,
    correlationId: workflow.correlationId,
    reasonForIncompletion: workflow.reasonForIncompletion,
    taskToDomain: workflow.taskToDomain,
    failedReferenceTaskNames: workflow.failedReferenceTaskNames,
    workflowDefinition: workflow.definition,
    priority: workflow.priority,
    variables: workflow.variables,
    lastRetriedTime: workflow.lastRetriedTime,
    failedTaskNames: workflow.failedTaskNames,
    history: [],
    rateLimited: false,
    startTime: workflow.createTime,
    workflowName: workflow.definition.name,
    workflowVersion: workflow.definition.version,
  };
  return view as unknown as Workflow;
}

/** A task as the search shows it: times as text, input and output as Java would print them. */
export function taskSummary(task: TaskModel, now = task.endTime): JsonObject {
  return {
    workflowId: task.workflowInstanceId,
    workflowType: task.workflowType,
    correlationId: task.correlationId,
    scheduledTime: isoTime(task.scheduledTime),
    startTime: isoTime(task.startTime),
    updateTime: isoTime(task.updateTime),
    endTime: isoTime(task.endTime),
    status: task.status,
    reasonForIncompletion: task.reasonForIncompletion,
    executionTime: task.endTime === 0 ? 0 : task.endTime - task.startTime,
    queueWaitTime: queueWaitTime(task, now),
    taskDefName: task.taskDefName,
    taskType: task.taskType,
    input: toText(task.inputData),
    output: toText(task.outputData),
    taskId: task.taskId,
    externalOutputPayloadStoragePath: task.externalOutputPayloadStoragePath,
    workflowPriority: task.workflowPriority,
    domain: task.domain,
  };
}

/** A workflow as the search shows it. */
export function workflowSummary(workflow: WorkflowModel): JsonObject {
  const { definition } = workflow;
  const [input, output] = [toText(workflow.input), toText(workflow.output)];
  return {
    classifier: 'workflow',
    workflowType: definition.name,
    version: definition.version,
    workflowId: workflow.workflowId,
    correlationId: workflow.correlationId,
    startTime: isoTime(workflow.createTime),
    updateTime: isoTime(workflow.updateTime),
    ...(workflow.endTime === 0 ? {} : { endTime: isoTime(workflow.endTime) }),
    status: workflow.status,
    input,
    output,
    inputSize: input.length,
    outputSize: output.length,
    reasonForIncompletion: workflow.reasonForIncompletion,
    executionTime: workflow.endTime === 0 ? 0 : workflow.endTime - workflow.createTime,
    event: workflow.event,
    failedReferenceTaskNames: workflow.failedReferenceTaskNames.join(','),
    priority: workflow.priority,
    failedTaskNames: workflow.failedTaskNames,
    createdBy: workflow.createdBy,
    taskToDomain: workflow.taskToDomain,
    parentWorkflowId: workflow.parentWorkflowId ?? '',
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** As the real server lists the tasks of a workflow: one that was skipped stands before all others. */
export function inOrder(tasks: Iterable<TaskModel>): TaskModel[] {
  return Array.from(tasks).sort((a, b) => a.seq - b.seq);
}
