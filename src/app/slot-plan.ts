import type { PlannedWorker, SlotPlan } from '../orchestrator/slot.js';
import type { WorkerDescription } from './worker-catalog.js';
import type { WorkerSettings } from './worker-settings.js';

/** A worker with its settings, as planned for this start. */
export interface ConfiguredWorker {
  readonly description: WorkerDescription;
  readonly settings: WorkerSettings;
}

/**
 * Which process runs what: one slot for each worker, times `processes`; the workers of a group share the slots of
 * their group, whose number is the largest `processes` among them.
 */
export function planSlots(workers: readonly ConfiguredWorker[]): SlotPlan[] {
  const units = new Map<string, ConfiguredWorker[]>();
  for (const worker of workers) {
    const { group } = worker.settings.options;
    const unit = group === undefined ? worker.description.key : `group ${group}`;
    units.set(unit, [...(units.get(unit) ?? []), worker]);
  }
  return [...units].flatMap(([unit, members]) => {
    const processes = Math.max(...members.map((member) => member.settings.options.processes));
    return Array.from({ length: processes }, (_, index) => ({
      name: `${unit}#${index + 1}`,
      workers: members.map(toPlanned),
    }));
  });
}

function toPlanned({ description, settings }: ConfiguredWorker): PlannedWorker {
  return {
    key: description.key,
    taskType: description.taskDefName,
    concurrency: settings.options.concurrency,
    pollInterval: settings.options.pollInterval,
    blockedTimeout: settings.options.blockedTimeout,
    file: description.isDiscovered ? description.file : undefined,
  };
}
