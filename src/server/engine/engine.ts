import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../conductor/wire/types.js';
import type { FullWorkflowDef } from '../model/definitions.js';
import { workflowView } from '../model/views.js';
import { isTerminalTask, isTerminalWorkflow, type TaskModel, type WorkflowModel } from '../model/models.js';
import { ApiError, conflict, notFound } from '../model/api-error.js';
import {
  DEFAULT_PAYLOAD_LIMITS,
  excessOf,
  workflowExcessReason,
  type PayloadLimits,
} from '../model/payload-limits.js';
import { Catalogue } from './catalogue.js';
import { SystemClock, type Clock } from '../clock/clock.js';
import { decide, endWorkflow, type Outcome } from './decider.js';
import { definitionOf, WorkflowEnd, type DeciderContext, type Evaluated } from './decider-context.js';
import { Deciding, type PendingEvaluation } from './deciding.js';
import { chooseDomain } from './domains.js';
import { Execution, type Changes, type Row, type TaskChange } from './execution.js';
import { LongPolls } from './long-polls.js';
import { operatorFor } from './operators/registry.js';
import { Queues } from './queues.js';
import { environmentOf, secretsOf, type Environment } from './references.js';
import type { Store } from './store.js';
import { nextDueOf, workflowDeadline } from './timeouts.js';
import { Timers } from './timers.js';

/** Runs scripts and queries. */
export interface Evaluator {
  evaluate(evaluation: PendingEvaluation['evaluation']): Promise<Evaluated>;
  close(): Promise<void>;
}

/** What a system task does, once it is its turn. It settles when the task has got as far as it can by itself. */
export type SystemTask = (task: TaskModel, engine: Engine, signal: AbortSignal) => void | Promise<void>;

/** What makes the engine do different things on the same input, and the limits of what it takes. */
export interface EngineOptions {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly systemTasks: Readonly<Record<string, SystemTask>>;
  /** What workflows go by. @defaultValue the clock of the machine */
  readonly clock?: Clock;
  /** What those go by who wait for an answer. @defaultValue `clock` */
  readonly callerClock?: Clock;
  /** From 0 to 1. */
  readonly random?: () => number;
  readonly newId?: () => string;
  /** Variables that expressions may read. */
  readonly environment?: Environment;
  /** Secrets by their names; they are put in where a task is handed out. */
  readonly secrets?: Environment;
  readonly limits?: Partial<PayloadLimits>;
  /** Called with what goes wrong outside of any request. */
  readonly onError?: (error: unknown) => void;
}

export interface StartOptions {
  readonly input: JsonObject;
  readonly correlationId?: string | undefined;
  readonly priority: number;
  readonly taskToDomain: Readonly<Record<string, string>>;
  readonly createdBy?: string | undefined;
  readonly event?: string | undefined;
  readonly workflowId?: string;
  readonly parent?: { readonly workflowId: string; readonly taskId: string };
}

/** Stands for all workflows. */
export const ANY = Symbol('any workflow');

/** When the consequences of a change have taken so long, requests and timers get their turn. */
const FOLLOW_UPS_MS = 20;

/** How long an answer waits for scripts that its request has set off. */
const SETTLE_MS = 5_000;

/**
 * Carries workflows out. One decision at a time looks at one workflow and changes it; its rows are committed together,
 * and only then do queues, timers, waiters and other workflows hear of it.
 */
export class Engine {
  readonly store: Store;
  readonly clock: Clock;
  readonly callerClock: Clock;
  readonly catalogue: Catalogue;
  readonly queues: Queues;
  readonly longPolls: LongPolls;
  readonly limits: PayloadLimits;
  readonly environment: Environment;
  readonly secrets: Environment;
  readonly newId: () => string;
  readonly #random: () => number;
  readonly evaluator: Evaluator;
  readonly #systemTasks: Readonly<Record<string, SystemTask>>;
  readonly #timers: Timers;
  readonly #executions = new Map<string, Execution>();
  readonly #followUps: (() => void)[] = [];
  #isFollowing = false;
  readonly #onError: (error: unknown) => void;
  /** System tasks that have begun, to be told when their task is over. */
  readonly #running = new Map<string, AbortController>();
  /** Evaluations under way, by workflow. */
  readonly #evaluating = new Map<string, Set<string>>();
  readonly #listeners = new Map<string | typeof ANY, Set<() => void>>();
  readonly #idle = new Set<() => void>();
  #isClosed = false;

