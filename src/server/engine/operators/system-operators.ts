import type { JsonObject } from '../../../conductor/wire/types.js';
import type { FullWorkflowTask } from '../../model/definitions.js';
import type { TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { Operator } from './operator.js';

/** A task that is carried out by the system task of its type: HTTP, START_WORKFLOW. */
export class SystemOperator extends Operator {
  override readonly kind = 'system';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const taskId = deciding.context.newId();
    const def = task.taskDefinition ?? deciding.context.taskDef(task.name);
    const inputData = deciding.inputOf(this.parameters(task), { taskId, def });
    return [
      deciding.addScheduled(task, at, {
        taskId,
        inputData: this.input(deciding, task, inputData),
        domain: undefined,
        responseTimeoutSeconds: def?.responseTimeoutSeconds ?? 0,
      }),
    ];
  }

  protected parameters(task: FullWorkflowTask): JsonObject {
    return task.inputParameters;
  }

  protected input(_deciding: Deciding, _task: FullWorkflowTask, inputData: JsonObject): JsonObject {
    return inputData;
  }
}

/** HTTP: its task says whether somebody else ends it. */
export class HttpOperator extends SystemOperator {
  protected override input(_deciding: Deciding, task: FullWorkflowTask, inputData: JsonObject): JsonObject {
    return { asyncComplete: task.asyncComplete, ...inputData };
  }
}

/** EVENT: publishes its input to a sink. */
export class EventOperator extends SystemOperator {
  protected override parameters(task: FullWorkflowTask): JsonObject {
    return { ...task.inputParameters, sink: task.sink ?? null, asyncComplete: task.asyncComplete };
  }
}

/** SUB_WORKFLOW: starts a workflow and ends with it. */
export class SubWorkflowOperator extends SystemOperator {
  protected override input(
    deciding: Deciding,
    task: FullWorkflowTask,
    workflowInput: JsonObject,
  ): JsonObject {
    const param = task.subWorkflowParam;
    if (param === undefined) {
      deciding.end(
        `Task ${task.name} is defined as sub-workflow and is missing subWorkflowParams. Please check the workflow definition`,
      );
    }
    const { workflowDefinition, ...rest } = param;
    const isExpression = typeof workflowDefinition === 'string';
    const given = deciding.inputOf({
      ...rest,
      ...(isExpression ? { workflowDefinition } : {}),
    });
    const definition = isExpression ? given['workflowDefinition'] : workflowDefinition;
    const name = given['name'];
    return {
      subWorkflowName: name ?? null,
      priority: given['priority'] ?? null,
      subWorkflowVersion: definition === undefined || definition === null ? versionOf(deciding, given) : null,
      subWorkflowTaskToDomain: given['taskToDomain'] ?? null,
      subWorkflowDefinition: definition ?? null,
      idempotencyKey: given['idempotencyKey'] ?? null,
      idempotencyStrategy: given['idempotencyStrategy'] ?? null,
      workflowInput,
    };
  }
}

function versionOf(deciding: Deciding, given: JsonObject): number {
  const version = given['version'];
  if (version !== undefined && version !== null) return Math.trunc(Number(version));
  const name = String(given['name']);
  const latest = deciding.context.workflowDef(name);
  if (latest !== undefined) return latest.version;
  return deciding.end(`The Task ${name} defined as a sub-workflow has no workflow definition available `);
}
