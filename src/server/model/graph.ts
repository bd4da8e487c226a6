import type { FullWorkflowDef, FullWorkflowTask } from './definitions.js';

interface Place {
  readonly task: FullWorkflowTask;
  readonly list: readonly FullWorkflowTask[];
  readonly index: number;
  readonly parent: FullWorkflowTask | undefined;
  /** The nearest DO_WHILE around it. */
  readonly loop: FullWorkflowTask | undefined;
}

const graphs = new WeakMap<FullWorkflowDef, WorkflowGraph>();

/** Where the tasks of a definition stand, and which follows which. */
export class WorkflowGraph {
  readonly #places = new Map<string, Place>();

  private constructor(def: FullWorkflowDef) {
    this.#add(def.tasks, undefined, undefined);
  }

  /** The graph of a definition; made once for each. */
  static of(def: FullWorkflowDef): WorkflowGraph {
    let graph = graphs.get(def);
    if (graph === undefined) graphs.set(def, (graph = new WorkflowGraph(def)));
    return graph;
  }

  get(ref: string): FullWorkflowTask | undefined {
    return this.#places.get(ref)?.task;
  }

  has(ref: string): boolean {
    return this.#places.has(ref);
  }

  /** The nearest DO_WHILE around the task with this reference name. */
  loopAround(ref: string): FullWorkflowTask | undefined {
    return this.#places.get(ref)?.loop;
  }

  /**
   * The task that follows the one with this reference name: its next sibling; behind the last task of a branch of a
   * switch what follows the switch, of a fork its JOIN, of a loop the loop itself. `undefined` behind a TERMINATE, at
   * the end, and for tasks that are not part of the definition.
   */
  next(ref: string): FullWorkflowTask | undefined {
    const place = this.#places.get(ref);
    if (place === undefined || place.task.type === 'TERMINATE') return undefined;
    const sibling = place.list[place.index + 1];
    if (sibling !== undefined || place.parent === undefined) return sibling;
    return place.parent.type === 'DO_WHILE' ? place.parent : this.next(place.parent.taskReferenceName);
  }

  /** A name without the suffix of its iteration: `a__2` → `a`. */
  baseOf(ref: string): string {
    if (this.#places.has(ref)) return ref;
    const at = ref.lastIndexOf('__');
    return at > 0 && /^\d+$/.test(ref.slice(at + 2)) ? ref.slice(0, at) : ref;
  }

  #add(
    list: readonly FullWorkflowTask[],
    parent: FullWorkflowTask | undefined,
    loop: FullWorkflowTask | undefined,
  ): void {
    list.forEach((task, index) => {
      this.#places.set(task.taskReferenceName, { task, list, index, parent, loop });
      const inner = task.type === 'DO_WHILE' ? task : loop;
      for (const children of childLists(task)) this.#add(children, task, inner);
    });
  }
}

/** The lists of tasks below a task: the cases of a switch, the branches of a fork, the body of a loop. */
export function childLists(task: FullWorkflowTask): readonly (readonly FullWorkflowTask[])[] {
  switch (task.type) {
    case 'SWITCH':
    case 'DECISION':
      return [...Object.values(task.decisionCases), task.defaultCase];
    case 'FORK_JOIN':
      return task.forkTasks;
    case 'DO_WHILE':
      return [task.loopOver];
    default:
      return [];
  }
}

/** All tasks of a list and below, in the order of the definition. */
export function allTasks(tasks: readonly FullWorkflowTask[]): FullWorkflowTask[] {
  return tasks.flatMap((task) => [task, ...childLists(task).flatMap((list) => allTasks(list))]);
}

/** The reference name of a task in an iteration of its loop; 0 = outside of loops. */
export function refInIteration(ref: string, iteration: number): string {
  return iteration > 0 ? `${ref}__${iteration}` : ref;
}
