import type { JsonObject } from '../../../conductor/wire/types.js';
import type { FullWorkflowTask } from '../../model/definitions.js';
import { excessOf } from '../../model/payload-limits.js';
import { parseDate, parseDuration } from '../../model/time-text.js';
import type { TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { Operator } from './operator.js';

/** A task that is added in progress with its input, and carried out by the decider. */
abstract class PlainOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const taskId = deciding.context.newId();
    const def = task.taskDefinition ?? deciding.context.taskDef(task.name);
    return [
      deciding.add(task, at, { taskId, inputData: deciding.inputOf(task.inputParameters, { taskId, def }) }),
    ];
  }
}

/** NOOP: nothing. The real server does not even give it an input. */
export class NoopOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    return [deciding.add(task, at, {})];
  }

  override advance(deciding: Deciding, task: TaskModel): void {
    deciding.complete(task);
  }
}

/** HUMAN: somebody completes it. */
export class HumanOperator extends PlainOperator {}

/** WAIT: for a time, until a time, or until somebody completes it. */
export class WaitOperator extends PlainOperator {
  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    return super.schedule(deciding, task, at).map((wait) => this.#plan(deciding, wait));
  }

  override advance(deciding: Deciding, task: TaskModel): void {
    if (task.waitUntil > 0 && deciding.now >= task.waitUntil) deciding.complete(task);
  }

  #plan(deciding: Deciding, wait: TaskModel): TaskModel {
    const duration = textOf(wait.inputData['duration']);
    const until = textOf(wait.inputData['until']);
    const refuse = (reason: string): TaskModel =>
      deciding.fail(wait, reason, { status: 'FAILED_WITH_TERMINAL_ERROR' });
    const waitFor = (waitUntil: number): TaskModel =>
      deciding.execution.change(wait.taskId, {
        waitUntil,
        callbackAfterSeconds: Math.max(0, Math.trunc((waitUntil - deciding.now) / 1000)),
      });
    if (duration !== '' && until !== '') {
      return refuse("Both 'duration' and 'until' specified. Please provide only one input");
    }
    if (duration !== '') {
      const ms = parseDuration(duration);
      return ms === undefined ? deciding.end(`Not valid duration: ${duration}`) : waitFor(deciding.now + ms);
    }
    if (until !== '') {
      const at = parseDate(until);
      return at === undefined
        ? refuse(`Invalid/Unsupported Wait Until format.  Provided: ${until}`)
        : waitFor(at);
    }
    return deciding.execution.change(wait.taskId, { callbackAfterSeconds: 0x7fffffff });
  }
}

/** SET_VARIABLE: its inputs become variables of the workflow. */
export class SetVariableOperator extends PlainOperator {
  override advance(deciding: Deciding, task: TaskModel): void {
    const { execution, context } = deciding;
    const variables = { ...execution.workflow.variables, ...task.inputData };
    const limit = context.limits.workflowVariables;
    const bytes = excessOf(variables, limit);
    if (bytes !== undefined) {
      const reason = `The variables payload size: ${bytes} of workflow: ${execution.workflowId} is greater than the permissible limit: ${Math.trunc(limit / 1024)} kilobytes`;
      deciding.fail(task, reason, { status: 'FAILED_WITH_TERMINAL_ERROR' });
      return;
    }
    execution.patch({ variables });
    deciding.complete(task);
  }
}

const TERMINATION_STATUSES: ReadonlySet<unknown> = new Set(['COMPLETED', 'FAILED', 'TERMINATED']);

/** TERMINATE: ends the workflow. */
export class TerminateOperator extends PlainOperator {
  override advance(deciding: Deciding, task: TaskModel): void {
    const status = task.inputData['terminationStatus'];
    if (!TERMINATION_STATUSES.has(status)) {
      deciding.fail(task, 'given termination status is not valid');
      return;
    }
    const output = task.inputData['workflowOutput'];
    const done = deciding.complete(task, outputOf(output));
    // Its output is too large.
    if (done.status !== 'COMPLETED') return;
    const given = task.inputData['terminationReason'];
    const reason =
      typeof given === 'string' && given.trim() !== ''
        ? given
        : `Workflow is ${String(status)} by TERMINATE task: ${task.taskId}`;
    deciding.end(reason, status as 'COMPLETED' | 'FAILED' | 'TERMINATED', done);
  }
}

/** INLINE and LAMBDA run a script, JSON_JQ_TRANSFORM a query. */
export class InlineOperator extends PlainOperator {
  override advance(deciding: Deciding, task: TaskModel): void {
    const { inputData } = task;
    const type = inputData['evaluatorType'] ?? 'javascript';
    const refuse = (reason: string): void =>
      void deciding.fail(task, reason, {
        status: 'FAILED_WITH_TERMINAL_ERROR',
        outputData: { error: reason },
      });
    if (typeof type !== 'string' || type.trim() === '') {
      return refuse(
        "Empty 'evaluatorType' in INLINE task's input parameters. A non-empty String value must be provided.",
      );
    }
    const expression = textOf(inputData['expression']);
    if (!['javascript', 'graaljs', 'value-param'].includes(type)) {
      return refuse(`Unknown evaluator '${type}' in INLINE task.`);
    }
    if (expression.trim() === '') {
      return refuse(
        "Empty 'expression' in Inline task's input parameters. A non-empty String value must be provided.",
      );
    }
    if (type === 'value-param') {
      deciding.complete(task, { result: inputData[expression] ?? null });
      return;
    }
    const result = deciding.evaluate(task, { language: 'javascript', expression, input: inputData });
    if (result === undefined) return;
    if ('error' in result) refuse(result.error);
    else deciding.complete(task, { result: result.value ?? null });
  }
}

export class LambdaOperator extends PlainOperator {
  override advance(deciding: Deciding, task: TaskModel): void {
    const script = textOf(task.inputData['scriptExpression']);
    if (script.trim() === '') {
      deciding.fail(
        task,
        "Empty 'scriptExpression' in Lambda task's input parameters. A non-empty String value must be provided.",
      );
      return;
    }
    const expression = `function scriptFun(){${script}} scriptFun();`;
    const result = deciding.evaluate(task, { language: 'javascript', expression, input: task.inputData });
    if (result === undefined) return;
    if ('error' in result) deciding.fail(task, result.error, { outputData: { error: result.error } });
    else deciding.complete(task, { result: result.value ?? null });
  }
}

export class JqOperator extends PlainOperator {
  override advance(deciding: Deciding, task: TaskModel): void {
    const expression = textOf(task.inputData['queryExpression']);
    const fail = (reason: string): void =>
      void deciding.fail(task, reason, { outputData: { error: reason } });
    if (expression === '') return fail("Missing 'queryExpression' in input parameters");
    const result = deciding.evaluate(task, { language: 'jq', expression, input: task.inputData });
    if (result === undefined) return;
    if ('error' in result) return fail(result.error);
    const list = result.value as unknown[];
    deciding.complete(task, { result: list[0] ?? null, resultList: list });
  }
}

function textOf(value: unknown): string {
  return value === undefined || value === null
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
}

function outputOf(value: unknown): JsonObject {
  if (value === undefined || value === null) return {};
  return typeof value === 'object' && !Array.isArray(value)
    ? { ...(value as JsonObject) }
    : { output: value };
}
