import type { WorkerDescription } from '../../src/app/discovery/worker-catalog.js';

/** The description of a worker class `<Type>Worker`. */
export function describeWorker(
  taskDefName: string,
  fields: Partial<WorkerDescription> = {},
): WorkerDescription {
  const name = `${taskDefName[0]!.toUpperCase()}${taskDefName.slice(1)}Worker`;
  return {
    key: `${taskDefName}:${name}`,
    taskDefName,
    name,
    options: {},
    file: `/app/${taskDefName}.worker.js`,
    isDiscovered: false,
    problems: [],
    ...fields,
  };
}
