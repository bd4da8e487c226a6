import { internal } from '../../model/api-error.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import { queueName } from '../../engine/queues.js';

import { json, text, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';
import type { Route } from '../router.js';

/** The queue in which the real server keeps the workflows that it will look at again. */
const DECIDER_QUEUE = '_deciderQueue';

/** `/api/tasks/queue`: sizes of the queues, and who polls them. */
export function queueRoutes(engine: ConductorEngine): Route[] {
  return [
    ['GET', '/api/tasks/queue/sizes', (request) => sizes(engine, request)],
    ['GET', '/api/tasks/queue/size', (request) => size(engine, request)],
    ['GET', '/api/tasks/queue/all', () => json(allSizes(engine))],
    ['GET', '/api/tasks/queue/all/verbose', () => json(allSizesVerbose(engine))],
    ['GET', '/api/tasks/queue/polldata', (request) => pollData(engine, request)],
    // Queues follow from the tasks here: there is never a task that is missing in one.
    ['POST', '/api/tasks/queue/requeue/{taskType}', () => text('0')],
    ['GET', '/api/tasks/queue/polldata/all', () => json(engine.core.queues.pollData())],
  ];
}

function sizes(engine: ConductorEngine, request: ApiRequest): Reply {
  const types = request.query.getAll('taskType').flatMap((value) => value.split(','));
  if (types.length === 0) throw internal('The parameter taskType is missing: there is no list of task types');
  return json(Object.fromEntries(types.map((type) => [type, engine.core.queues.size(type)])));
}

function size(engine: ConductorEngine, request: ApiRequest): Reply {
  return json(engine.core.queues.size(queueName(request.required('taskType'), request.optional('domain'))));
}

/** How many messages each queue has. */
export function allSizes(engine: ConductorEngine): Record<string, number> {
  const { queues, openWorkflows } = engine.core;
  const entries = queues.names().map((name): [string, number] => [name, queues.size(name)]);
  entries.push([DECIDER_QUEUE, openWorkflows]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function allSizesVerbose(engine: ConductorEngine): unknown {
  return Object.fromEntries(
    Object.entries(allSizes(engine)).map(([name, count]) => [name, { a: { size: count, uacked: 0 } }]),
  );
}

function pollData(engine: ConductorEngine, request: ApiRequest): Reply {
  const taskType = request.required('taskType');
  return json(engine.core.queues.pollData().filter((data) => data.queueName === taskType));
}
