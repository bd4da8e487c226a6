import { badRequest, notFound, throwInvalid, type ValidationError } from '../../engine/api-error.js';
import {
  readInt,
  readMap,
  readObject,
  readOptionalInt,
  readString,
} from '../../engine/definitions/fields.js';
import type { Engine } from '../../engine/engine.js';
import type { FullWorkflowDef } from '../../engine/model.js';
import { taskView, workflowView } from '../../engine/views.js';
import { EMPTY, json, NO_CONTENT, text, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';

const MAX_PRIORITY = 99;

/** `/api/workflow`: start, read, stop. */
export function workflowRoutes(engine: Engine): Route[] {
  const { executions } = engine;
  return [
    ['POST', '/api/workflow', (request) => startByRequest(engine, request)],
    ['POST', '/api/workflow/{name}', (request) => startByName(engine, request)],
    ['GET', '/api/workflow/{id}', (request) => getWorkflow(engine, request)],
    ['GET', '/api/workflow/{id}/status', (request) => getStatus(engine, request)],
    ['GET', '/api/workflow/{id}/tasks', (request) => getTasks(engine, request)],
    [
      'DELETE',
      '/api/workflow/{id}',
      order((id, request) => executions.terminate(id, request.optional('reason'))),
    ],
    ['PUT', '/api/workflow/{id}/pause', order((id) => executions.pause(id))],
    ['PUT', '/api/workflow/{id}/resume', order((id) => executions.resume(id))],
    ['POST', '/api/workflow/{id}/retry', order((id) => executions.retry(id), NO_CONTENT)],
    ['PUT', '/api/workflow/decide/{id}', order((id) => executions.decide(executions.get(id)))],
  ];
}

function order(
  act: (id: string, request: ApiRequest) => void,
  reply = EMPTY,
): (request: ApiRequest) => Reply {
  return (request) => {
    act(request.param('id'), request);
    return reply;
  };
}

function startByRequest(engine: Engine, request: ApiRequest): Reply {
  const body = readObject(request.json(), 'a request to start a workflow');
  const name = readString(body, 'name') ?? '';
  const version = readOptionalInt(body, 'version');
  const priority = readInt(body, 'priority', 0);
  const errors: ValidationError[] = [];
  if (name === '')
    errors.push({ path: 'startWorkflow.arg0.name', message: 'Workflow name cannot be null or empty' });
  if (priority < 0 || priority > MAX_PRIORITY) {
    errors.push({
      path: 'startWorkflow.arg0.priority',
      message: `priority: ${priority} should be ${priority < 0 ? 'minimum 0' : `maximum ${MAX_PRIORITY}`}`,
      invalidValue: String(priority),
    });
  }
  throwInvalid(errors);
  const inline = body['workflowDef'];
  const definition =
    inline === undefined || inline === null
      ? registered(engine, name, version)
      : engine.catalogue.checkWorkflowDef(inline, 'startWorkflow.arg0.workflowDef');
  if (body['input'] === null) throw badRequest('NULL input passed when starting workflow');
  const taskToDomain = readMap(body, 'taskToDomain');
  return text(
    engine.executions.start(engine.catalogue.bind(definition), {
      input: readMap(body, 'input'),
      correlationId: readString(body, 'correlationId'),
      priority,
      taskToDomain: Object.fromEntries(
        Object.entries(taskToDomain).map(([type, value]) => [type, String(value)]),
      ),
      createdBy: readString(body, 'createdBy'),
      idempotencyKey: readString(body, 'idempotencyKey'),
    }),
  );
}

function registered(engine: Engine, name: string, version: number | undefined): FullWorkflowDef {
  const definition = engine.store.getWorkflowDef(name, version);
  if (definition === undefined) {
    throw notFound(`No such workflow defined. name=${name}, version=${version ?? 'null'}`);
  }
  return definition;
}

function startByName(engine: Engine, request: ApiRequest): Reply {
  const input = readObject(request.json(), 'the input of a workflow');
  const priority = request.int('priority', 0);
  if (priority < 0 || priority > MAX_PRIORITY) {
    const limit = priority < 0 ? '0 is the minimum priority value' : '99 is the maximum priority value';
    throwInvalid([{ path: 'startWorkflow.arg3', message: limit, invalidValue: String(priority) }]);
  }
  const definition = engine.catalogue.workflowDef(request.param('name'), request.optionalInt('version'));
  return text(
    engine.executions.start(engine.catalogue.bind(definition), {
      input,
      correlationId: request.optional('correlationId'),
      priority,
      taskToDomain: {},
    }),
  );
}

function getWorkflow(engine: Engine, request: ApiRequest): Reply {
  const workflow = engine.executions.get(request.param('id'));
  return json(workflowView(workflow, engine.clock.now(), request.flag('includeTasks', true)));
}

function getStatus(engine: Engine, request: ApiRequest): Reply {
  const workflow = engine.executions.get(request.param('id'));
  return json({
    workflowId: workflow.workflowId,
    correlationId: workflow.correlationId,
    ...(request.flag('includeOutput', false) ? { output: workflow.output } : {}),
    ...(request.flag('includeVariables', false) ? { variables: workflow.variables } : {}),
    status: workflow.status,
  });
}

function getTasks(engine: Engine, request: ApiRequest): Reply {
  const { tasks } = engine.executions.get(request.param('id'));
  const statuses = request.query.getAll('status').flatMap((value) => value.split(','));
  const wanted = statuses.length === 0 ? tasks : tasks.filter((task) => statuses.includes(task.status));
  const from = request.int('start', 0);
  const now = engine.clock.now();
  return json({
    totalHits: wanted.length,
    results: wanted.slice(from, from + request.int('count', 15)).map((task) => taskView(task, now)),
  });
}
