import { conflict, internal, notFound, throwInvalid } from '../model/api-error.js';
import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import { readArray } from '../model/fields.js';
import { adHocTaskDef, readTaskDef, taskDefErrors } from '../model/read-task-def.js';
import type { StartRequest } from '../model/read-start-request.js';
import { bindTaskDefs, readWorkflowDef, refuseExpressions, refuseTypes } from '../model/read-workflow-def.js';
import { workflowDefErrors } from '../model/workflow-def-errors.js';
import type { Clock } from '../clock/clock.js';
import { isRefusedType } from './operators/task-types.js';
import type { Environment } from './references.js';
import type { Store } from './store.js';

/** The registered definitions of tasks and workflows. Everything it takes has been read and checked. */
export class Catalogue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #environment: Environment;
  /** Every start of a workflow needs them, and they change seldom. */
  #bound = new WeakMap<FullWorkflowDef, FullWorkflowDef>();

  constructor(store: Store, clock: Clock, environment: Environment) {
    this.#store = store;
    this.#clock = clock;
    this.#environment = environment;
  }

  /** Registers task definitions; one that exists is overwritten. */
  registerTaskDefs(body: unknown): void {
    const defs = readArray(body, 'the list of task definitions').map(readTaskDef);
    if (defs.length === 0) throwInvalid([{ path: 'registerTaskDef.arg0', message: 'TaskDefList is empty' }]);
    throwInvalid(defs.flatMap((def, index) => taskDefErrors(def, `registerTaskDef.arg0[${index}]`)));
    const createTime = this.#clock.now();
    for (const def of defs) this.#putTaskDef({ ...def, createTime, updateTime: 0, createdBy: '' });
  }

  updateTaskDef(body: unknown): void {
    const def = readTaskDef(body);
    throwInvalid(taskDefErrors(def, 'updateTaskDef.arg0'));
    const existing = this.#store.getTaskDef(def.name);
    if (existing === undefined) throw notFound(`No such task by name ${def.name}`);
    this.#putTaskDef({
      ...def,
      createTime: existing.createTime ?? 0,
      createdBy: existing.createdBy ?? '',
      updateTime: this.#clock.now(),
      updatedBy: '',
    });
  }

  taskDef(name: string): FullTaskDef {
    const def = this.#store.getTaskDef(name);
    if (def === undefined) throw notFound(`No such taskType found by name: ${name}`);
    return def;
  }

  taskDefs(): FullTaskDef[] {
    return this.#store.listTaskDefs();
  }

  deleteTaskDef(name: string): void {
    // 500 and not 404: that is what the real server answers.
    if (!this.#store.deleteTaskDef(name)) throw internal('No such task definition');
    this.#bound = new WeakMap();
  }

  /** @param path - where the definition stands in the request, for the error body */
  checkWorkflowDef(body: unknown, path: string): FullWorkflowDef {
    const def = readWorkflowDef(body);
    refuseExpressions(def);
    throwInvalid(workflowDefErrors(def, path, (name) => this.#environment(name) !== undefined));
    return def;
  }

  /** @param def - one that {@link checkWorkflowDef} has read */
  registerWorkflowDef(def: FullWorkflowDef, overwrite: boolean): void {
    if (!overwrite && this.#store.getWorkflowDef(def.name, def.version) !== undefined) {
      throw conflict(`Workflow with ${def.name}.${def.version} already exists!`);
    }
    this.#store.putWorkflowDef({ ...def, createTime: this.#clock.now() });
  }

  /** @param defs - that {@link checkWorkflowDef} has read; each is created or replaced */
  updateWorkflowDefs(defs: readonly FullWorkflowDef[]): void {
    const updateTime = this.#clock.now();
    for (const def of defs) this.#store.putWorkflowDef({ ...def, updateTime });
  }

  /** @param version - the latest when absent */
  workflowDef(name: string, version: number | undefined): FullWorkflowDef {
    const def = this.#store.getWorkflowDef(name, version);
    if (def === undefined) {
      throw notFound(`No such workflow found by name: ${name}, version: ${version ?? 'null'}`);
    }
    return def;
  }

  workflowDefs(): FullWorkflowDef[] {
    return this.#store.listWorkflowDefs();
  }

  deleteWorkflowDef(name: string, version: number): void {
    if (!this.#store.deleteWorkflowDef(name, version)) {
      throw internal(`No such workflow definition: ${name} version: ${version}`);
    }
  }

  /** The definition that a request to start a workflow means: its own, or a registered one. @throws ApiError 404 */
  definitionOf(request: StartRequest): FullWorkflowDef {
    const { name, version, workflowDef } = request;
    if (workflowDef !== undefined) {
      return this.bind(this.checkWorkflowDef(workflowDef, 'startWorkflow.arg0.workflowDef'));
    }
    const definition = this.#store.getWorkflowDef(name, version);
    if (definition === undefined) {
      throw notFound(`No such workflow defined. name=${name}, version=${version ?? 'null'}`);
    }
    return this.bind(definition);
  }

  /**
   * A definition as a new workflow runs it: with the definition of each task, registered or ad hoc. Only here are types
   * refused that this server does not carry out: their definitions may be kept.
   *
   * @throws ApiError 501 that names the type
   */
  bind(def: FullWorkflowDef): FullWorkflowDef {
    const known = this.#bound.get(def);
    if (known !== undefined) return known;
    refuseTypes(def, isRefusedType);
    refuseExpressions(def);
    const bound = bindTaskDefs(
      def,
      (task) => this.#store.getTaskDef(task.name) ?? adHocTaskDef(task.name, task.type),
    );
    this.#bound.set(def, bound);
    return bound;
  }

  #putTaskDef(def: FullTaskDef): void {
    this.#store.putTaskDef(def);
    // What was bound with the definition before.
    this.#bound = new WeakMap();
  }
}
