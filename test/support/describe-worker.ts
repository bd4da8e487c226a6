import type { WorkerDescription } from '../../src/app/discovery/worker-catalog.js';

/** The description of a worker class `<Type>Worker`. */
export function describeWorker(taskType: string, fields: Partial<WorkerDescription> = {}): WorkerDescription {
  const name = `${taskType[0]!.toUpperCase()}${taskType.slice(1)}Worker`;
  return {
    key: `${taskType}:${name}`,
    taskType,
    name,
    options: {},
    file: `/app/${taskType}.worker.js`,
    isDiscovered: false,
    problems: [],
    ...fields,
  };
}
