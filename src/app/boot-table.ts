import { relative } from 'node:path';
import type { OrchestratorStatus } from '../orchestrator/status.js';
import type { ConfiguredWorker } from './slot-plan.js';
import { formatTable } from './table.js';

/**
 * What runs, as a table: printed once when all worker processes are ready. A value in brackets comes from the named
 * source, one without is written in code.
 */
export function bootTable(
  workers: readonly ConfiguredWorker[],
  status: OrchestratorStatus,
  folder: string,
): string {
  const rows = workers.map(({ description, settings }) => {
    const { options, sources } = settings;
    const slots = status.slots.filter((slot) =>
      slot.workers.some((worker) => worker.key === description.key),
    );
    const value = (option: 'processes' | 'concurrency' | 'pollInterval', shown: number | string): string =>
      sources[option] === 'code' ? String(shown) : `${shown} [${sources[option]}]`;
    const actual = slots.flatMap((slot) => slot.workers).find((worker) => worker.key === description.key);
    const interval = actual?.pollInterval ?? options.pollInterval;
    return [
      description.taskDefName,
      description.name,
      description.file === undefined ? '' : relative(folder, description.file),
      `${value('processes', slots.length)}${options.group === undefined ? '' : ` (group ${options.group})`}`,
      slots.map((slot) => slot.pid ?? slot.state).join(', '),
      value('concurrency', options.concurrency),
      interval === options.pollInterval ? value('pollInterval', `${interval} ms`) : `${interval} ms [member]`,
    ];
  });
  return formatTable(
    ['task type', 'worker', 'file', 'processes', 'pids', 'concurrency', 'poll interval'],
    rows,
  );
}