  constructor(options: EngineOptions) {
    this.store = options.store;
    this.clock = options.clock ?? new SystemClock();
    this.callerClock = options.callerClock ?? this.clock;
    this.environment = options.environment ?? environmentOf();
    this.secrets = options.secrets ?? secretsOf();
    this.limits = { ...DEFAULT_PAYLOAD_LIMITS, ...options.limits };
    this.newId = options.newId ?? randomUUID;
    this.#random = options.random ?? Math.random;
    this.evaluator = options.evaluator;
    this.#systemTasks = options.systemTasks;
    this.#onError = options.onError ?? (() => undefined);
    this.catalogue = new Catalogue(this.store, this.clock, this.environment);
    const taskDef = (name: string) => this.store.getTaskDef(name);
    this.queues = new Queues(this.clock, taskDef);
    this.longPolls = new LongPolls(this.queues, this.clock, this.callerClock);
    this.queues.onMessage((queue) => this.longPolls.wake(queue));
    this.#timers = new Timers(this.clock, (workflowId, key) => this.#due(workflowId, key));
  }

  /** Takes up every workflow of the store that has not ended: queues, timers, and what was under way. */
  recover(): void {
    const found: Execution[] = [];
    for (const { workflow, tasks } of this.store.openExecutions()) {
      const execution = new Execution(workflow, tasks, this.limits);
      this.#executions.set(workflow.workflowId, execution);
      found.push(execution);
      for (const task of tasks) this.#follow({ before: undefined, after: task });
      this.#timers.set(workflow.workflowId, workflow.workflowId, workflowDeadline(workflow));
    }
    for (const execution of found) {
      this.#reconnectChildren(execution);
      execution.touchAll();
      this.run(execution.workflowId, () => undefined);
    }
  }

  /** How many workflows have not ended. */
  get openWorkflows(): number {
    return this.#executions.size;
  }

  /**
   * @returns the id of the new workflow
   * @throws ApiError 413 when its input is too large
   */
  start(definition: FullWorkflowDef, options: StartOptions): string {
    const now = this.clock.now();
    const workflowId = options.workflowId ?? this.newId();
    const input = withInputTemplate(options.input, definition.inputTemplate);
    this.checkInput(workflowId, input);
    const workflow: WorkflowModel = {
      workflowId,
      definition,
      createTime: now,
      input,
      correlationId: options.correlationId,
      priority: options.priority,
      taskToDomain: options.taskToDomain,
      createdBy: options.createdBy,
      event: options.event,
      parentWorkflowId: options.parent?.workflowId,
      parentWorkflowTaskId: options.parent?.taskId,
      reRunFromWorkflowId: undefined,
      status: 'RUNNING',
      updateTime: now,
      endTime: 0,
      lastRetriedTime: 0,
      output: {},
      variables: { ...definition.variables },
      reasonForIncompletion: undefined,
      failedReferenceTaskNames: [],
      failedTaskNames: [],
      failedTaskId: undefined,
    };
    const execution = Execution.create(workflow, this.limits);
    this.#executions.set(workflow.workflowId, execution);
    this.#decide(execution);
    return workflow.workflowId;
  }

  /** @throws ApiError 413 when a workflow may not have this input */
  checkInput(workflowId: string, input: JsonObject): void {
    const limit = this.limits.workflowInput;
    const bytes = excessOf(input, limit);
    if (bytes !== undefined) throw new ApiError(413, workflowExcessReason(workflowId, bytes, limit));
  }

  /** @throws ApiError 404 */
  execution(workflowId: string): Execution {
    const execution = this.find(workflowId);
    if (execution === undefined) throw notFound(`No such workflow found by id: ${workflowId}`);
    return execution;
  }

  find(workflowId: string): Execution | undefined {
    const running = this.#executions.get(workflowId);
    if (running !== undefined) return running;
    const stored = this.store.getExecution(workflowId);
    return stored === undefined ? undefined : new Execution(stored.workflow, stored.tasks, this.limits);
  }

  /** @throws ApiError 404 */
  task(taskId: string): TaskModel {
    const task = this.store.getTask(taskId);
    if (task === undefined) throw notFound(`No such task found by id: ${taskId}`);
    return task;
  }

