import { isDeepStrictEqual } from 'node:util';
import type { RestartCause } from '../../protocol/states.js';
import type { ProcessPlan } from '../processes/process-plan.js';

/** Why a fresh process is to take over although its plan is the same. */
export interface Renewal {
  readonly cause: RestartCause;
  /** In words. */
  readonly reason: string;
}

/** A process that is replaced while it runs. */
export interface Replacement {
  readonly cause: RestartCause;
  /** In words. */
  readonly reason: string;
  /** The process that leaves. */
  readonly oldPid: number;
  /** The process that takes its place. */
  readonly pid: number;
}

/** What is to run. */
export interface Plan {
  readonly replicas: readonly ProcessPlan[];
  /** Processes that a fresh one is to take over from, by the names of their replicas. */
  readonly renewals?: ReadonlyMap<string, Renewal>;
}

/** One step from what runs to what is to run. */
export type Change =
  | { readonly action: 'start'; readonly plan: ProcessPlan }
  | { readonly action: 'replace'; readonly plan: ProcessPlan; readonly renewal: Renewal }
  | { readonly action: 'stop'; readonly name: string };

const PLAN_CHANGED: Renewal = { cause: 'command', reason: 'its plan has changed' };

/** What has to be done so that the replicas that run become those of the plan. Nothing where they are. */
export function changesTo(
  { replicas, renewals = new Map() }: Plan,
  running: readonly ProcessPlan[],
): Change[] {
  const before = new Map(running.map((plan) => [plan.name, plan]));
  const wanted = new Set(replicas.map((plan) => plan.name));
  const changes: Change[] = running
    .filter(({ name }) => !wanted.has(name))
    .map(({ name }) => ({ action: 'stop', name }));
  for (const plan of replicas) {
    const old = before.get(plan.name);
    const renewal = isDeepStrictEqual(old, plan) ? renewals.get(plan.name) : PLAN_CHANGED;
    if (old === undefined) changes.push({ action: 'start', plan });
    else if (renewal !== undefined) changes.push({ action: 'replace', plan, renewal });
  }
  return changes;
}
