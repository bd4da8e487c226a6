import type { OrchestratorStatus, Task, Workflow } from 'tutti';
import { table } from '../support/table.js';

const RESULT_LENGTH = 50;

/** One row per task: its type, the worker process that executed it, and the result. */
export function taskTable(workflows: readonly Workflow[], status: OrchestratorStatus): string {
  const rows = workflows.flatMap((workflow) =>
    workflow.tasks.map((task) => {
      const worker = findWorker(task, status);
      return [
        String(workflow.input['order']),
        task.taskDefName,
        task.referenceTaskName,
        worker?.name ?? '-',
        String(worker?.pid ?? '-'),
        task.status,
        String(task.endTime - task.startTime),
        shorten(JSON.stringify(task.outputData)),
      ];
    }),
  );
  return table(['order', 'task', 'reference', 'worker', 'pid', 'status', 'ms', 'result'], rows);
}

/** Names of the workers that haven't executed any of these tasks. */
export function idleWorkers(workflows: readonly Workflow[], status: OrchestratorStatus): string[] {
  const busy = new Set(workflows.flatMap((workflow) => workflow.tasks.map((task) => task.workerId)));
  return status.replicas
    .flatMap((replica) => replica.workers)
    .filter((worker) => !busy.has(worker.workerId))
    .map((worker) => worker.key);
}

/** The server stores who executed a task, as an id that is unique to each worker process. */
function findWorker(task: Task, status: OrchestratorStatus): { name: string; pid: number } | undefined {
  for (const { pid, workers } of status.replicas) {
    const worker = workers.find(({ workerId }) => workerId !== undefined && workerId === task.workerId);
    if (worker !== undefined && pid !== undefined) return { name: worker.key.split(':').at(-1)!, pid };
  }
  return undefined;
}

function shorten(text: string): string {
  return text.length <= RESULT_LENGTH ? text : `${text.slice(0, RESULT_LENGTH - 1)}…`;
}
