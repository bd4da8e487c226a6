import type { TaskExecLog } from '../../../conductor/types.js';
import {
  ApiError,
  badRequest,
  internal,
  notFound,
  throwInvalid,
  type ValidationError,
} from '../../engine/api-error.js';
import {
  readArray,
  readBoolean,
  readInt,
  readMap,
  readObject,
  readOneOf,
  readString,
} from '../../engine/definitions/fields.js';
import type { Delivery } from '../../engine/deliveries.js';
import type { Engine } from '../../engine/engine.js';
import { isTerminalTask } from '../../engine/model.js';
import { searchTasks, type SearchRequest } from '../../engine/task-search.js';
import { RESULT_STATUSES, type TaskUpdate } from '../../engine/task-updates.js';
import { taskSummary, taskView } from '../../engine/views.js';
import { EMPTY, json, NO_CONTENT, text, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';

/** The longest time a batch poll may wait. */
const MAX_POLL_TIMEOUT_MS = 5000;
/** How long a single poll, and the one behind update-v2, waits. */
const SHORT_POLL_MS = 100;
/** Tells workers that a poll may be dropped: nothing is handed to a connection that is gone. */
const ABORTABLE = { 'x-tutti-abortable-poll': 'true' };

/** `/api/tasks`: polling, results, logs, search. */
export function taskRoutes(engine: Engine): Route[] {
  return [
    ['GET', '/api/tasks/poll/{taskType}', (request) => pollOne(engine, request)],
    ['GET', '/api/tasks/poll/batch/{taskType}', (request) => pollBatch(engine, request)],
    ['POST', '/api/tasks', (request) => update(engine, request)],
    ['POST', '/api/tasks/update-v2', (request) => updateAndPoll(engine, request)],
    ['POST', '/api/tasks/{taskId}/log', (request) => addLog(engine, request)],
    ['GET', '/api/tasks/{taskId}/log', (request) => getLogs(engine, request)],
    ['GET', '/api/tasks/{taskId}', (request) => getTask(engine, request)],
    ['GET', '/api/tasks/search', (request) => searchAndShow(engine, request, taskSummary)],
    ['GET', '/api/tasks/search-v2', (request) => searchAndShow(engine, request, taskView)],
  ];
}

async function pollOne(engine: Engine, request: ApiRequest): Promise<Reply> {
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

async function pollBatch(engine: Engine, request: ApiRequest): Promise<Reply> {
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
  const now = engine.clock.now();
  return deliveryReply(json(delivery.tasks.map((task) => taskView(task, now))), delivery);
}

function oneTask(engine: Engine, delivery: Delivery): Reply {
  const [task] = delivery.tasks;
  return deliveryReply(task === undefined ? NO_CONTENT : json(taskView(task, engine.clock.now())), delivery);
}

function deliveryReply(reply: Reply, delivery: Delivery): Reply {
  return { ...reply, headers: ABORTABLE, onLost: () => delivery.giveBack() };
}

function update(engine: Engine, request: ApiRequest): Reply {
  const result = readResult(request.json());
  throwInvalid(missingIds(result));
  engine.updates.update(result);
  return text(result.taskId);
}

async function updateAndPoll(engine: Engine, request: ApiRequest): Promise<Reply> {
  const result = readResult(request.json());
  const errors = missingIds(result);
  // The real server checks this body elsewhere than that of `POST /tasks`, and answers 500.
  if (errors.length > 0) {
    throw internal(`Validation failed for a task result: ${errors.map((error) => error.message).join(', ')}`);
  }
  const task = engine.updates.update(result);
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

function readResult(value: unknown): TaskUpdate {
  const body = readObject(value, 'a task result');
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
      body['logs'] === undefined || body['logs'] === null ? [] : readArray(body['logs'], 'logs').map(readLog),
    extendLease: readBoolean(body, 'extendLease', false),
  };
}

function readLog(value: unknown): TaskExecLog {
  if (typeof value === 'string') return { log: value, createdTime: Date.now() };
  const body = readObject(value, 'a log entry');
  return { log: readString(body, 'log') ?? '', createdTime: readInt(body, 'createdTime', 0) };
}

function addLog(engine: Engine, request: ApiRequest): Reply {
  engine.store.addLog({
    log: request.text,
    taskId: request.param('taskId'),
    createdTime: engine.clock.now(),
  });
  return EMPTY;
}

function getLogs(engine: Engine, request: ApiRequest): Reply {
  const logs = engine.store.getLogs(request.param('taskId'));
  return logs.length === 0 ? NO_CONTENT : json(logs);
}

function getTask(engine: Engine, request: ApiRequest): Reply {
  const taskId = request.param('taskId');
  const task = engine.store.getTask(taskId);
  if (task === undefined) throw notFound(`Task not found for taskId: ${taskId}`);
  return json(taskView(task, engine.clock.now()));
}

function searchAndShow(
  engine: Engine,
  request: ApiRequest,
  show: typeof taskView | typeof taskSummary,
): Reply {
  const asked: SearchRequest = {
    query: request.optional('query') ?? '',
    freeText: request.optional('freeText') ?? '*',
    sort: request.optional('sort') ?? '',
    start: request.int('start', 0),
    size: request.int('size', 100),
  };
  if (asked.start < 0 || asked.size < 0) throw new ApiError(500, 'start and size must not be negative');
  const { totalHits, results } = searchTasks(engine.store, asked);
  const now = engine.clock.now();
  return json({ totalHits, results: results.map((task) => show(task, now)) });
}
