import { WorkerTaskMapper, type TaskMapper } from './task-mapper.js';

/** Types that the real server executes itself and this one does not have yet. */
const NOT_THERE_YET: ReadonlySet<string> = new Set([
  'DYNAMIC',
  'FORK_JOIN',
  'FORK_JOIN_DYNAMIC',
  'DECISION',
  'SWITCH',
  'JOIN',
  'DO_WHILE',
  'SUB_WORKFLOW',
  'START_WORKFLOW',
  'EVENT',
  'WAIT',
  'HUMAN',
  'HTTP',
  'LAMBDA',
  'INLINE',
  'EXCLUSIVE_JOIN',
  'TERMINATE',
  'KAFKA_PUBLISH',
  'JSON_JQ_TRANSFORM',
  'SET_VARIABLE',
  'NOOP',
  'PULL_WORKFLOW_MESSAGES',
]);

const MAPPERS: Readonly<Record<string, TaskMapper>> = {
  SIMPLE: new WorkerTaskMapper((task) => task.name),
};

// The real server gives a type that it does not know to workers, and takes the type as the queue.
const USER_DEFINED = new WorkerTaskMapper((task) => task.type);

/** The mapper of a task type, or `undefined` for a system task that this server does not have yet. */
export function mapperFor(type: string): TaskMapper | undefined {
  if (Object.hasOwn(MAPPERS, type)) return MAPPERS[type];
  return NOT_THERE_YET.has(type) ? undefined : USER_DEFINED;
}