  /** Changes a workflow and brings it as far as it gets. @throws ApiError 404, or what `command` throws */
  run<T>(workflowId: string, command: (execution: Execution) => T): T {
    const execution = this.execution(workflowId);
    execution.now = this.clock.now();
    let result: T;
    try {
      result = command(execution);
    } catch (error) {
      // Half of a change must not stay.
      this.#executions.delete(workflowId);
      this.#reload(workflowId);
      throw error;
    }
    this.#executions.set(workflowId, execution);
    this.#decide(execution);
    return result;
  }

  /** Changes a workflow that goes on with another definition. */
  replace(workflowId: string, definition: FullWorkflowDef, command: (execution: Execution) => void): void {
    const current = this.execution(workflowId);
    if (definition === current.workflow.definition) {
      this.run(workflowId, command);
      return;
    }
    const execution = new Execution({ ...current.workflow, definition }, current.tasks(), this.limits);
    execution.now = this.clock.now();
    command(execution);
    this.#executions.set(workflowId, execution);
    this.#decide(execution);
  }

  /** A workflow is gone, with all that waits for it. */
  forget(workflowId: string): void {
    for (const task of this.execution(workflowId).tasks()) {
      this.queues.forget(task);
      this.#timers.set(task.taskId, workflowId, undefined);
      this.#running.get(task.taskId)?.abort();
    }
    this.#timers.set(workflowId, workflowId, undefined);
    this.#executions.delete(workflowId);
    this.store.removeExecution(workflowId);
    this.#notify(workflowId);
  }

  /** For commands that make tasks themselves, such as a retry. */
  deciding(execution: Execution): Deciding {
    return new Deciding(execution, this.#context(), (decision, task, at) =>
      operatorFor(task.type).schedule(decision, task, at),
    );
  }

  /** What has to happen once the present change is committed, in this order. */
  afterwards(followUp: () => void): void {
    this.#followUps.push(followUp);
    this.#followAll();
  }

