import type { JsonObject } from '../../conductor/types.js';
import type { Store } from '../store/store.js';
import { conflict, internal, notFound } from './api-error.js';
import type { Clock } from './clock.js';
import { decide } from './decider.js';
import { DecisionDraft, type Decision, type WorkflowEnd } from './decision.js';
import { withInputTemplate } from './definitions/workflow-def.js';
import { chooseDomain } from './domains.js';
import { endWorkflow } from './ending.js';
import { nextAttempt, type DeciderContext } from './mappers/task-mapper.js';
import {
  isTerminalTask,
  isTerminalWorkflow,
  type FullWorkflowDef,
  type TaskModel,
  type WorkflowModel,
} from './model.js';
import type { Sweeper } from './sweeper.js';
import type { TaskBoard } from './task-board.js';

export interface StartOptions {
  readonly input: JsonObject;
  readonly correlationId?: string | undefined;
  readonly priority: number;
  readonly taskToDomain: Readonly<Record<string, string>>;
  readonly createdBy?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** What besides time makes the engine do different things on the same input. */
export type Surroundings = Pick<DeciderContext, 'random' | 'newId' | 'environment'>;

/** Running workflows: carries out what the decider decides, and what users order. */
export class Executions {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #board: TaskBoard;
  readonly #surroundings: Surroundings;
  #sweeper: Sweeper | undefined;

  constructor(store: Store, clock: Clock, board: TaskBoard, surroundings: Surroundings) {
    this.#store = store;
    this.#clock = clock;
    this.#board = board;
    this.#surroundings = surroundings;
  }

  /** The sweeper needs the executions and they need it; it comes second. */
  attachSweeper(sweeper: Sweeper): void {
    this.#sweeper = sweeper;
  }

  /**
   * @param definition - with the definitions of its tasks
   * @returns the id of the new workflow
   */
  start(definition: FullWorkflowDef, options: StartOptions): string {
    const now = this.#clock.now();
    const workflow: WorkflowModel = {
      workflowId: this.#surroundings.newId(),
      definition,
      createTime: now,
      input: withInputTemplate(options.input, definition.inputTemplate),
      correlationId: options.correlationId,
      priority: options.priority,
      taskToDomain: options.taskToDomain,
      createdBy: options.createdBy,
      idempotencyKey: options.idempotencyKey,
      tasks: [],
      status: 'RUNNING',
      updateTime: now,
      endTime: 0,
      lastRetriedTime: 0,
      output: {},
      variables: { ...definition.variables },
      reasonForIncompletion: undefined,
      failedReferenceTaskNames: new Set(),
      failedTaskNames: new Set(),
    };
    this.#store.addWorkflow(workflow);
    this.decide(workflow);
    return workflow.workflowId;
  }

  /** @throws ApiError 404 */
  get(workflowId: string): WorkflowModel {
    const workflow = this.#store.getWorkflow(workflowId);
    if (workflow === undefined) throw notFound(`No such workflow found by id: ${workflowId}`);
    return workflow;
  }

  /** Decides on a workflow and does what was decided. */
  decide(workflow: WorkflowModel): void {
    this.#apply(workflow, decide(workflow, this.#context()));
  }

