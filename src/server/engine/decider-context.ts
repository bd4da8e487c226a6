import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import type { TaskModel } from '../model/models.js';
import type { PayloadLimits } from '../model/payload-limits.js';
import type { Environment } from './references.js';

/** A script or query that has to be run before the decider can go on. */
export interface Evaluation {
  readonly language: 'javascript' | 'jq';
  readonly expression: string;
  readonly input: unknown;
}

/** What came of an evaluation. */
export type Evaluated =
  | { readonly value: unknown }
  /** `isFinal`: running it again would end the same way. */
  | { readonly error: string; readonly isFinal: boolean };

/**
 * What the decider may use besides the workflow: everything that makes it repeatable. The same workflow and context give
 * the same decision.
 */
export interface DeciderContext {
  readonly now: number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly newId: () => string;
  readonly environment: Environment;
  /** A registered task definition. */
  readonly taskDef: (name: string) => FullTaskDef | undefined;
  /** A registered workflow definition, the latest without a version. */
  readonly workflowDef: (name: string, version?: number) => FullWorkflowDef | undefined;
  /** The domain in whose queue a task of a type is put. */
  readonly domainOf: (taskType: string, taskToDomain: Readonly<Record<string, string>>) => string | undefined;
  /** The results of evaluations by key; each is looked at once. */
  readonly results: ReadonlyMap<string, Evaluated>;
  readonly limits: PayloadLimits;
}

/** Ends the workflow in the middle of a decision. It never leaves the decider. */
export class WorkflowEnd extends Error {
  readonly status: 'COMPLETED' | 'FAILED' | 'TERMINATED' | 'TIMED_OUT';
  readonly task: TaskModel | undefined;

  constructor(reason: string, status: WorkflowEnd['status'] = 'FAILED', task?: TaskModel) {
    super(reason);
    this.name = 'WorkflowEnd';
    this.status = status;
    this.task = task;
  }
}

/** The definition that a task runs under, where there is one. */
export function definitionOf(
  task: Pick<TaskModel, 'workflowTask' | 'taskDefName'>,
  context: Pick<DeciderContext, 'taskDef'>,
): FullTaskDef | undefined {
  return task.workflowTask.taskDefinition ?? context.taskDef(task.taskDefName);
}

/** Where a task of the definition is scheduled. */
export interface Placement {
  readonly iteration: number;
  readonly loopTaskId: string | undefined;
  readonly retryCount: number;
}

export const TOP_LEVEL: Placement = { iteration: 0, loopTaskId: undefined, retryCount: 0 };
