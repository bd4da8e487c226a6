import type { PlannedWorker, ProcessLimits, ProcessPlan } from '../orchestrator/processes/process-plan.js';
import type { ResolvedWorkerOptions } from '../worker/definition/worker-options.js';
import type { WorkerDescription } from './discovery/worker-catalog.js';
import type { WorkerSettings } from './config/worker-settings.js';

/** A worker with its settings, as planned for this start. */
export interface ConfiguredWorker {
  readonly description: WorkerDescription;
  readonly settings: WorkerSettings;
}

/**
 * Which process runs what: one replica for each worker, times `processes`; the workers of a group share the replicas of
 * their group, whose number is the largest `processes` among them.
 *
 * @param processors - how many processes `processes: 'auto'` means
 */
export function planProcesses(workers: readonly ConfiguredWorker[], processors = 1): ProcessPlan[] {
  const units = new Map<string, ConfiguredWorker[]>();
  for (const worker of workers) {
    const { group } = worker.settings.options;
    const unit = group === undefined ? worker.description.key : `group ${group}`;
    units.set(unit, [...(units.get(unit) ?? []), worker]);
  }
  return [...units].flatMap(([unit, members]) => {
    const options = members.map((member) => member.settings.options);
    const processes = Math.max(
      ...options.map((one) => (one.processes === 'auto' ? processors : one.processes)),
    );
    return Array.from({ length: processes }, (_, index) => ({
      name: `${unit}#${index + 1}`,
      workers: members.map(toPlanned),
      limits: limitsOf(options),
    }));
  });
}

/** Of the members of a group, the one that needs most decides, and the one that wants to be recycled first. */
function limitsOf(options: readonly ResolvedWorkerOptions[]): ProcessLimits {
  const all = (
    key: 'heapLimit' | 'residentLimit' | 'recycleAfterTasks' | 'recycleAfter' | 'nice',
  ): number[] => options.flatMap((one) => one[key] ?? []);
  const most = (values: number[]): number | undefined =>
    values.length === 0 ? undefined : Math.max(...values);
  const least = (values: number[]): number | undefined =>
    values.length === 0 ? undefined : Math.min(...values);
  return {
    heapMb: most(all('heapLimit')),
    residentMb: most(all('residentLimit')),
    recycleAfterTasks: least(all('recycleAfterTasks')),
    recycleAfterMs: least(all('recycleAfter')),
    nice: least(all('nice')),
  };
}

function toPlanned({ description, settings }: ConfiguredWorker): PlannedWorker {
  return {
    key: description.key,
    taskType: description.taskType,
    concurrency: settings.options.concurrency,
    pollInterval: settings.options.pollInterval,
    blockedTimeout: settings.options.blockedTimeout,
    startsPaused: settings.options.paused,
    file: description.isDiscovered ? description.file : undefined,
  };
}