  /** Calls `listener` after each change of a workflow, or of any. @returns the way to stop */
  onChange(workflowId: string | typeof ANY, listener: () => void): () => void {
    const listeners = this.#listeners.get(workflowId) ?? new Set();
    this.#listeners.set(workflowId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(workflowId);
    };
  }

  /** Resolves when no script of the workflow is under way, at the latest after a few seconds. */
  async settled(workflowId: string): Promise<void> {
    if (!this.#evaluating.has(workflowId)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        stop();
        resolve();
      };
      const cancel = this.callerClock.after(SETTLE_MS, done);
      const stop = this.onChange(workflowId, () => {
        if (!this.#evaluating.has(workflowId)) done();
      });
    });
  }

  /** Resolves when the engine waits for nothing but time, workers and callers. */
  async idle(): Promise<void> {
    await this.longPolls.answered();
    while (!this.#isIdle) {
      await new Promise<void>((resolve) => this.#idle.add(resolve));
      await this.longPolls.answered();
    }
  }

  /** Whether nothing can happen before time goes on or a caller wants something. */
  get isQuiet(): boolean {
    return this.#isIdle && !this.longPolls.isHolding && this.queues.isQuiet;
  }

  /** Answers waiting polls with nothing, stops all timers and system tasks, and closes the store. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timers.close();
    this.longPolls.close();
    for (const controller of this.#running.values()) controller.abort();
    await this.evaluator.close();
    await this.store.close();
  }

  #context(results: ReadonlyMap<string, Evaluated> = new Map()): DeciderContext {
    const now = this.clock.now();
    return {
      now,
      random: this.#random,
      newId: this.newId,
      environment: this.environment,
      taskDef: (name) => this.store.getTaskDef(name),
      workflowDef: (name, version) => this.store.getWorkflowDef(name, version),
      domainOf: (taskType, taskToDomain) =>
        operatorFor(taskType).kind === 'worker'
          ? chooseDomain(taskToDomain, taskType, now, (domain) => this.queues.lastPoll(taskType, domain))
          : undefined,
      results,
      limits: this.limits,
    };
  }

  #decide(execution: Execution, results?: ReadonlyMap<string, Evaluated>): void {
    const context = this.#context(results);
    execution.now = context.now;
    let outcome: Outcome;
    let changes: Changes;
    let failureWorkflow: Execution | undefined;
    try {
      outcome = decide(execution, context);
      failureWorkflow = this.#failureWorkflow(execution, outcome);
      changes = changesOf(execution);
      const own = failureWorkflow?.takeChanges();
      this.store.commit(
        own === undefined ? changes : { ...changes, workflows: [...changes.workflows, ...own.workflows] },
      );
    } catch (error) {
      this.#executions.delete(execution.workflowId);
      this.#reload(execution.workflowId);
      throw error;
    }
    if (failureWorkflow !== undefined) {
      const started = failureWorkflow;
      this.#executions.set(started.workflowId, started);
      this.#followUps.push(() => this.#decide(started));
    }
    this.#committed(execution, changes);
    for (const pending of outcome.evaluations) this.#evaluate(execution.workflowId, pending);
    this.#followAll();
  }

  /** The rows are the truth again, where there are any. */
  #reload(workflowId: string): void {
    const stored = this.store.getExecution(workflowId);
    if (stored === undefined || isTerminalWorkflow(stored.workflow.status)) return;
    this.#executions.set(workflowId, new Execution(stored.workflow, stored.tasks, this.limits));
  }

  #committed(execution: Execution, changes: Changes): void {
    const { workflow, workflowId } = execution;
    for (const task of changes.removed) {
      this.queues.forget(task);
      this.#timers.set(task.taskId, workflowId, undefined);
      this.#running.get(task.taskId)?.abort();
    }
    for (const row of changes.tasks) this.#follow(row);
    for (const { before, after } of changes.workflows) {
      const isOver = isTerminalWorkflow(after.status);
      this.#timers.set(workflowId, workflowId, isOver ? undefined : workflowDeadline(after));
      if (isOver && (before === undefined || !isTerminalWorkflow(before.status))) this.#ended(after);
    }
    if (isTerminalWorkflow(workflow.status)) this.#executions.delete(workflowId);
    this.#notify(workflowId);
  }

  /** Queues, timers and system tasks follow the row of a task. */
  #follow(row: Row<TaskModel>): void {
    const { before, after: task } = row;
    const { kind } = operatorFor(task.taskType);
    if (kind === 'worker') this.queues.follow(row);
    const def = definitionOf(task, { taskDef: (name) => this.store.getTaskDef(name) });
    const isWaiting = kind === 'system' && task.status === 'SCHEDULED';
    const mayBegin = isWaiting && task.availableAt <= this.clock.now();
    this.#timers.set(task.taskId, task.workflowInstanceId, nextDueOf(task, def, isWaiting && !mayBegin));
    if (mayBegin) this.#followUps.push(() => this.#begin(task.taskId));
    if (!isTerminalTask(task.status)) return;
    this.#running.get(task.taskId)?.abort();
    const wasOpen = before !== undefined && !isTerminalTask(before.status);
    if (wasOpen && task.status === 'CANCELED' && task.subWorkflowId !== undefined) {
      this.#followUps.push(() => this.#cancelChild(task));
    }
  }

  #due(workflowId: string, key: string): void {
    const execution = this.#executions.get(workflowId);
    if (execution === undefined) return;
    const task = execution.task(key);
    if (task === undefined) {
      this.run(workflowId, () => undefined);
      return;
    }
    if (operatorFor(task.taskType).kind === 'system' && task.status === 'SCHEDULED') {
      this.#followUps.push(() => this.#begin(task.taskId));
    }
    this.run(workflowId, () => execution.touch(key));
    // A check that came early, as a limited timer may, plans the next one.
    const now = this.store.getTask(key);
    if (now === task) this.#follow({ before: task, after: task });
  }

  /** Starts a system task, unless its turn has passed. */
  #begin(taskId: string): void {
    const task = this.store.getTask(taskId);
    if (task === undefined || task.status !== 'SCHEDULED' || this.#running.has(taskId) || this.#isClosed)
      return;
    const systemTask = this.#systemTasks[task.taskType];
    if (systemTask === undefined) throw new Error(`there is no system task for the type ${task.taskType}`);
    const controller = new AbortController();
    const failed = (error: unknown): void => {
      this.endTask(taskId, {
        status: 'FAILED',
        reasonForIncompletion: error instanceof Error ? error.message : String(error),
      });
    };
    let work: void | Promise<void>;
    try {
      work = systemTask(task, this, controller.signal);
    } catch (error) {
      failed(error);
      return;
    }
    if (!(work instanceof Promise)) return;
    this.#running.set(taskId, controller);
    void work.catch(failed).finally(() => {
      this.#running.delete(taskId);
      this.#checkIdle();
    });
  }

  /** Changes a system task that has not ended; nothing happens when it has. */
  endTask(taskId: string, change: TaskChange): void {
    const task = this.store.getTask(taskId);
    if (task === undefined || isTerminalTask(task.status) || this.#isClosed) return;
    this.run(task.workflowInstanceId, (execution) => {
      if (execution.task(taskId) !== undefined) execution.change(taskId, change);
    });
  }

  #evaluate(workflowId: string, { key, taskId, evaluation }: PendingEvaluation): void {
    const pending = this.#evaluating.get(workflowId) ?? new Set<string>();
    if (pending.has(key)) return;
    this.#evaluating.set(workflowId, pending.add(key));
    void this.evaluator
      .evaluate(evaluation)
      .catch((error: unknown): Evaluated => ({ error: String(error), isFinal: true }))
      .then((result) => {
        const execution = this.#executions.get(workflowId);
        if (execution !== undefined && !this.#isClosed) {
          execution.touch(taskId);
          this.#decide(execution, new Map([[key, result]]));
        }
      })
      .catch((error: unknown) => this.#onError(error))
      .finally(() => {
        // After the decision, which may have set off the next: until then the workflow is not settled.
        pending.delete(key);
        if (pending.size === 0) this.#evaluating.delete(workflowId);
        this.#notify(workflowId);
        this.#checkIdle();
      });
  }

  #failureWorkflow(execution: Execution, { failureWorkflow: wanted }: Outcome): Execution | undefined {
    if (wanted === undefined) return undefined;
    const { workflow } = execution;
    const def = this.store.getWorkflowDef(wanted.name, wanted.version);
    const say = (text: string): void =>
      void execution.patch({ output: { ...execution.workflow.output, 'conductor.failure_workflow': text } });
    if (def === undefined) {
      const version = wanted.version ?? 'null';
      say(
        `Error workflow ${wanted.name} failed to start.  reason: No such workflow defined. name=${wanted.name}, version=${version}`,
      );
      return undefined;
    }
    const workflowId = this.newId();
    say(workflowId);
    const failed = execution.workflow;
    const now = this.clock.now();
    const bound = this.catalogue.bind(def);
    const given: JsonObject = {
      ...workflow.input,
      workflowId: failed.workflowId,
      reason: failed.reasonForIncompletion ?? null,
      failureStatus: failed.status,
      ...(failed.failedTaskId === undefined ? {} : { failureTaskId: failed.failedTaskId }),
      failedWorkflow: failedWorkflowView(execution),
    };
    const input = withInputTemplate(given, bound.inputTemplate);
    const bytes = excessOf(input, this.limits.workflowInput);
    if (bytes !== undefined) {
      const reason = workflowExcessReason(workflowId, bytes, this.limits.workflowInput);
      say(`Error workflow ${wanted.name} failed to start.  reason: ${reason}`);
      return undefined;
    }
    const started: WorkflowModel = {
      ...failed,
      workflowId,
      definition: bound,
      createTime: now,
      updateTime: now,
      endTime: 0,
      lastRetriedTime: 0,
      input,
      event: undefined,
      parentWorkflowId: undefined,
      parentWorkflowTaskId: undefined,
      priority: 0,
      status: 'RUNNING',
      output: {},
      variables: { ...bound.variables },
      reasonForIncompletion: undefined,
      failedReferenceTaskNames: [],
      failedTaskNames: [],
      failedTaskId: undefined,
    };
    return Execution.create(started, this.limits);
  }

  /** A workflow has ended: the task of its parent ends with it. */
  #ended(workflow: WorkflowModel): void {
    if (workflow.parentWorkflowTaskId === undefined) return;
    this.#followUps.push(() => this.childEnded(workflow));
  }

  /** The SUB_WORKFLOW task of a workflow that has ended gets its status and output. */
  childEnded(child: WorkflowModel): void {
    const taskId = child.parentWorkflowTaskId;
    const task = taskId === undefined ? undefined : this.store.getTask(taskId);
    // A task that was retried or rerun meanwhile has another child.
    if (task === undefined || task.subWorkflowId !== child.workflowId) return;
    this.endTask(task.taskId, childResult(task, child));
  }

  #cancelChild(task: TaskModel): void {
    const child = this.store.getWorkflow(task.subWorkflowId!);
    if (child === undefined || isTerminalWorkflow(child.status)) return;
    const parent = this.store.getWorkflow(task.workflowInstanceId);
    const reason =
      parent?.reasonForIncompletion === undefined
        ? `Parent workflow has been terminated with status ${parent?.status ?? 'null'}`
        : `Parent workflow has been terminated with reason: ${parent.reasonForIncompletion}`;
    this.terminate(child.workflowId, reason);
  }

  /**
   * Ends a workflow from outside; one that has failed becomes TERMINATED.
   *
   * @throws ApiError 404, or 409 when it is COMPLETED
   */
  terminate(workflowId: string, reason: string | undefined): void {
    const { workflow } = this.execution(workflowId);
    if (workflow.status === 'COMPLETED') throw conflict('Cannot terminate a COMPLETED workflow.');
    if (workflow.status === 'TERMINATED') return;
    this.run(workflowId, (execution) => {
      endWorkflow(execution, this.#context(), new WorkflowEnd(reason ?? '', 'TERMINATED'));
    });
  }

  /** Ends a workflow as failed from outside, with what is below it. */
  fail(workflowId: string, reason: string): void {
    this.run(workflowId, (execution) => {
      if (isTerminalWorkflow(execution.workflow.status)) return;
      endWorkflow(execution, this.#context(), new WorkflowEnd(reason, 'FAILED'));
    });
  }

  /** After a start: children that have ended without their parents hearing of it. */
  #reconnectChildren(execution: Execution): void {
    for (const task of execution.openTasks()) {
      if (task.subWorkflowId === undefined) continue;
      const child = this.store.getWorkflow(task.subWorkflowId);
      if (child !== undefined && isTerminalWorkflow(child.status)) {
        this.#followUps.push(() => this.childEnded(child));
      }
    }
  }

  /** One after the other, also those that come up meanwhile; never inside of a decision. */
  #followAll(): void {
    if (this.#isFollowing || this.#isClosed) return;
    this.#isFollowing = true;
    try {
      const until = performance.now() + FOLLOW_UPS_MS;
      for (let next = this.#followUps.shift(); next !== undefined; next = this.#followUps.shift()) {
        try {
          next();
        } catch (error) {
          // Whoever set it off is answered already, or asks about another workflow.
          this.#onError(error);
        }
        // Workflows that start each other without end must not keep requests from being answered.
        if (performance.now() > until && this.#followUps.length > 0) {
          setImmediate(() => this.#followAll());
          return;
        }
      }
    } finally {
      this.#isFollowing = false;
    }
    this.#checkIdle();
  }

  #notify(workflowId: string): void {
    for (const key of [workflowId, ANY] as const) {
      const listeners = this.#listeners.get(key);
      if (listeners !== undefined) for (const listener of Array.from(listeners)) listener();
    }
  }

  get #isIdle(): boolean {
    return this.#evaluating.size === 0 && this.#running.size === 0 && this.#followUps.length === 0;
  }

  #checkIdle(): void {
    if (!this.#isIdle) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}

/** Adds what the template has and the input lacks; an empty input stays empty. */
export function withInputTemplate(input: JsonObject, template: JsonObject): JsonObject {
  return Object.keys(input).length === 0 ? input : { ...template, ...input };
}

function changesOf(execution: Execution): Changes {
  const changes = execution.takeChanges();
  const isTouched = changes.tasks.length > 0 || changes.removed.length > 0;
  if (!isTouched || changes.workflows.length > 0) return changes;
  execution.patch({ updateTime: execution.now });
  return { ...changes, workflows: execution.takeChanges().workflows };
}

function failedWorkflowView(execution: Execution): JsonObject {
  return JSON.parse(
    JSON.stringify(workflowView(execution.workflow, execution.tasks(), execution.now)),
  ) as JsonObject;
}

const TASK_STATUS_OF_CHILD = {
  RUNNING: 'IN_PROGRESS',
  PAUSED: 'IN_PROGRESS',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  TERMINATED: 'CANCELED',
  TIMED_OUT: 'TIMED_OUT',
} as const;

/** What becomes of a SUB_WORKFLOW task by the state of its workflow. */
export function childResult(task: TaskModel, child: WorkflowModel): TaskChange {
  const isOver = isTerminalWorkflow(child.status);
  const { name, version } = child.definition;
  const reason = `Sub workflow ${name}.${version}/${child.workflowId} failure reason: ${child.reasonForIncompletion ?? 'null'}`;
  return {
    status: TASK_STATUS_OF_CHILD[child.status],
    subWorkflowId: child.workflowId,
    // Its own child, whatever the child's output says of a child of its own.
    outputData: { ...task.outputData, ...(isOver ? child.output : {}), subWorkflowId: child.workflowId },
    reasonForIncompletion: isOver && child.status !== 'COMPLETED' ? reason : undefined,
  };
}
