import { randomUUID } from 'node:crypto';
import { MemoryStore } from '../store/memory-store.js';
import type { Store } from '../store/store.js';
import { SystemClock, type Clock } from './clock.js';
import { Catalogue } from './definitions/catalogue.js';
import { Deliveries } from './deliveries.js';
import { Executions, type Surroundings } from './executions.js';
import { LongPolls } from './long-polls.js';
import { environmentOf } from './references.js';
import { Sweeper } from './sweeper.js';
import { TaskBoard } from './task-board.js';
import { TaskUpdates } from './task-updates.js';

export interface EngineOptions extends Partial<Surroundings> {
  readonly store?: Store;
  readonly clock?: Clock;
}

/** The parts of the engine, put together. What may vary from run to run is given from outside. */
export class Engine {
  readonly store: Store;
  readonly clock: Clock;
  readonly catalogue: Catalogue;
  readonly executions: Executions;
  readonly deliveries: Deliveries;
  readonly updates: TaskUpdates;
  readonly #longPolls: LongPolls;
  readonly #sweeper: Sweeper;

  constructor(options: EngineOptions = {}) {
    const { store = new MemoryStore(), clock = new SystemClock() } = options;
    const surroundings: Surroundings = {
      random: options.random ?? Math.random,
      newId: options.newId ?? randomUUID,
      environment: options.environment ?? environmentOf(),
    };
    this.store = store;
    this.clock = clock;
    this.catalogue = new Catalogue(store, clock, surroundings.environment);
    const longPolls = new LongPolls(store, clock);
    const board = new TaskBoard(store, clock, (queue) => longPolls.wake(queue));
    const executions = new Executions(store, clock, board, surroundings);
    const sweeper = new Sweeper(clock, (workflowId) => executions.decide(executions.get(workflowId)));
    executions.attachSweeper(sweeper);
    this.executions = executions;
    this.deliveries = new Deliveries(store, clock, board, longPolls, sweeper);
    this.updates = new TaskUpdates(store, clock, board, executions);
    this.#longPolls = longPolls;
    this.#sweeper = sweeper;
  }

  /** Answers waiting polls with nothing and stops all timers. */
  close(): void {
    this.#sweeper.close();
    this.#longPolls.close();
  }
}
