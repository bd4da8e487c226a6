import type { FullWorkflowTask } from '../../model/definitions.js';
import type { TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';

/**
 * What a type of task does. `worker`: it waits in a queue for a worker · `engine`: the decider itself carries it out ·
 * `system`: it waits for a system task of the engine, which may take its time.
 */
export type OperatorKind = 'worker' | 'engine' | 'system';

/** One type of task of a workflow definition. */
export abstract class Operator {
  abstract readonly kind: OperatorKind;

  /** Adds the tasks that stand for one task of the definition. @returns all that were added */
  abstract schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[];

  /** Carries on with a task that has not ended: called when it is new and when something that it waits for has come. */
  advance(_deciding: Deciding, _task: TaskModel): void {
    // Most types wait for somebody else.
  }
}
