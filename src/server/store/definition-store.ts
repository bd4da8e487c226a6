import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import { Store, type EventHandler } from '../engine/store.js';

/** What is registered under a name; a version only where there are several. */
export interface Registered {
  readonly kind: 'task' | 'workflow' | 'handler';
  readonly name: string;
  readonly version: number;
}

/** The part that all stores share: what is registered is little, read all the time, and kept in memory. */
export abstract class DefinitionStore extends Store {
  readonly #taskDefs = new Map<string, FullTaskDef>();
  readonly #workflowDefs = new Map<string, Map<number, FullWorkflowDef>>();
  readonly #handlers = new Map<string, EventHandler>();

  /** Something was registered, or is gone when `body` is absent. */
  protected abstract registered(what: Registered, body: object | undefined): void;

  override putTaskDef(def: FullTaskDef): void {
    this.#taskDefs.set(def.name, def);
    this.registered({ kind: 'task', name: def.name, version: 0 }, def);
  }

  override getTaskDef(name: string): FullTaskDef | undefined {
    return this.#taskDefs.get(name);
  }

  override listTaskDefs(): FullTaskDef[] {
    return [...this.#taskDefs.values()];
  }

  override deleteTaskDef(name: string): boolean {
    if (!this.#taskDefs.delete(name)) return false;
    this.registered({ kind: 'task', name, version: 0 }, undefined);
    return true;
  }

  override putWorkflowDef(def: FullWorkflowDef): void {
    const versions = this.#workflowDefs.get(def.name) ?? new Map<number, FullWorkflowDef>();
    versions.set(def.version, def);
    this.#workflowDefs.set(def.name, versions);
    this.registered({ kind: 'workflow', name: def.name, version: def.version }, def);
  }

  override getWorkflowDef(name: string, version?: number): FullWorkflowDef | undefined {
    const versions = this.#workflowDefs.get(name);
    if (versions === undefined) return undefined;
    return versions.get(version ?? Math.max(...versions.keys()));
  }

  override listWorkflowDefs(): FullWorkflowDef[] {
    return [...this.#workflowDefs.values()].flatMap((versions) =>
      [...versions.values()].sort((a, b) => a.version - b.version),
    );
  }

  override deleteWorkflowDef(name: string, version: number): boolean {
    const versions = this.#workflowDefs.get(name);
    if (versions?.delete(version) !== true) return false;
    if (versions.size === 0) this.#workflowDefs.delete(name);
    this.registered({ kind: 'workflow', name, version }, undefined);
    return true;
  }

  override putEventHandler(handler: EventHandler): void {
    this.#handlers.set(handler.name, handler);
    this.registered({ kind: 'handler', name: handler.name, version: 0 }, handler);
  }

  override getEventHandler(name: string): EventHandler | undefined {
    return this.#handlers.get(name);
  }

  override listEventHandlers(): EventHandler[] {
    return [...this.#handlers.values()];
  }

  override deleteEventHandler(name: string): boolean {
    if (!this.#handlers.delete(name)) return false;
    this.registered({ kind: 'handler', name, version: 0 }, undefined);
    return true;
  }
}
