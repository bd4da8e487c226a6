import type { FullWorkflowTask } from '../../model/definitions.js';
import { isTerminalTask, type TaskModel } from '../../model/models.js';
import type { Evaluated, Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { toText } from '../../model/expressions.js';
import { Operator } from './operator.js';

const JAVASCRIPT: ReadonlySet<string> = new Set(['javascript', 'graaljs']);

/** SWITCH: goes on with the case that an input or a script gives. */
export class SwitchOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const { evaluatorType = '' } = task;
    if (evaluatorType !== 'value-param' && !JAVASCRIPT.has(evaluatorType)) {
      deciding.end(`No evaluator registered for type: ${evaluatorType}`);
    }
    const inputData = deciding.inputOf(task.inputParameters);
    const added = deciding.add(task, at, { taskType: 'SWITCH', taskDefName: 'SWITCH', inputData });
    return isTerminalTask(added.status) ? [added] : [added, ...this.#choose(deciding, added)];
  }

  override advance(deciding: Deciding, task: TaskModel): void {
    this.#choose(deciding, task);
  }

  #choose(deciding: Deciding, task: TaskModel): TaskModel[] {
    const { workflowTask: def, inputData } = task;
    const expression = def.expression ?? '';
    const result: Evaluated | undefined =
      def.evaluatorType === 'value-param'
        ? { value: inputData[expression] }
        : deciding.evaluate(task, { language: 'javascript', expression, input: inputData });
    if (result === undefined) return [];
    if ('error' in result) {
      deciding.fail(task, result.error);
      return [];
    }
    const chosen = toText(result.value);
    const cases = def.decisionCases;
    // A case without tasks is meant to have none: the default case is for what has no case at all.
    const list = Object.hasOwn(cases, chosen) ? cases[chosen]! : def.defaultCase;
    return finishChoice(deciding, task, chosen, list, { evaluationResult: [chosen], selectedCase: chosen });
  }
}

/** DECISION, the deprecated form of SWITCH. */
export class DecisionOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const inputData = deciding.inputOf(task.inputParameters);
    const added = deciding.add(task, at, { taskType: 'DECISION', taskDefName: 'DECISION', inputData });
    return isTerminalTask(added.status) ? [added] : [added, ...this.#choose(deciding, added)];
  }

  override advance(deciding: Deciding, task: TaskModel): void {
    this.#choose(deciding, task);
  }

  #choose(deciding: Deciding, task: TaskModel): TaskModel[] {
    const { workflowTask: def, inputData } = task;
    const expression = def.caseExpression ?? '';
    const result: Evaluated | undefined =
      expression.trim() === ''
        ? { value: inputData[def.caseValueParam ?? ''] }
        : deciding.evaluate(task, { language: 'javascript', expression, input: inputData });
    if (result === undefined) return [];
    if ('error' in result) return deciding.end(`Error while evaluating script: ${expression}`);
    const chosen = toText(result.value);
    const list = Object.hasOwn(def.decisionCases, chosen) ? def.decisionCases[chosen]! : [];
    return finishChoice(deciding, task, chosen, list.length > 0 ? list : def.defaultCase, {
      caseOutput: [chosen],
    });
  }
}

function finishChoice(
  deciding: Deciding,
  task: TaskModel,
  chosen: string,
  list: readonly FullWorkflowTask[],
  outputData: TaskModel['outputData'],
): TaskModel[] {
  const [first] = list;
  deciding.execution.change(task.taskId, {
    status: 'COMPLETED',
    inputData: { ...task.inputData, case: chosen, ...(first === undefined ? {} : { hasChildren: 'true' }) },
    outputData,
  });
  if (first === undefined) return [];
  const at: Placement = {
    iteration: task.iteration,
    loopTaskId: task.loopTaskId,
    retryCount: task.retryCount,
  };
  return deciding.schedule(first, at);
}
