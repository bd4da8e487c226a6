import type { JsonObject } from '../../../conductor/wire/types.js';
import type { FullWorkflowTask } from '../../model/definitions.js';
import { readWorkflowTask } from '../../model/read-workflow-def.js';
import type { TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { isSystemType } from './task-types.js';
import { Operator } from './operator.js';

/** FORK_JOIN: the first task of each branch, and the JOIN behind it. */
export class ForkOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const fork = addFork(deciding, task, at, deciding.inputOf(task.inputParameters), false);
    const branches = task.forkTasks.flatMap(([first]) =>
      first === undefined ? [] : deciding.schedule(first, at),
    );
    const join = deciding.execution.graph.next(task.taskReferenceName);
    if (join?.type !== 'JOIN') {
      deciding.end('Fork task definition is not followed by a join task.  Check the blueprint');
    }
    return [fork, ...branches, ...deciding.schedule(join, at)];
  }
}

/** FORK_JOIN_DYNAMIC: as many branches as its input says, and the JOIN behind it. */
export class DynamicForkOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const input = deciding.inputOf(task.inputParameters);
    const branches = branchesOf(deciding, task, input);
    const fork = addFork(
      deciding,
      task,
      at,
      { forkedTasks: branches.map((branch) => branch.taskReferenceName), forkedTaskDefs: branches, ...input },
      true,
    );
    const added: TaskModel[] = [fork];
    const joinOn: string[] = [];
    for (const branch of branches) {
      const scheduled = deciding.schedule(branch, at);
      if (scheduled.length === 0) {
        const { workflowId, workflow } = deciding.execution;
        const { name, version } = workflow.definition;
        deciding.end(
          `No dynamic tasks could be created for the Workflow: ${name}.${version}/${workflowId}, Dynamic Fork Task: ${branch.name}/${branch.taskReferenceName} attempted to create a duplicate task reference name: ${branch.taskReferenceName}`,
        );
      }
      added.push(...scheduled);
      joinOn.push(branch.taskReferenceName);
    }
    const join = deciding.execution.graph.next(task.taskReferenceName);
    if (join?.type !== 'JOIN') {
      deciding.end('Dynamic join definition is not followed by a join task.  Check the workflow definition.');
    }
    // This JOIN waits for what was forked, whatever its definition says.
    const joinTask = deciding.add(join, at, {
      taskType: 'JOIN',
      taskDefName: 'JOIN',
      inputData: { ...join.inputParameters, joinOn },
    });
    return [...added, joinTask];
  }
}

function addFork(
  deciding: Deciding,
  task: FullWorkflowTask,
  at: Placement,
  inputData: JsonObject,
  executed: boolean,
): TaskModel {
  return deciding.add(task, at, {
    taskType: 'FORK',
    taskDefName: 'FORK',
    inputData,
    status: 'COMPLETED',
    endTime: deciding.now,
    executed,
  });
}

function branchesOf(deciding: Deciding, task: FullWorkflowTask, input: JsonObject): FullWorkflowTask[] {
  const branches =
    simpleBranches(deciding, task, input) ??
    (task.dynamicForkTasksParam === undefined || task.dynamicForkTasksParam === ''
      ? joinTaskBranches(deciding, task, input)
      : taskBranches(deciding, task, input, task.dynamicForkTasksParam));
  return branches.map((branch) => {
    const def = branch.taskDefinition ?? deciding.context.taskDef(branch.name);
    return def === undefined ? branch : { ...branch, taskDefinition: def };
  });
}

/** One type of task, or one workflow, for each entry of the list `forkTaskInputs`. */
function simpleBranches(
  deciding: Deciding,
  task: FullWorkflowTask,
  input: JsonObject,
): FullWorkflowTask[] | undefined {
  const inputs = input['forkTaskInputs'];
  if (!Array.isArray(inputs)) return undefined;
  const workflow = text(input['forkTaskWorkflow']);
  const type = text(input['forkTaskType']) ?? 'SIMPLE';
  const ownName = text(input['forkTaskName']) ?? (isSystemType(type) ? type : undefined);
  const name = ownName ?? task.taskReferenceName;
  const isOneOfMany = [...deciding.execution.tasks()].some(
    (other) => other.workflowTask.type === 'FORK_JOIN_DYNAMIC',
  );
  const prefix = isOneOfMany ? `_${task.taskReferenceName}` : '';
  return inputs.map((item: unknown, index) => {
    const inputParameters: JsonObject = isMap(item) ? { ...item } : { input: item };
    inputParameters['__index'] = index;
    return readWorkflowTask({
      name: workflow ?? name,
      taskReferenceName: `${prefix}_${name}_${index}`,
      type: workflow === undefined ? type : 'SUB_WORKFLOW',
      inputParameters,
      optional: task.optional,
      ...(workflow === undefined ? {} : { subWorkflowParam: subWorkflowParam(workflow, input, item) }),
    });
  });
}

function subWorkflowParam(name: string, input: JsonObject, item: unknown): JsonObject {
  const version = Number.parseInt(text(input['forkTaskWorkflowVersion']) ?? '', 10);
  return {
    name,
    ...(Number.isNaN(version) ? {} : { version }),
    ...(isMap(item) && isMap(item['taskToDomain']) ? { taskToDomain: item['taskToDomain'] } : {}),
  };
}

/** A list of tasks in one input, and a map of their inputs in another. */
function taskBranches(
  deciding: Deciding,
  task: FullWorkflowTask,
  input: JsonObject,
  parameter: string,
): FullWorkflowTask[] {
  const tasks = readBranches(deciding, parameter, input[parameter]);
  const inputs = input[task.dynamicForkTasksInputParamName ?? ''];
  if (!isMap(inputs)) {
    deciding.end(
      `Input to the dynamically forked tasks is not a map -> expecting a map of K,V  but found ${JSON.stringify(inputs) ?? 'null'}`,
    );
  }
  return tasks.map((branch) => withInput(branch, inputs[branch.taskReferenceName]));
}

/** The deprecated form: a list of tasks, each with its input. */
function joinTaskBranches(deciding: Deciding, task: FullWorkflowTask, input: JsonObject): FullWorkflowTask[] {
  const parameter = task.dynamicForkJoinTasksParam ?? '';
  const value = input[parameter];
  const items = isMap(value) ? value['dynamicTasks'] : value;
  if (!Array.isArray(items)) {
    deciding.end(
      `Input '${parameter}' is invalid. Cannot deserialize a list of Workflow Tasks from '${JSON.stringify(value) ?? 'null'}'`,
    );
  }
  return items.map((item: unknown) => {
    const one = isMap(item) ? item : {};
    return withInput(
      readWorkflowTask({
        name: one['taskName'],
        taskReferenceName: one['referenceName'],
        type: one['type'] ?? 'SIMPLE',
      }),
      one['input'],
    );
  });
}

function readBranches(deciding: Deciding, parameter: string, value: unknown): FullWorkflowTask[] {
  try {
    if (!Array.isArray(value)) throw new Error('it is not a list');
    const tasks = value.map(readWorkflowTask);
    if (tasks.some((branch) => branch.taskReferenceName === ''))
      throw new Error('a reference name is missing');
    return tasks;
  } catch {
    return deciding.end(
      `Input '${parameter}' is invalid. Cannot deserialize a list of Workflow Tasks from '${JSON.stringify(value) ?? 'null'}'`,
    );
  }
}

function withInput(task: FullWorkflowTask, input: unknown): FullWorkflowTask {
  return isMap(input) ? { ...task, inputParameters: { ...task.inputParameters, ...input } } : task;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
