import { TuttiError } from '../../core/errors.js';
import { didYouMean, show, throwProblems } from '../../core/options.js';
import { WORKER_OPTION_RULES } from '../../worker/definition/worker-options.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import type { Renewal } from '../replicas/reconciliation.js';
import type { Replica } from '../replicas/replica.js';

/** A worker in one of its replicas. */
interface Target {
  readonly replica: Replica;
  readonly worker: number;
}

/** What commands need of the supervisor. */
export interface CommandedSupervisor {
  readonly replicas: readonly Replica[];
  /** Replaces the processes of these replicas, one after the other. */
  renew(renewals: ReadonlyMap<string, Renewal>): Promise<void>;
}

/**
 * Changes workers while they run, in all their processes. A worker is named by its key
 * (`<task type>:<class or function>`), its task type, or the name of one of its replicas.
 */
export class WorkerCommands {
  readonly #supervisor: CommandedSupervisor;

  constructor(supervisor: CommandedSupervisor) {
    this.#supervisor = supervisor;
  }

  /** @returns the keys of the workers that were changed */
  tune(name: string | undefined, tuning: WorkerTuning): string[] {
    check('concurrency', tuning);
    check('pollInterval', tuning);
    const targets = this.#find(name);
    for (const { replica, worker } of targets) replica.tune(replica.plan.workers[worker]!.key, tuning);
    return keysOf(targets);
  }

  /** One process after the other. @returns the names of the replicas whose processes were replaced */
  async restart(name: string | undefined): Promise<string[]> {
    const names = [...new Set(this.#find(name).map((target) => target.replica.plan.name))];
    const renewal: Renewal = { cause: 'command', reason: 'a restart was asked for' };
    await this.#supervisor.renew(new Map(names.map((one) => [one, renewal])));
    return names;
  }

  /** @param name - `undefined`: all workers */
  #find(name: string | undefined): Target[] {
    const all = this.#supervisor.replicas.flatMap((replica) =>
      replica.plan.workers.map((_, worker): Target => ({ replica, worker })),
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

function namesOf({ replica, worker }: Target): string[] {
  const { key, taskType } = replica.plan.workers[worker]!;
  return [key, taskType, replica.plan.name];
}

function keysOf(targets: readonly Target[]): string[] {
  return [...new Set(targets.map(({ replica, worker }) => replica.plan.workers[worker]!.key))];
}

function check(option: 'concurrency' | 'pollInterval', tuning: WorkerTuning): void {
  const value = tuning[option];
  const rule = WORKER_OPTION_RULES[option];
  if (Object.hasOwn(tuning, option) && !rule.test(value)) {
    throwProblems([`expected \`${option}\` to be ${rule.expected}, got ${show(value)}`]);
  }
}
