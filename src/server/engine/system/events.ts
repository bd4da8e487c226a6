import type { JsonObject } from '../../../conductor/wire/types.js';
import { substituteMap } from '../../model/expressions.js';
import { parseJsonPath, readJsonPath } from '../../model/json-path.js';
import { isTerminalTask, type TaskModel, type WorkflowModel } from '../../model/models.js';
import type { Engine, Evaluator } from '../engine.js';
import type { EventHandler } from '../store.js';
import type { ResultStatus, TaskUpdates } from '../task-updates.js';

/** EVENT: publishes its input to the sink `conductor`, and the handlers of that event act on it. */
export function eventTask(evaluator: Evaluator, updates: () => TaskUpdates) {
  return async (task: TaskModel, engine: Engine): Promise<void> => {
    const { workflow } = engine.execution(task.workflowInstanceId);
    const sink = String(task.inputData['sink']);
    const outputData: JsonObject = {
      ...task.inputData,
      workflowInstanceId: workflow.workflowId,
      workflowType: workflow.definition.name,
      workflowVersion: workflow.definition.version,
      correlationId: workflow.correlationId ?? null,
      taskToDomain: workflow.taskToDomain,
    };
    const event = eventOf(sink, workflow, task);
    if (event === undefined) {
      const reasonForIncompletion = `Error loading queue:${sink}, for task:${task.taskId}, error: only the sink conductor is supported by the embedded server`;
      engine.endTask(task.taskId, { status: 'FAILED', outputData, reasonForIncompletion });
      return;
    }
    const published = { ...outputData, event_produced: event };
    const errors = await publish(event, task.taskId, published, { engine, evaluator, updates: updates() });
    for (const log of errors) {
      engine.store.addLogs([{ taskId: task.taskId, log, createdTime: engine.clock.now() }]);
    }
    engine.endTask(task.taskId, {
      status: task.workflowTask.asyncComplete ? 'IN_PROGRESS' : 'COMPLETED',
      startTime: task.startTime === 0 ? engine.clock.now() : task.startTime,
      outputData: published,
    });
  };
}

interface Tools {
  readonly engine: Engine;
  readonly evaluator: Evaluator;
  readonly updates: TaskUpdates;
}

function eventOf(sink: string, workflow: WorkflowModel, task: TaskModel): string | undefined {
  const { name } = workflow.definition;
  if (sink === 'conductor') return `conductor:${name}:${task.referenceTaskName}`;
  return sink.startsWith('conductor:') ? `conductor:${name}:${sink.slice('conductor:'.length)}` : undefined;
}

/** @returns what went wrong, one sentence for each handler */
async function publish(
  event: string,
  messageId: string,
  payload: JsonObject,
  tools: Tools,
): Promise<string[]> {
  const errors: string[] = [];
  const handlers = tools.engine.store
    .listEventHandlers()
    .filter((handler) => handler.active && handler.event === event);
  for (const handler of handlers) {
    try {
      if (!(await applies(handler, payload, tools.evaluator))) continue;
      for (const action of handler.actions) act(action, event, messageId, payload, tools);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      errors.push(`event handler ${handler.name} failed for ${event}: ${text}`);
    }
  }
  return errors;
}

async function applies(handler: EventHandler, payload: JsonObject, evaluator: Evaluator): Promise<boolean> {
  const { condition = '', evaluatorType } = handler;
  if (condition === '') return true;
  if (evaluatorType === 'value-param') return payload[condition] === true;
  const result = await evaluator.evaluate({ language: 'javascript', expression: condition, input: payload });
  if ('error' in result) throw new Error(`condition "${condition}": ${result.error}`);
  return typeof result.value === 'number' ? result.value > 0 : result.value === true;
}

function act(action: JsonObject, event: string, messageId: string, given: JsonObject, tools: Tools): void {
  const payload = action['expandInlineJSON'] === true ? (expand(given) as JsonObject) : given;
  const kind = action['action'];
  const marks = { 'conductor.event.messageId': messageId, 'conductor.event.name': event };
  if (kind === 'start_workflow')
    startWorkflow(mapOf(action['start_workflow']), event, payload, marks, tools.engine);
  else if (kind === 'complete_task')
    endTask(mapOf(action['complete_task']), 'COMPLETED', payload, marks, tools);
  else if (kind === 'fail_task') endTask(mapOf(action['fail_task']), 'FAILED', payload, marks, tools);
  else throw new Error(`Action not supported ${String(kind)} for event ${event}`);
}

function startWorkflow(
  params: JsonObject,
  event: string,
  payload: JsonObject,
  marks: JsonObject,
  engine: Engine,
): void {
  const { catalogue } = engine;
  const version = typeof params['version'] === 'number' ? params['version'] : undefined;
  const definition = catalogue.bind(catalogue.workflowDef(String(params['name']), version));
  const domains = mapOf(params['taskToDomain'] ?? payload['taskToDomain']);
  const correlationId = replace({ id: params['correlationId'] ?? null }, payload)['id'];
  engine.start(definition, {
    input: { ...replace(mapOf(params['input']), payload), ...marks },
    correlationId: typeof correlationId === 'string' ? correlationId : undefined,
    priority: 0,
    taskToDomain: domains as Record<string, string>,
    event,
  });
}

function endTask(
  details: JsonObject,
  status: ResultStatus,
  payload: JsonObject,
  marks: JsonObject,
  { engine, updates }: Tools,
): void {
  const { workflowId = null, taskId = null, taskRefName = null, reasonForIncompletion = null } = details;
  const replaced = replace(
    { workflowId, taskId, taskRefName, reasonForIncompletion, ...mapOf(details['output']) },
    payload,
  );
  const task = findTask(engine, replaced);
  if (task === undefined || isTerminalTask(task.status)) return;
  const reason = replaced['reasonForIncompletion'];
  updates.update({
    taskId: task.taskId,
    workflowInstanceId: task.workflowInstanceId,
    status,
    outputData: { ...replaced, ...marks },
    reasonForIncompletion: status === 'FAILED' && typeof reason === 'string' ? reason : undefined,
    callbackAfterSeconds: 0,
    workerId: undefined,
    subWorkflowId: undefined,
    externalOutputPayloadStoragePath: undefined,
    executionMetadata: undefined,
    logs: [],
    extendLease: false,
  });
}

function findTask(engine: Engine, { taskId, workflowId, taskRefName }: JsonObject): TaskModel | undefined {
  if (typeof taskId === 'string' && taskId !== '') return engine.store.getTask(taskId);
  if (typeof workflowId !== 'string' || typeof taskRefName !== 'string') return undefined;
  return engine.find(workflowId)?.latestOfBase(taskRefName);
}

/** The expressions of a handler read the event's payload: `${path}`. */
function replace(map: JsonObject, payload: JsonObject): JsonObject {
  return substituteMap(map, (expression) => {
    const path = parseJsonPath(`payload.${expression}`);
    return path === undefined ? undefined : readJsonPath(path, payload);
  });
}

/** Strings that hold JSON become what they hold. */
function expand(value: unknown): unknown {
  if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
    try {
      return expand(JSON.parse(value));
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item)]));
}

function mapOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
