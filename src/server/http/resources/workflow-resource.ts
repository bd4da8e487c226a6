import type { JsonObject } from '../../../conductor/wire/types.js';
import { throwInvalid } from '../../model/api-error.js';
import { readArray, readMap, readObject, readString } from '../../model/fields.js';
import { isTerminalWorkflow, type WorkflowModel } from '../../model/models.js';
import { checkPriority, readStartRequest, type StartRequest } from '../../model/read-start-request.js';
import { inOrder, taskView, workflowSummary, workflowView } from '../../model/views.js';
import { RETURN_STRATEGIES, untilBlocked } from '../../engine/blocking.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import { searchTasks, searchWorkflows } from '../../engine/search.js';
import { testWorkflow } from '../../engine/workflow-test.js';
import { EMPTY, json, NO_CONTENT, text, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';
import { externalStorageLocation, readSearch } from './shared.js';

const MAX_SEARCH_SIZE = 5000;
const DEFAULT_WAIT_SECONDS = 10;

/** `/api/workflow`: start, read, stop. */
export function workflowRoutes(engine: ConductorEngine): Route[] {
  const { lifecycle } = engine;
  return [
    ['POST', '/api/workflow', (request) => startByRequest(engine, request)],
    ['POST', '/api/workflow/{name}', (request) => startByName(engine, request)],
    ['POST', '/api/workflow/execute/{name}/{version}', (request) => execute(engine, request)],
    ['POST', '/api/workflow/test', (request) => test(engine, request)],
    ['GET', '/api/workflow/search', (request) => search(engine, request, workflowSummary)],
    ['GET', '/api/workflow/search-v2', (request) => search(engine, request, (w) => shown(engine, w, false))],
    ['GET', '/api/workflow/search-by-tasks', (request) => searchByTasks(engine, request, workflowSummary)],
    [
      'GET',
      '/api/workflow/search-by-tasks-v2',
      (request) => searchByTasks(engine, request, (workflow) => shown(engine, workflow, false)),
    ],
    ['GET', '/api/workflow/externalstoragelocation', externalStorageLocation],
    ['GET', '/api/workflow/external-storage-location', externalStorageLocation],
    ['GET', '/api/workflow/running/{name}', (request) => running(engine, request)],
    ['GET', '/api/workflow/{name}/correlated/{correlationId}', (request) => correlated(engine, request)],
    ['POST', '/api/workflow/{name}/correlated', (request) => correlatedByIds(engine, request)],
    ['GET', '/api/workflow/{id}', (request) => getWorkflow(engine, request)],
    ['GET', '/api/workflow/{id}/status', (request) => getStatus(engine, request)],
    ['GET', '/api/workflow/{id}/tasks', (request) => getTasks(engine, request)],
    [
      'DELETE',
      '/api/workflow/{id}',
      order(engine, (id, request) => lifecycle.terminate(id, request.optional('reason'))),
    ],
    [
      'DELETE',
      '/api/workflow/{id}/remove',
      order(engine, (id, request) => lifecycle.remove(id, request.flag('archiveWorkflow', true))),
    ],
    [
      'DELETE',
      '/api/workflow/{id}/terminate-remove',
      order(engine, (id, request) => {
        lifecycle.terminate(id, request.optional('reason'));
        lifecycle.remove(id, request.flag('archiveWorkflow', true));
      }),
    ],
    ['PUT', '/api/workflow/{id}/pause', order(engine, (id) => lifecycle.pause(id))],
    ['PUT', '/api/workflow/{id}/resume', order(engine, (id) => lifecycle.resume(id))],
    ['PUT', '/api/workflow/{id}/skiptask/{ref}', (request) => skip(engine, request)],
    [
      'POST',
      '/api/workflow/{id}/retry',
      order(
        engine,
        (id, request) => lifecycle.retry(id, request.flag('resumeSubworkflowTasks', false)),
        NO_CONTENT,
      ),
    ],
    [
      'POST',
      '/api/workflow/{id}/restart',
      order(
        engine,
        (id, request) => lifecycle.restart(id, request.flag('useLatestDefinitions', false)),
        NO_CONTENT,
      ),
    ],
    ['POST', '/api/workflow/{id}/rerun', (request) => rerun(engine, request)],
    [
      'POST',
      '/api/workflow/{id}/resetcallbacks',
      order(engine, (id) => lifecycle.resetCallbacks(id), NO_CONTENT),
    ],
    ['PUT', '/api/workflow/decide/{id}', order(engine, (id) => lifecycle.decide(id))],
  ];
}

function order(
  engine: ConductorEngine,
  act: (id: string, request: ApiRequest) => void,
  reply = EMPTY,
): (request: ApiRequest) => Promise<Reply> {
  return async (request) => {
    const id = request.param('id');
    act(id, request);
    await engine.core.settled(id);
    return reply;
  };
}

async function startByRequest(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const asked = readStartRequest(request.json());
  return text(await start(engine, asked));
}

async function start(engine: ConductorEngine, asked: StartRequest, input = asked.input): Promise<string> {
  const { core } = engine;
  const workflowId = core.start(core.catalogue.definitionOf(asked), { ...asked, input });
  await core.settled(workflowId);
  return workflowId;
}

async function startByName(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const { core } = engine;
  const input = readObject(request.json(), 'the input of a workflow');
  const priority = request.int('priority', 0);
  checkPriority(priority);
  const definition = core.catalogue.workflowDef(request.param('name'), request.optionalInt('version'));
  const workflowId = core.start(core.catalogue.bind(definition), {
    input,
    correlationId: request.optional('correlationId'),
    priority,
    taskToDomain: {},
  });
  await core.settled(workflowId);
  return text(workflowId);
}

async function execute(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const given = readObject(request.json(), 'a request to start a workflow');
  const version = request.intParam('version');
  const asked = readStartRequest({
    ...given,
    name: request.param('name'),
    ...(version === 0 ? { version: undefined } : { version }),
  });
  const isInline = asked.workflowDef !== undefined;
  const metadata = asked.input['_systemMetadata'];
  const input = isInline
    ? { ...asked.input, _systemMetadata: { ...(metadata as JsonObject | undefined), dynamic: true } }
    : asked.input;
  const workflowId = await start(engine, asked, input);
  const seconds = request.int('waitForSeconds', DEFAULT_WAIT_SECONDS);
  const answer = await untilBlocked(engine.core, workflowId, {
    refs: (request.optional('waitUntilTaskRef') ?? '').split(',').filter((ref) => ref.trim() !== ''),
    timeoutMs: (seconds === 0 ? DEFAULT_WAIT_SECONDS : seconds) * 1000,
    requestId: request.optional('requestId') ?? engine.core.newId(),
    strategy: request.oneOf('returnStrategy', RETURN_STRATEGIES, 'TARGET_WORKFLOW'),
  });
  return json(answer);
}

async function test(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const body = readObject(request.json(), 'a request to test a workflow');
  const workflowId = await testWorkflow(engine, readStartRequest(body), body);
  const execution = engine.core.execution(workflowId);
  return json(workflowView(execution.workflow, execution.tasks(), engine.core.clock.now()));
}

function shown(engine: ConductorEngine, workflow: WorkflowModel, includeTasks: boolean): JsonObject {
  const { core } = engine;
  const tasks = includeTasks ? core.execution(workflow.workflowId).tasks() : [];
  return workflowView(workflow, tasks, core.clock.now());
}

function getWorkflow(engine: ConductorEngine, request: ApiRequest): Reply {
  const { workflow } = engine.core.execution(request.param('id'));
  return json(shown(engine, workflow, request.flag('includeTasks', true)));
}

function getStatus(engine: ConductorEngine, request: ApiRequest): Reply {
  const { workflow } = engine.core.execution(request.param('id'));
  return json({
    workflowId: workflow.workflowId,
    correlationId: workflow.correlationId,
    ...(request.flag('includeOutput', false) ? { output: workflow.output } : {}),
    ...(request.flag('includeVariables', false) ? { variables: workflow.variables } : {}),
    status: workflow.status,
  });
}

function getTasks(engine: ConductorEngine, request: ApiRequest): Reply {
  const tasks = inOrder(engine.core.execution(request.param('id')).tasks());
  const statuses = request.query.getAll('status').flatMap((value) => value.split(','));
  const wanted = statuses.length === 0 ? tasks : tasks.filter((task) => statuses.includes(task.status));
  const from = request.int('start', 0);
  const now = engine.core.clock.now();
  return json({
    totalHits: wanted.length,
    results: wanted.slice(from, from + request.int('count', 15)).map((task) => taskView(task, now)),
  });
}

function search(
  engine: ConductorEngine,
  request: ApiRequest,
  show: (workflow: WorkflowModel) => unknown,
): Reply {
  const asked = readSearch(request);
  if (asked.size > MAX_SEARCH_SIZE && Number.isFinite(asked.size)) {
    const message = `Cannot return more than ${MAX_SEARCH_SIZE} workflows. Please use pagination.`;
    throwInvalid([{ path: 'searchWorkflows.arg1', message, invalidValue: String(asked.size) }]);
  }
  const { totalHits, results } = searchWorkflows(engine.core.store, {
    ...asked,
    topLevelOnly: request.flag('topLevelOnly', false),
  });
  return json({ totalHits, results: results.map(show) });
}

/** Workflows that have a task that meets the conditions. */
function searchByTasks(
  engine: ConductorEngine,
  request: ApiRequest,
  show: (workflow: WorkflowModel) => unknown,
): Reply {
  const { store } = engine.core;
  const { totalHits, results } = searchTasks(store, readSearch(request));
  const workflows = [...new Set(results.map((task) => task.workflowInstanceId))].flatMap(
    (id) => store.getWorkflow(id) ?? [],
  );
  return json({ totalHits, results: workflows.map(show) });
}

function running(engine: ConductorEngine, request: ApiRequest): Reply {
  const { store } = engine.core;
  const name = request.param('name');
  const from = request.optionalLong('startTime');
  const to = request.optionalLong('endTime');
  const ids: string[] = [];
  for (const workflow of store.findWorkflows({ name })) {
    const isWanted =
      from !== undefined && to !== undefined
        ? workflow.createTime >= from && workflow.createTime <= to
        : !isTerminalWorkflow(workflow.status);
    if (isWanted) ids.push(workflow.workflowId);
  }
  return json(ids);
}

function correlated(engine: ConductorEngine, request: ApiRequest): Reply {
  return json(correlatedTo(engine, request, request.param('correlationId')));
}

function correlatedByIds(engine: ConductorEngine, request: ApiRequest): Reply {
  const ids = readArray(request.json(), 'the list of correlation ids').map(String);
  return json(Object.fromEntries(ids.map((id) => [id, correlatedTo(engine, request, id)])));
}

function correlatedTo(engine: ConductorEngine, request: ApiRequest, correlationId: string): JsonObject[] {
  const includeClosed = request.flag('includeClosed', false);
  const includeTasks = request.flag('includeTasks', false);
  return [...engine.core.store.findWorkflows({ name: request.param('name'), correlationId })]
    .filter((workflow) => includeClosed || workflow.status === 'RUNNING')
    .map((workflow) => shown(engine, workflow, includeTasks));
}

async function skip(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  // The real server does not read the body of this request: the task is skipped without input and output.
  engine.lifecycle.skip(request.param('id'), request.param('ref'), {}, {});
  await engine.core.settled(request.param('id'));
  return EMPTY;
}

async function rerun(engine: ConductorEngine, request: ApiRequest): Promise<Reply> {
  const body = readObject(request.json(), 'a request to run a workflow again');
  const workflowId = request.param('id');
  const id = engine.lifecycle.rerun({
    workflowId,
    taskId: readString(body, 'reRunFromTaskId'),
    taskInput: optionalMap(body, 'taskInput'),
    workflowInput: optionalMap(body, 'workflowInput'),
    correlationId: readString(body, 'correlationId'),
  });
  await engine.core.settled(workflowId);
  return text(id);
}

function optionalMap(body: JsonObject, key: string): JsonObject | undefined {
  return body[key] === undefined || body[key] === null ? undefined : readMap(body, key);
}

const MAX_BULK = 1000;

/** `/api/workflow/bulk`: the same orders for many workflows. */
export function bulkRoutes(engine: ConductorEngine): Route[] {
  const { lifecycle } = engine;
  return [
    ['PUT', '/api/workflow/bulk/pause', bulk(engine, 'pauseWorkflow', (id) => lifecycle.pause(id))],
    ['PUT', '/api/workflow/bulk/resume', bulk(engine, 'resumeWorkflow', (id) => lifecycle.resume(id))],
    [
      'POST',
      '/api/workflow/bulk/restart',
      bulk(engine, 'restart', (id, request) =>
        lifecycle.restart(id, request.flag('useLatestDefinitions', false)),
      ),
    ],
    ['POST', '/api/workflow/bulk/retry', bulk(engine, 'retry', (id) => lifecycle.retry(id, false))],
    [
      'POST',
      '/api/workflow/bulk/terminate',
      bulk(engine, 'terminate', (id, request) => lifecycle.terminate(id, request.optional('reason'))),
    ],
    [
      'DELETE',
      '/api/workflow/bulk/remove',
      bulk(engine, 'deleteWorkflow', (id, request) =>
        lifecycle.remove(id, request.flag('archiveWorkflow', true)),
      ),
    ],
    [
      'DELETE',
      '/api/workflow/bulk/terminate-remove',
      bulk(engine, 'terminateRemove', (id, request) => {
        lifecycle.terminate(id, request.optional('reason'));
        lifecycle.remove(id, request.flag('archiveWorkflow', true));
      }),
    ],
    ['POST', '/api/workflow/bulk/search', (request) => bulkSearch(engine, request)],
  ];
}

function bulk(
  engine: ConductorEngine,
  method: string,
  act: (id: string, request: ApiRequest) => void,
): (request: ApiRequest) => Promise<Reply> {
  return async (request) => {
    const bulkErrorResults: Record<string, string> = {};
    const bulkSuccessfulResults: string[] = [];
    for (const id of bulkIds(request, method)) {
      try {
        act(id, request);
        bulkSuccessfulResults.push(id);
      } catch (error) {
        bulkErrorResults[id] = error instanceof Error ? error.message : String(error);
      }
    }
    await Promise.all(bulkSuccessfulResults.map((id) => engine.core.settled(id)));
    return json({ bulkErrorResults, bulkSuccessfulResults });
  };
}

function bulkSearch(engine: ConductorEngine, request: ApiRequest): Reply {
  const bulkErrorResults: Record<string, string> = {};
  const bulkSuccessfulResults: JsonObject[] = [];
  for (const id of bulkIds(request, 'searchWorkflow')) {
    const execution = engine.core.find(id);
    if (execution === undefined) bulkErrorResults[id] = `No such workflow found by id: ${id}`;
    else bulkSuccessfulResults.push(shown(engine, execution.workflow, request.flag('includeTasks', true)));
  }
  return json({ bulkErrorResults, bulkSuccessfulResults });
}

/** @param method - of the real server's service: it stands in the error body */
function bulkIds(request: ApiRequest, method: string): string[] {
  const ids = readArray(request.json(), 'the list of workflow ids').map(String);
  if (ids.length === 0)
    throwInvalid([{ path: `${method}.arg0`, message: 'WorkflowIds list cannot be null.' }]);
  if (ids.length > MAX_BULK) {
    const message = `Cannot process more than ${MAX_BULK} workflows. Please use multiple requests.`;
    throwInvalid([{ path: `${method}.arg0`, message }]);
  }
  return ids;
}
