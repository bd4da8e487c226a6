import { relative } from 'node:path';
import type { OrchestratorStatus } from '../orchestrator/status/status.js';
import type { ConfiguredWorker } from './process-plan.js';
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
    const replicas = status.replicas.filter((replica) =>
      replica.workers.some((worker) => worker.key === description.key),
    );
    const value = (option: 'processes' | 'concurrency' | 'pollInterval', shown: number | string): string =>
      sources[option] === 'code' ? String(shown) : `${shown} [${sources[option]}]`;
    const actual = replicas
      .flatMap((replica) => replica.workers)
      .find((worker) => worker.key === description.key);
    const interval = actual?.pollInterval ?? options.pollInterval;
    return [
      description.taskType,
      description.name,
      description.file === undefined ? '' : relative(folder, description.file),
      `${value('processes', replicas.length)}${options.group === undefined ? '' : ` (group ${options.group})`}`,
      replicas.map((replica) => replica.pid ?? replica.state).join(', '),
      value('concurrency', options.concurrency),
      interval === options.pollInterval ? value('pollInterval', `${interval} ms`) : `${interval} ms [member]`,
    ];
  });
  return formatTable(
    ['task type', 'worker', 'file', 'processes', 'pids', 'concurrency', 'poll interval'],
    rows,
  );
}
