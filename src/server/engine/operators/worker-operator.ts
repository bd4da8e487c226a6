import type { FullWorkflowTask } from '../../model/definitions.js';
import type { TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { Operator } from './operator.js';

/** SIMPLE, and every type that the server does not know: a worker polls it. */
export class WorkerOperator extends Operator {
  override readonly kind = 'worker';
  readonly #typeOf: (task: FullWorkflowTask) => string;

  /** @param typeOf - the type, and so the queue, of the task */
  constructor(typeOf: (task: FullWorkflowTask) => string) {
    super();
    this.#typeOf = typeOf;
  }

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const taskId = deciding.context.newId();
    const def = task.taskDefinition ?? deciding.context.taskDef(task.name);
    return [
      deciding.addScheduled(task, at, {
        taskId,
        taskType: this.#typeOf(task),
        startDelayInSeconds: task.startDelay,
        responseTimeoutSeconds: def?.responseTimeoutSeconds ?? 0,
        inputData: deciding.inputOf(task.inputParameters, { taskId, def }),
      }),
    ];
  }
}

/** DYNAMIC: its input says which type it is. */
export class DynamicOperator extends Operator {
  override readonly kind = 'worker';
  readonly #operatorFor: (type: string) => Operator;

  constructor(operatorFor: (type: string) => Operator) {
    super();
    this.#operatorFor = operatorFor;
  }

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const parameter = task.dynamicTaskNameParam ?? '';
    const input = deciding.inputOf(task.inputParameters);
    const name = input[parameter];
    if (name === undefined || name === null) {
      deciding.end(
        `Cannot map a dynamic task based on the parameter and input. Parameter= ${parameter}, input= ${JSON.stringify(input)}`,
      );
    }
    const type = String(name);
    const def = task.taskDefinition?.name === type ? task.taskDefinition : deciding.context.taskDef(type);
    const named: FullWorkflowTask = {
      ...task,
      name: type,
      ...(def === undefined ? {} : { taskDefinition: def }),
    };
    if (def === undefined && task.taskDefinition !== undefined) {
      named.taskDefinition = { ...task.taskDefinition, name: type };
    }
    // A system task may be meant as well as a worker's.
    const operator = this.#operatorFor(type);
    return operator.kind === 'system'
      ? operator.schedule(deciding, { ...named, type }, at)
      : DYNAMIC_WORKER.schedule(deciding, named, at);
  }
}

const DYNAMIC_WORKER = new WorkerOperator((task) => task.name);