  terminate(workflowId: string, reason: string | undefined): void {
    const workflow = this.get(workflowId);
    if (workflow.status === 'COMPLETED') throw conflict('Cannot terminate a COMPLETED workflow.');
    if (workflow.status === 'TERMINATED') return;
    const draft = new DecisionDraft(workflow);
    endWorkflow(draft, 'TERMINATED', reason, this.#context());
    this.#apply(workflow, draft);
  }

  pause(workflowId: string): void {
    const workflow = this.get(workflowId);
    if (isTerminalWorkflow(workflow.status)) {
      const { name, version } = workflow.definition;
      throw conflict(`Workflow ${name}.${version}/${workflowId} has ended, status cannot be updated.`);
    }
    this.#store.updateWorkflow(workflow, { status: 'PAUSED', updateTime: this.#clock.now() });
  }

  resume(workflowId: string): void {
    const workflow = this.get(workflowId);
    if (workflow.status !== 'PAUSED') {
      throw internal(
        `The workflow ${workflowId} is not PAUSED so cannot resume. Current status is ${workflow.status}`,
      );
    }
    const now = this.#clock.now();
    this.#store.updateWorkflow(workflow, { status: 'RUNNING', lastRetriedTime: now, updateTime: now });
    this.decide(workflow);
  }

  /** Gives the failed tasks of an ended workflow a fresh attempt, without delay. */
  retry(workflowId: string): void {
    const workflow = this.get(workflowId);
    if (!isTerminalWorkflow(workflow.status)) {
      throw notFound(`Workflow is still running.  status=${workflow.status}`);
    }
    if (workflow.tasks.length === 0) throw conflict('Workflow has not started yet');
    const latest = new Map(workflow.tasks.map((task) => [task.referenceTaskName, task]));
    const retryable = [...latest.values()].filter((task) =>
      ['FAILED', 'FAILED_WITH_TERMINAL_ERROR', 'TIMED_OUT', 'CANCELED'].includes(task.status),
    );
    if (retryable.length === 0) {
      throw conflict(
        'There are no retryable tasks! Use restart if you want to attempt entire workflow execution again.',
      );
    }
    const context = this.#context();
    this.#store.updateWorkflow(workflow, {
      status: 'RUNNING',
      reasonForIncompletion: undefined,
      lastRetriedTime: context.now,
      updateTime: context.now,
    });
    for (const task of retryable) {
      this.#board.change(task, { retried: true, executed: true });
      const attempt = nextAttempt(workflow, task, { seconds: 0, ms: 0 }, context);
      this.#schedule(workflow, {
        ...attempt,
        reasonForIncompletion: undefined,
        updateTime: context.now,
        firstScheduledTime: context.now,
      });
    }
    this.decide(workflow);
  }

  #context(): DeciderContext {
    return { ...this.#surroundings, now: this.#clock.now() };
  }

  #apply(workflow: WorkflowModel, decision: Decision): void {
    for (const [task, change] of decision.changes) {
      const isFirstUpdate =
        task.updateTime === 0 && change.status !== undefined && isTerminalTask(change.status);
      this.#board.change(task, isFirstUpdate ? { ...change, updateTime: this.#clock.now() } : change);
    }
    for (const task of decision.schedule) this.#schedule(workflow, task);
    if (decision.end !== undefined) this.#end(workflow, decision.end);
    else if (decision.nextCheckAt !== undefined)
      this.#sweeper?.checkBy(workflow.workflowId, decision.nextCheckAt);
    if (decision.changes.size > 0 || decision.schedule.length > 0) {
      this.#store.updateWorkflow(workflow, { updateTime: this.#clock.now() });
    }
  }

  #schedule(workflow: WorkflowModel, task: TaskModel): void {
    task.seq = workflow.tasks.length + 1;
    task.domain = chooseDomain(workflow.taskToDomain, task.taskType, this.#clock.now(), (domain) =>
      this.#store.getPollData(task.taskType, domain),
    );
    this.#store.addTask(workflow, task);
    this.#board.offer(task, task.startDelayMs);
  }

  #end(workflow: WorkflowModel, end: WorkflowEnd): void {
    const now = this.#clock.now();
    this.#sweeper?.forget(workflow.workflowId);
    for (const name of end.failedReferenceTaskNames) workflow.failedReferenceTaskNames.add(name);
    for (const name of end.failedTaskNames) workflow.failedTaskNames.add(name);
    this.#store.updateWorkflow(workflow, {
      status: end.status,
      reasonForIncompletion: end.reason,
      output: end.output,
      endTime: now,
      updateTime: now,
    });
  }
}
