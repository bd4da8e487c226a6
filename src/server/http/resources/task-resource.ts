import type { JsonObject, TaskExecLog } from '../../../conductor/wire/types.js';
import { badRequest, internal, notFound, throwInvalid, type ValidationError } from '../../model/api-error.js';
import {
  readArray,
  readBoolean,
  readInt,
  readMap,
  readObject,
  readOneOf,
  readString,
} from '../../model/fields.js';
import { isTerminalTask, type TaskModel } from '../../model/models.js';
import { taskSummary, taskView, workflowView } from '../../model/views.js';
import { RETURN_STRATEGIES, untilBlocked } from '../../engine/blocking.js';
import type { Delivery } from '../../engine/deliveries.js';
import { withSecrets } from '../../engine/references.js';
import { searchTasks } from '../../engine/search.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import { RESULT_STATUSES, type ResultStatus, type TaskUpdate } from '../../engine/task-updates.js';
import { EMPTY, json, NO_CONTENT, text, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';
import { externalStorageLocation, readSearch } from './shared.js';

/** The longest time a batch poll may wait. */
const MAX_POLL_TIMEOUT_MS = 5000;
/** How long a single poll, and the one behind update-v2, waits. */
const SHORT_POLL_MS = 100;
const DEFAULT_SIGNAL_TIMEOUT_MS = 5000;
/** Tells workers that a poll may be dropped: nothing is handed to a connection that is gone. */
const ABORTABLE = { 'x-tutti-abortable-poll': 'true' };

/** `/api/tasks`: polling, results, logs, search. */
export function taskRoutes(engine: ConductorEngine): Route[] {
  return [
    ['GET', '/api/tasks/poll/{taskType}', (request) => pollOne(engine, request)],
    ['GET', '/api/tasks/poll/batch/{taskType}', (request) => pollBatch(engine, request)],
    ['POST', '/api/tasks', (request) => update(engine, request)],
    ['POST', '/api/tasks/update-v2', (request) => updateAndPoll(engine, request)],
    [
      'POST',
      '/api/tasks/{workflowId}/{taskRefName}/{status}',
      (request) => updateByReference(engine, request),
    ],
    [
      'POST',
      '/api/tasks/{workflowId}/{taskRefName}/{status}/sync',
      (request) => updateByReferenceSync(engine, request),
    ],
    ['POST', '/api/tasks/{workflowId}/{status}/signal', (request) => signal(engine, request)],
    ['POST', '/api/tasks/{workflowId}/{status}/signal/sync', (request) => signalSync(engine, request)],
    ['POST', '/api/tasks/{taskId}/log', (request) => addLog(engine, request)],
    ['GET', '/api/tasks/{taskId}/log', (request) => getLogs(engine, request)],
    ['GET', '/api/tasks/{taskId}', (request) => getTask(engine, request)],
    ['GET', '/api/tasks/search', (request) => searchAndShow(engine, request, taskSummary)],
    ['GET', '/api/tasks/search-v2', (request) => searchAndShow(engine, request, taskView)],
    ['GET', '/api/tasks/externalstoragelocation', externalStorageLocation],
    ['GET', '/api/tasks/external-storage-location', externalStorageLocation],
  ];
}

async function pollOne(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const delivery = await engine.deliveries.poll({
    taskType: request.param('taskType'),
    workerId: request.optional('workerid'),
    domain: request.optional('domain'),
    count: 1,
    timeoutMs: SHORT_POLL_MS,
    signal: request.signal,
  });
  return oneTask(engine, delivery);
}

async function pollBatch(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const timeoutMs = request.int('timeout', SHORT_POLL_MS);
  if (timeoutMs > MAX_POLL_TIMEOUT_MS) {
    throw badRequest('Long Poll Timeout value cannot be more than 5 seconds');
  }
  const delivery = await engine.deliveries.poll({
    taskType: request.param('taskType'),
    workerId: request.optional('workerid'),
    domain: request.optional('domain'),
    count: request.int('count', 1),
    timeoutMs,
    signal: request.signal,
  });
  return deliveryReply(json(delivery.tasks.map((task) => polledView(engine, task))), delivery);
}

function oneTask(engine: ConductorEngine, delivery: Delivery): Reply {
  const [task] = delivery.tasks;
  return deliveryReply(task === undefined ? NO_CONTENT : json(polledView(engine, task)), delivery);
}

/** A task as a worker gets it: with its secrets, which are nowhere else. */
function polledView(engine: ConductorEngine, task: TaskModel): JsonObject {
  const { secrets, environment, clock } = engine.core;
  const view = taskView({ ...task, inputData: withSecrets(task.inputData, secrets) }, clock.now());
  const names = task.workflowTask.taskDefinition?.runtimeMetadata ?? [];
  const runtimeMetadata: Record<string, string> = {};
  for (const name of names) {
    const value = secrets(name) ?? environment(name) ?? environment(`CONDUCTOR_ENV_${name}`);
    if (value !== undefined) runtimeMetadata[name] = value;
  }
  return { ...view, ...(Object.keys(runtimeMetadata).length === 0 ? {} : { runtimeMetadata }) };
}

function deliveryReply(reply: Reply, delivery: Delivery): Reply {
  return { ...reply, headers: ABORTABLE, onLost: () => delivery.giveBack() };
}

async function update(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const result = readResult(engine, request.json());
  throwInvalid(missingIds(result));
  engine.updates.update(result);
  await engine.core.settled(result.workflowInstanceId);
  return text(result.taskId);
}

async function updateAndPoll(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const result = readResult(engine, request.json());
  const errors = missingIds(result);
  // The real server checks this body elsewhere than that of `POST /tasks`, and answers 500.
  if (errors.length > 0) {
    throw internal(`Validation failed for a task result: ${errors.map((error) => error.message).join(', ')}`);
  }
  const task = engine.updates.update(result);
  await engine.core.settled(result.workflowInstanceId);
  if (task === undefined || !isTerminalTask(task.status)) return NO_CONTENT;
  const delivery = await engine.deliveries.poll({
    taskType: task.taskType,
    workerId: result.workerId,
    domain: task.domain,
    count: 1,
    timeoutMs: SHORT_POLL_MS,
    signal: request.signal,
  });
  return oneTask(engine, delivery);
}

function updateByReference(engine: ConductorEngine, request: ApiRequest): Reply {
  const taskId = engine.updates.updateByReference(
    request.param('workflowId'),
    request.param('taskRefName'),
    statusOf(request),
    readObject(request.json(), 'the output of a task'),
    request.optional('workerid'),
  );
  return taskId === undefined ? EMPTY : text(taskId);
}

async function updateByReferenceSync(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const workflowId = request.param('workflowId');
  const ref = request.param('taskRefName');
  const output = readObject(request.json(), 'the output of a task');
  const taskId = engine.updates.updateByReference(
    workflowId,
    ref,
    statusOf(request),
    output,
    request.optional('workerid'),
  );
  if (taskId === undefined)
    throw notFound(`Found no running task ${ref} of workflow ${workflowId} to update`);
  await engine.core.settled(workflowId);
  const execution = engine.core.execution(workflowId);
  return json(workflowView(execution.workflow, execution.tasks(), engine.core.clock.now()));
}

function signal(engine: ConductorEngine, request: ApiRequest): Reply {
  engine.updates.signal(
    request.param('workflowId'),
    statusOf(request),
    readObject(request.json(), 'the output of a task'),
  );
  return EMPTY;
}

async function signalSync(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const workflowId = request.param('workflowId');
  const output = readObject(request.json(), 'the output of a task');
  const signalled = engine.updates.signal(workflowId, statusOf(request), output);
  if (signalled === undefined) throw notFound(`Found no blocked task in workflow ${workflowId} to signal`);
  const answer = await untilBlocked(engine.core, workflowId, {
    refs: [],
    timeoutMs: request.int('timeoutMillis', DEFAULT_SIGNAL_TIMEOUT_MS),
    requestId: engine.core.newId(),
    strategy: request.oneOf('returnStrategy', RETURN_STRATEGIES, 'TARGET_WORKFLOW'),
  });
  return json(answer);
}

function statusOf(request: ApiRequest): ResultStatus {
  const status = request.param('status');
  if ((RESULT_STATUSES as readonly string[]).includes(status)) return status as ResultStatus;
  throw internal(
    `Method parameter 'status': Failed to convert value of type 'java.lang.String' to required type 'Status'; ${status} is not one of ${RESULT_STATUSES.join(', ')}`,
  );
}

function missingIds(result: TaskUpdate): ValidationError[] {
  const errors: ValidationError[] = [];
  if (result.workflowInstanceId === '') {
    errors.push({
      path: 'updateTask.arg0.workflowInstanceId',
      message: 'Workflow Id cannot be null or empty',
    });
  }
  if (result.taskId === '') {
    errors.push({ path: 'updateTask.arg0.taskId', message: 'Task ID cannot be null or empty' });
  }
  return errors;
}

function readResult(engine: ConductorEngine, value: unknown): TaskUpdate {
  const body = readObject(value, 'a task result');
  const now = engine.core.clock.now();
  return {
    taskId: readString(body, 'taskId') ?? '',
    workflowInstanceId: readString(body, 'workflowInstanceId') ?? '',
    status: readOneOf(body, 'status', RESULT_STATUSES),
    outputData: readMap(body, 'outputData'),
    reasonForIncompletion: readString(body, 'reasonForIncompletion'),
    callbackAfterSeconds: readInt(body, 'callbackAfterSeconds', 0),
    workerId: readString(body, 'workerId'),
    subWorkflowId: readString(body, 'subWorkflowId'),
    externalOutputPayloadStoragePath: readString(body, 'externalOutputPayloadStoragePath'),
    executionMetadata:
      body['executionMetadata'] === undefined ? undefined : readMap(body, 'executionMetadata'),
    logs:
      body['logs'] === undefined || body['logs'] === null
        ? []
        : readArray(body['logs'], 'logs').map((log) => readLog(log, now)),
    extendLease: readBoolean(body, 'extendLease', false),
  };
}

function readLog(value: unknown, now: number): TaskExecLog {
  if (typeof value === 'string') return { log: value, createdTime: now };
  const body = readObject(value, 'a log entry');
  return { log: readString(body, 'log') ?? '', createdTime: readInt(body, 'createdTime', 0) };
}

function addLog(engine: ConductorEngine, request: ApiRequest): Reply {
  const { store, clock } = engine.core;
  store.addLogs([{ log: request.text, taskId: request.param('taskId'), createdTime: clock.now() }]);
  return EMPTY;
}

function getLogs(engine: ConductorEngine, request: ApiRequest): Reply {
  const logs = engine.core.store.getLogs(request.param('taskId'));
  return logs.length === 0 ? NO_CONTENT : json(logs);
}

function getTask(engine: ConductorEngine, request: ApiRequest): Reply {
  const taskId = request.param('taskId');
  const task = engine.core.store.getTask(taskId);
  if (task === undefined) throw notFound(`Task not found for taskId: ${taskId}`);
  return json(taskView(task, engine.core.clock.now()));
}

function searchAndShow(
  engine: ConductorEngine,
  request: ApiRequest,
  show: typeof taskView | typeof taskSummary,
): Reply {
  const { totalHits, results } = searchTasks(engine.core.store, readSearch(request));
  const now = engine.core.clock.now();
  return json({ totalHits, results: results.map((task) => show(task, now)) });
}
