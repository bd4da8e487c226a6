import { internal, notSupported } from '../../model/api-error.js';
import { isTerminalWorkflow } from '../../model/models.js';
import { taskView } from '../../model/views.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import type { ResultStatus } from '../../engine/task-updates.js';
import { readObject } from '../../model/fields.js';
import { EMPTY, json, text } from '../reply.js';
import type { Route } from '../router.js';
import { allSizes } from './queue-resource.js';
import { CONDUCTOR_VERSION } from './system-resource.js';

/** `/api/admin` and `/api/queue`: what operators look at, and results by the name of a task. */
export function adminRoutes(engine: ConductorEngine): Route[] {
  const { core } = engine;
  return [
    ['GET', '/api/admin/config', () => json({ version: CONDUCTOR_VERSION })],
    [
      'GET',
      '/api/admin/task/{taskType}',
      (request) => {
        const from = request.int('start', 0);
        const taskType = request.param('taskType');
        const found = Array.from(core.store.openExecutions(), ({ workflow }) =>
          core.find(workflow.workflowId),
        )
          .flatMap((execution) => execution?.openTasks() ?? [])
          .filter((task) => task.taskType === taskType);
        const now = core.clock.now();
        return json(found.slice(from, from + request.int('count', 100)).map((task) => taskView(task, now)));
      },
    ],
    [
      'POST',
      '/api/admin/sweep/requeue/{workflowId}',
      (request) => {
        const workflowId = request.param('workflowId');
        // Whether it was not in the queue of the decider: that of the real server has all that run, and takes any id.
        const status = core.find(workflowId)?.workflow.status;
        const isNew = status === undefined || isTerminalWorkflow(status);
        if (!isNew) engine.lifecycle.decide(workflowId);
        return text(`${isNew}.${workflowId}`);
      },
    ],
    [
      'POST',
      '/api/admin/consistency/verifyAndRepair/{workflowId}',
      () => {
        throw internal('WorkflowRepairService is disabled.');
      },
    ],
    ['GET', '/api/admin/queues', () => json({})],
    ['GET', '/api/queue/size', () => json(allSizes(engine))],
    ['GET', '/api/queue/', () => json({})],
    [
      'POST',
      '/api/queue/update/{workflowId}/{taskRefName}/{status}',
      (request) => {
        engine.updates.updateByReference(
          request.param('workflowId'),
          request.param('taskRefName'),
          request.param('status') as ResultStatus,
          readObject(request.json(), 'the output of a task'),
          undefined,
        );
        return EMPTY;
      },
    ],
    [
      'POST',
      '/api/queue/update/{workflowId}/task/{taskId}/{status}',
      (request) => {
        const task = core.task(request.param('taskId'));
        engine.updates.updateByReference(
          task.workflowInstanceId,
          task.referenceTaskName,
          request.param('status') as ResultStatus,
          readObject(request.json(), 'the output of a task'),
          undefined,
        );
        return EMPTY;
      },
    ],
  ];
}

/** What the real server has and this one does not. */
const NOT_SUPPORTED: readonly (readonly [method: string, pattern: string])[] = [
  ['GET', '/api/environment'],
  ['GET', '/api/environment/{key}'],
  ['GET', '/api/scheduler/schedules'],
  ['POST', '/api/scheduler/schedules'],
  ['GET', '/api/scheduler/schedules/search'],
  ['GET', '/api/scheduler/schedules/{name}'],
  ['DELETE', '/api/scheduler/schedules/{name}'],
  ['PUT', '/api/scheduler/schedules/{name}/pause'],
  ['PUT', '/api/scheduler/schedules/{name}/resume'],
  ['GET', '/api/scheduler/nextFewSchedules'],
  ['GET', '/api/scheduler/search/executions'],
];

/** Routes that answer 501 and name the endpoint. */
export function notSupportedRoutes(): Route[] {
  return NOT_SUPPORTED.map(([method, pattern]) => [
    method,
    pattern,
    () => {
      throw notSupported(`${method} ${pattern}`);
    },
  ]);
}
