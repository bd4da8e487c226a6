import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../conductor/wire/types.js';
import { ApiError } from '../../model/api-error.js';
import { readStartRequest } from '../../model/read-start-request.js';
import { readWorkflowDef } from '../../model/read-workflow-def.js';
import { isTerminalWorkflow, type TaskModel, type WorkflowModel } from '../../model/models.js';
import { childResult, type Engine } from '../engine.js';
import { withSecrets } from '../references.js';

/** SUB_WORKFLOW: starts the workflow under an id that follows from the task, so that it is started once. */
export function subWorkflowTask(task: TaskModel, engine: Engine): void {
  const input = task.inputData;
  const parent = engine.execution(task.workflowInstanceId).workflow;
  const inline = input['subWorkflowDefinition'];
  let workflowId = childId(task);
  const existing = engine.store.getWorkflow(workflowId);
  if (existing !== undefined && isTerminalWorkflow(existing.status) && existing.status !== 'COMPLETED') {
    workflowId = engine.newId();
  }
  if (engine.store.getWorkflow(workflowId) === undefined) {
    const family = ancestorsOf(parent, engine);
    if (family.length >= MAX_NESTING) {
      // The whole family: with retries, each of them would try again what cannot end.
      const names = [...new Set(family.map(({ definition }) => definition.name))].join(', ');
      const reason = `There are ${family.length} sub-workflows within each other, and that is the limit. Does a workflow contain itself? These are there: ${names}`;
      engine.fail(family.at(-1)!.workflowId, reason);
      return;
    }
    const definition = isMap(inline)
      ? readWorkflowDef(inline)
      : engine.catalogue.workflowDef(String(input['subWorkflowName']), numberOf(input['subWorkflowVersion']));
    const domains = input['subWorkflowTaskToDomain'];
    engine.start(engine.catalogue.bind(definition), {
      input: childInput(task, isMap(inline)),
      correlationId: parent.correlationId,
      priority: numberOf(input['priority']) ?? 0,
      taskToDomain: isMap(domains) ? (domains as Record<string, string>) : parent.taskToDomain,
      workflowId,
      parent: { workflowId: parent.workflowId, taskId: task.taskId },
    });
  }
  const child = engine.execution(workflowId).workflow;
  engine.endTask(task.taskId, {
    ...childResult(task, child),
    startTime: task.startTime === 0 ? engine.clock.now() : task.startTime,
    pollCount: task.pollCount + 1,
  });
}

/** How many workflows may be within each other; the real server has no limit, and goes on until it is full. */
const MAX_NESTING = 100;

/** A workflow, its parent, and so on. */
function ancestorsOf(workflow: WorkflowModel, engine: Engine): WorkflowModel[] {
  const family: WorkflowModel[] = [];
  let next: WorkflowModel | undefined = workflow;
  while (next !== undefined) {
    family.push(next);
    next = next.parentWorkflowId === undefined ? undefined : engine.store.getWorkflow(next.parentWorkflowId);
  }
  return family;
}

function childInput(task: TaskModel, isInline: boolean): JsonObject {
  const given = task.inputData['workflowInput'];
  const input = isMap(given) && Object.keys(given).length > 0 ? given : task.inputData;
  if (!isInline) return input;
  const metadata = input['_systemMetadata'];
  return { ...input, _systemMetadata: { ...(isMap(metadata) ? metadata : {}), dynamic: true } };
}

/** A name-based UUID, as the real server makes it: the same task and attempt always give the same id. */
function childId(task: TaskModel): string {
  const name = `subworkflow:${task.workflowInstanceId}:${task.taskId}:${task.retryCount}`;
  const bytes = createHash('md5').update(name).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x30;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** START_WORKFLOW: starts a workflow and goes on without it. */
export function startWorkflowTask(task: TaskModel, engine: Engine): void {
  const fail = (reasonForIncompletion: string): void =>
    engine.endTask(task.taskId, { status: 'FAILED', reasonForIncompletion });
  const given = withSecrets(task.inputData, engine.secrets)['startWorkflow'];
  if (given === undefined || given === null) return fail("Missing 'startWorkflow' in input data.");
  const parent = engine.execution(task.workflowInstanceId).workflow;
  let request: ReturnType<typeof readStartRequest>;
  try {
    request = readStartRequest(given);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const problems = (error.validationErrors ?? []).map(
      ({ path, message }) => `'${path.split('.').at(-1)}' -> ${message}. `,
    );
    return fail(
      problems.length > 0
        ? `startWorkflow validation failed. ${problems.join('')}`
        : `Error reading StartWorkflowRequest. ${error.message}`,
    );
  }
  const hasDomains = Object.keys(request.taskToDomain).length > 0;
  const workflowId = engine.start(engine.catalogue.definitionOf(request), {
    ...request,
    correlationId: request.correlationId ?? parent.correlationId,
    taskToDomain: hasDomains ? request.taskToDomain : parent.taskToDomain,
  });
  engine.endTask(task.taskId, { status: 'COMPLETED', outputData: { ...task.outputData, workflowId } });
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? Math.trunc(value) : undefined;
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
