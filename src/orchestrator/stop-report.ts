import type { Logger } from '../core/logger.js';
import type { Replica } from './replicas/replica.js';

/** A stop that takes longer than this is no longer one that nobody notices. */
const FIRST_PROGRESS_MS = 5_000;
const PROGRESS_MS = 10_000;

/** What a stop has done so far. */
interface Tally {
  readonly finished: number;
  readonly givenBack: number;
  readonly cutOff: number;
}

/** What is logged of a stop: now and then what it waits for, and at its end what became of the tasks. */
export class StopReport {
  readonly #replicas: readonly Replica[];
  readonly #logger: Logger;
  /** Of the last line: the error of a start that failed says enough. */
  readonly #level: 'info' | 'debug';
  readonly #beganAt = performance.now();
  readonly #before: Tally;
  #endsAt: number | undefined;
  #timer: NodeJS.Timeout;

  constructor(replicas: readonly Replica[], logger: Logger, level: 'info' | 'debug') {
    this.#replicas = replicas;
    this.#logger = logger;
    this.#level = level;
    this.#before = this.#tally();
    this.#timer = setTimeout(() => this.#progress(), FIRST_PROGRESS_MS);
  }

  /** From now on the stop has a limit. */
  endsIn(graceMs: number): void {
    this.#endsAt = performance.now() + graceMs;
  }

  /** All processes are gone: there is nothing to wait for any more. */
  processesGone(): void {
    clearTimeout(this.#timer);
  }

  /** @param left - results that wait in the outbox */
  finish(left: number): void {
    const { finished, givenBack, cutOff } = this.#tally();
    const parts = [
      `${tasks(finished - this.#before.finished)} finished`,
      `${givenBack - this.#before.givenBack} given back`,
    ];
    const lost = cutOff - this.#before.cutOff;
    if (lost > 0) parts.push(`${lost} cut off`);
    if (left > 0) parts.push(`${left} ${left === 1 ? 'result waits' : 'results wait'} in the outbox`);
    const seconds = ((performance.now() - this.#beganAt) / 1_000).toFixed(1);
    this.#logger.log(this.#level, `stopped: ${parts.join(', ')} in ${seconds} s`);
  }

  #progress(): void {
    const limit =
      this.#endsAt === undefined
        ? 'there is no time limit'
        : `${Math.max(0, Math.ceil((this.#endsAt - performance.now()) / 1_000))} s left`;
    this.#logger.info(`still stopping: ${this.#waitsFor()}; ${limit}`);
    this.#timer = setTimeout(() => this.#progress(), PROGRESS_MS);
  }

  #waitsFor(): string {
    const running = new Map<string, number>();
    for (const replica of this.#replicas) {
      for (const task of replica.tasks()) {
        const worker = replica.plan.workers[task.worker]?.key ?? replica.plan.name;
        running.set(worker, (running.get(worker) ?? 0) + 1);
      }
    }
    const count = [...running.values()].reduce((sum, one) => sum + one, 0);
    if (count > 0) {
      const workers = [...running].map(([worker, own]) => `${worker}: ${own}`);
      return `${tasks(count)} in progress (${workers.join(', ')})`;
    }
    const replicas = this.#replicas
      .filter((replica) => replica.pid !== undefined)
      .map((replica) => replica.plan.name);
    return `waiting for ${replicas.join(', ')} to close`;
  }

  #tally(): Tally {
    let [finished, givenBack, cutOff] = [0, 0, 0];
    for (const replica of this.#replicas) {
      const { counts, lostToCrashes } = replica.status(() => undefined);
      finished += counts.COMPLETED + counts.FAILED + counts.FAILED_WITH_TERMINAL_ERROR + counts.IN_PROGRESS;
      givenBack += counts.HANDED_BACK;
      cutOff += lostToCrashes;
    }
    return { finished, givenBack, cutOff };
  }
}

function tasks(count: number): string {
  return `${count} ${count === 1 ? 'task' : 'tasks'}`;
}
