import type { JsonObject } from '../../conductor/wire/types.js';
import { readArray, readInt, readMap, readObject, readOneOf } from '../model/fields.js';
import { isTerminalWorkflow } from '../model/models.js';
import type { StartRequest } from '../model/read-start-request.js';
import type { ConductorEngine } from './conductor-engine.js';
import { emptyUpdate, RESULT_STATUSES, type ResultStatus } from './task-updates.js';

interface Mock {
  readonly status: ResultStatus;
  readonly output: JsonObject;
  readonly executionTime: number;
  readonly queueWaitTime: number;
}

interface Mocks {
  readonly byRef: Map<string, Mock[]>;
  readonly subWorkflows: ReadonlyMap<string, Mocks>;
}

/** As many results are fed in at most. Source: conductor 3.32, `WorkflowTestService`. */
const MAX_STEPS = 20_000;

/**
 * Runs a workflow with results that stand ready instead of workers, until it has ended or a task has none left.
 *
 * @param body - with `taskRefToMockOutput` and `subWorkflowTestRequest`
 * @returns the id of the workflow
 */
export async function testWorkflow(
  engine: ConductorEngine,
  asked: StartRequest,
  body: JsonObject,
): Promise<string> {
  const { core } = engine;
  const mocks = readMocks(body);
  // A domain of its own keeps real workers away from its tasks.
  const workflowId = core.start(core.catalogue.definitionOf(asked), {
    ...asked,
    taskToDomain: { '*': core.newId() },
  });
  await core.settled(workflowId);
  for (let step = 0; step < MAX_STEPS; step++) {
    if (!(await feed(engine, workflowId, mocks))) break;
  }
  return workflowId;
}

/** @returns whether a result was fed in */
async function feed(engine: ConductorEngine, workflowId: string, mocks: Mocks): Promise<boolean> {
  const { core, updates } = engine;
  const execution = core.find(workflowId);
  if (execution === undefined || isTerminalWorkflow(execution.workflow.status)) return false;
  for (const task of execution.openTasks()) {
    const base = execution.graph.baseOf(task.referenceTaskName);
    if (task.taskType === 'SUB_WORKFLOW' && task.subWorkflowId !== undefined) {
      const below = mocks.subWorkflows.get(base);
      if (below !== undefined && (await feed(engine, task.subWorkflowId, below))) return true;
    }
    const mock = mocks.byRef.get(base)?.shift();
    if (mock === undefined) continue;
    updates.update({ ...emptyUpdate(task), status: mock.status, outputData: mock.output });
    await core.settled(workflowId);
    return true;
  }
  return false;
}

function readMocks(body: JsonObject): Mocks {
  const byRef = new Map<string, Mock[]>();
  for (const [ref, list] of Object.entries(readMap(body, 'taskRefToMockOutput'))) {
    byRef.set(
      ref,
      readArray(list, `taskRefToMockOutput.${ref}`).map((item) => {
        const mock = readObject(item, 'a mock of a task');
        return {
          status: readOneOf(mock, 'status', RESULT_STATUSES) ?? 'COMPLETED',
          output: readMap(mock, 'output'),
          executionTime: readInt(mock, 'executionTime', 0),
          queueWaitTime: readInt(mock, 'queueWaitTime', 0),
        };
      }),
    );
  }
  const subWorkflows = new Map(
    Object.entries(readMap(body, 'subWorkflowTestRequest')).map(([ref, request]) => [
      ref,
      readMocks(readObject(request, 'a request to test a sub-workflow')),
    ]),
  );
  return { byRef, subWorkflows };
}
