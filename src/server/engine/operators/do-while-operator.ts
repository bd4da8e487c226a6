import type { JsonObject } from '../../../conductor/wire/types.js';
import { allTasks } from '../../model/graph.js';
import type { FullWorkflowTask } from '../../model/definitions.js';
import { isSuccessfulTask, isTerminalTask, type TaskModel } from '../../model/models.js';
import { definitionOf, type Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { Operator } from './operator.js';

/** DO_WHILE: carries out its body again and again, while a condition holds or for each entry of a list. */
export class DoWhileOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const taskId = deciding.context.newId();
    const def = task.taskDefinition ?? deciding.context.taskDef(task.name);
    const inputData = deciding.inputOf(task.inputParameters, { taskId, def });
    // Its own iteration begins at 0, whatever that of a loop around it is.
    return [deciding.add(task, at, { taskId, inputData, iteration: 0 })];
  }

  override advance(deciding: Deciding, task: TaskModel): void {
    const { execution } = deciding;
    if (task.iteration === 0) {
      if (isListIteration(task) && itemsOf(deciding, task).length === 0) {
        deciding.complete(task, { ...task.outputData, iteration: 0 });
        return;
      }
      this.#begin(deciding, task, 1);
      return;
    }
    if (!execution.isIterationOver(task.taskId)) return;
    const children = latestAttempts(execution.tasksOfLoop(task.taskId));
    const failed = children.find((child) => !isSuccessfulTask(child.status));
    const output: JsonObject = {};
    for (const child of children) {
      output[execution.graph.baseOf(child.referenceTaskName)] = child.outputData;
      if (child === failed) break;
    }
    const outputData = { ...task.outputData, [String(task.iteration)]: output };
    this.#forgetOld(deciding, task, outputData);
    const current = execution.change(task.taskId, { outputData });
    // What its iterations have put out is too large together.
    if (isTerminalTask(current.status)) return;
    if (failed !== undefined) {
      deciding.fail(current, `${failed.reasonForIncompletion ?? 'null'} `);
      return;
    }
    this.#decideOnNext(deciding, current);
  }

  #decideOnNext(deciding: Deciding, task: TaskModel): void {
    const items = isListIteration(task) ? itemsOf(deciding, task) : undefined;
    const hasMore = items === undefined || task.iteration < items.length;
    const condition = task.workflowTask.loopCondition ?? '';
    if (items !== undefined && condition.trim() === '') {
      if (hasMore) this.#begin(deciding, task, task.iteration + 1);
      else deciding.complete(task);
      return;
    }
    if (condition === '') {
      deciding.complete(task);
      return;
    }
    const result = deciding.evaluate(task, {
      language: 'javascript',
      expression: condition,
      input: conditionInput(deciding, task, items),
    });
    if (result === undefined) return;
    if ('error' in result) {
      const reason = `Unable to evaluate condition ${condition}, exception ${result.error}`;
      deciding.fail(task, reason, { status: 'FAILED_WITH_TERMINAL_ERROR' });
    } else if (isTrue(result.value) && hasMore) this.#begin(deciding, task, task.iteration + 1);
    else deciding.complete(task);
  }

  #begin(deciding: Deciding, task: TaskModel, iteration: number): void {
    const { execution } = deciding;
    const outputData: JsonObject = { ...task.outputData, iteration };
    if (isListIteration(task)) {
      const items = itemsOf(deciding, task);
      outputData['loopIndex'] = iteration - 1;
      if (iteration <= items.length) outputData['loopItem'] = items[iteration - 1];
    }
    execution.beginIteration(task.taskId);
    const begun = execution.change(task.taskId, { iteration, outputData });
    if (isTerminalTask(begun.status)) return;
    const [first] = task.workflowTask.loopOver;
    if (first === undefined) return;
    deciding.schedule(first, { iteration, loopTaskId: task.taskId, retryCount: task.retryCount });
  }

  /** `keepLastN`: the outputs and tasks of older iterations go. */
  #forgetOld(deciding: Deciding, task: TaskModel, outputData: JsonObject): void {
    const keep = task.workflowTask.inputParameters['keepLastN'];
    if (typeof keep !== 'number' || task.iteration <= keep) return;
    const { execution } = deciding;
    const oldest = task.iteration - keep;
    for (let iteration = oldest; iteration >= 1 && String(iteration) in outputData; iteration--) {
      delete outputData[String(iteration)];
    }
    for (const child of execution.tasks()) {
      if (child.loopTaskId === task.taskId && child.iteration <= oldest) execution.remove(child.taskId);
    }
  }
}

/** In the order of their first scheduling, the last attempt of each. */
function latestAttempts(tasks: readonly TaskModel[]): TaskModel[] {
  return [...new Map(tasks.map((task) => [task.referenceTaskName, task])).values()];
}

function isListIteration(task: TaskModel): boolean {
  const { items, inputParameters } = task.workflowTask;
  if (typeof items === 'string' && items.trim() !== '') return true;
  const value = inputParameters['_items'];
  return typeof value === 'string' ? value.trim() !== '' : Array.isArray(value);
}

function itemsOf(deciding: Deciding, task: TaskModel): unknown[] {
  const { items, inputParameters } = task.workflowTask;
  const { taskId } = task;
  let value: unknown;
  if (typeof items === 'string' && items.trim() !== '')
    value = deciding.inputOf({ items }, { taskId })['items'];
  value ??= deciding.inputOf({ items: inputParameters['_items'] ?? null }, { taskId })['items'];
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

/** What a loop's condition sees as `$`: its input, its output, and the latest output of each task of its body. */
function conditionInput(
  deciding: Deciding,
  task: TaskModel,
  items: readonly unknown[] | undefined,
): JsonObject {
  const { execution, context } = deciding;
  const input = deciding.inputOf(task.workflowTask.inputParameters, {
    taskId: task.taskId,
    def: definitionOf(task, context),
  });
  input[task.referenceTaskName] = task.outputData;
  for (const child of allTasks(task.workflowTask.loopOver)) {
    const latest = execution.latestOfBase(child.taskReferenceName);
    if (latest !== undefined) input[child.taskReferenceName] = latest.outputData;
  }
  if (items !== undefined) {
    input['loopIndex'] = task.iteration - 1;
    if (task.iteration <= items.length) input['loopItem'] = items[task.iteration - 1];
  }
  return input;
}

/** As the real server reads the result of a condition: true, or a number above 0. */
function isTrue(value: unknown): boolean {
  return typeof value === 'number' ? value > 0 : value === true;
}
