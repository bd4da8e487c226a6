import { TuttiError } from '../core/errors.js';
import { didYouMean, show, throwProblems } from '../core/options.js';
import { WORKER_OPTION_RULES } from '../worker/worker-options.js';
import type { WorkerTuning } from './messages.js';
import type { Slot } from './slot.js';

/** A worker in one of its slots. */
interface Target {
  readonly slot: Slot;
  readonly worker: number;
}

/**
 * Changes workers while they run, in all their processes. A worker is named by its key
 * (`<task type>:<class or function>`), its task type, or the name of one of its slots.
 */
export class WorkerCommands {
  readonly #slots: readonly Slot[];

  constructor(slots: readonly Slot[]) {
    this.#slots = slots;
  }

  /** @returns the keys of the workers that were changed */
  tune(name: string | undefined, tuning: WorkerTuning): string[] {
    check('concurrency', tuning);
    check('pollInterval', tuning);
    const targets = this.#find(name);
    for (const { slot, worker } of targets) slot.tune(worker, tuning);
    return keysOf(targets);
  }

  /** One process after the other. @returns the names of the slots whose processes were replaced */
  async restart(name: string | undefined): Promise<string[]> {
    const slots = [...new Set(this.#find(name).map((target) => target.slot))];
    for (const slot of slots) await slot.replace('command', 'a restart was asked for');
    return slots.map((slot) => slot.plan.name);
  }

  /** @param name - `undefined`: all workers */
  #find(name: string | undefined): Target[] {
    const all = this.#slots.flatMap((slot) =>
      slot.plan.workers.map((_, worker): Target => ({ slot, worker })),
    );
    if (name === undefined) return all;
    const found = all.filter((target) => namesOf(target).includes(name));
    if (found.length > 0) return found;
    const nearest = didYouMean(name, all.flatMap(namesOf));
    const hint = nearest === undefined ? `there are ${keysOf(all).join(', ')}` : `did you mean "${nearest}"?`;
    throw new TuttiError('WORKER_UNKNOWN', `there is no worker "${name}"; ${hint}`, {
      details: { worker: name },
    });
  }
}

function namesOf({ slot, worker }: Target): string[] {
  const { key, taskType } = slot.plan.workers[worker]!;
  return [key, taskType, slot.plan.name];
}

function keysOf(targets: readonly Target[]): string[] {
  return [...new Set(targets.map(({ slot, worker }) => slot.plan.workers[worker]!.key))];
}

function check(option: 'concurrency' | 'pollInterval', tuning: WorkerTuning): void {
  const value = tuning[option];
  const rule = WORKER_OPTION_RULES[option];
  if (Object.hasOwn(tuning, option) && !rule.test(value)) {
    throwProblems([`expected \`${option}\` to be ${rule.expected}, got ${show(value)}`]);
  }
}
