import { internal } from '../../engine/api-error.js';
import type { Engine } from '../../engine/engine.js';
import { queueName } from '../../engine/task-board.js';
import { json, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';

/** The queue in which the real server keeps the workflows that it will look at again. */
const DECIDER_QUEUE = '_deciderQueue';

/** `/api/tasks/queue`: sizes of the queues, and who polls them. */
export function queueRoutes(engine: Engine): Route[] {
  return [
    ['GET', '/api/tasks/queue/sizes', (request) => sizes(engine, request)],
    ['GET', '/api/tasks/queue/size', (request) => size(engine, request)],
    ['GET', '/api/tasks/queue/all', () => json(allSizes(engine))],
    ['GET', '/api/tasks/queue/all/verbose', () => json(allSizesVerbose(engine))],
    ['GET', '/api/tasks/queue/polldata', (request) => pollData(engine, request)],
    ['GET', '/api/tasks/queue/polldata/all', () => json(engine.store.listPollData())],
  ];
}

function sizes(engine: Engine, request: ApiRequest): Reply {
  const types = request.query.getAll('taskType').flatMap((value) => value.split(','));
  if (types.length === 0) throw internal('The parameter taskType is missing: there is no list of task types');
  return json(Object.fromEntries(types.map((type) => [type, engine.store.queueSize(type)])));
}

function size(engine: Engine, request: ApiRequest): Reply {
  return json(engine.store.queueSize(queueName(request.required('taskType'), request.optional('domain'))));
}

function allSizes(engine: Engine): Record<string, number> {
  const entries = engine.store
    .queueNames()
    .map((name): [string, number] => [name, engine.store.queueSize(name)]);
  entries.push([DECIDER_QUEUE, engine.store.countOpenWorkflows()]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function allSizesVerbose(engine: Engine): unknown {
  return Object.fromEntries(
    Object.entries(allSizes(engine)).map(([name, count]) => [name, { a: { size: count, uacked: 0 } }]),
  );
}

function pollData(engine: Engine, request: ApiRequest): Reply {
  const taskType = request.required('taskType');
  return json(engine.store.listPollData().filter((data) => data.queueName === taskType));
}
