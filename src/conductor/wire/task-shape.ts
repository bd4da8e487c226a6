import { show } from '../../core/options.js';
import type { JsonObject, Task } from './types.js';

/** The answer to "is this a task?": the task, or why not. */
export type ShapedTask = { readonly task: Task } | { readonly problem: string };

/** The largest number of seconds that the server can hold. */
const MAX_SECONDS = 0x7fffffff;
/** What the server's own rule allows as a lease; below it, heartbeats would do nothing but load the server. */
const MIN_LEASE_SECONDS = 1;
const MAX_ID_LENGTH = 512;

const TEXTS = [
  'taskType',
  'taskDefName',
  'referenceTaskName',
  'status',
  'workflowType',
  'correlationId',
  'reasonForIncompletion',
  'workerId',
  'domain',
] as const;
/** With the values of those that servers leave out although workers count on them. */
const NUMBERS: Readonly<Record<string, number | undefined>> = {
  retryCount: 0,
  pollCount: 1,
  responseTimeoutSeconds: 0,
  callbackAfterSeconds: 0,
  seq: undefined,
  iteration: undefined,
  scheduledTime: undefined,
  startTime: undefined,
  endTime: undefined,
  updateTime: undefined,
};

/** Why a task must not be executed; kept beside it, since the task itself goes to user code. */
const unusable = new WeakMap<object, string>();

/**
 * Why a task that has an id must not be executed: a field that the server sent cannot be used. `undefined`: it may be.
 * Its fields are replaced by safe values, so that it can be reported as failed like any other.
 */
export function problemOf(task: Task): string | undefined {
  return unusable.get(task);
}

/**
 * Checks an entry that a server sent as a task, and fills in what servers leave out although workers count on it.
 * The entry itself becomes the task. See {@link problemOf} for one that has ids and cannot be executed.
 *
 * @param taskType - the type that was asked for, where the entry names none
 */
export function shapeTask(entry: unknown, taskType?: string): ShapedTask {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { problem: `expected an object, got ${kindOf(entry)}` };
  }
  const fields = entry as Record<string, unknown>;
  const problem = requireId(fields, 'taskId') ?? requireId(fields, 'workflowInstanceId');
  if (problem !== undefined) return { problem };
  const problems = [
    ...TEXTS.flatMap((name) => checkText(fields, name)),
    ...Object.entries(NUMBERS).flatMap(([name, absent]) => checkNumber(fields, name, absent)),
    ...['inputData', 'outputData'].flatMap((name) => checkMap(fields, name)),
    ...checkDefinition(fields),
  ];
  const task = fields as unknown as Task;
  task.taskType ||= taskType ?? task.taskDefName ?? '';
  task.taskDefName ||= task.taskType;
  task.referenceTaskName ??= '';
  task.responseTimeoutSeconds = duration(task.responseTimeoutSeconds);
  if (task.responseTimeoutSeconds > 0)
    task.responseTimeoutSeconds = Math.max(MIN_LEASE_SECONDS, task.responseTimeoutSeconds);
  if (problems.length > 0) unusable.set(task, problems.join('; '));
  return { task };
}

/** What can be logged of an entry that is no task: which fields it has, and no payload. */
export function outline(entry: unknown): Record<string, string> {
  if (typeof entry !== 'object' || entry === null) return { entry: kindOf(entry) };
  const { taskId, workflowInstanceId, taskType } = entry as Record<string, unknown>;
  return {
    taskId: textOf(taskId),
    workflowInstanceId: textOf(workflowInstanceId),
    taskType: textOf(taskType),
    fields: Object.keys(entry).slice(0, 40).join(',').slice(0, 1_000),
  };
}

/** Ids go into paths, file names and logs. */
function requireId(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name];
  if (typeof value !== 'string' || value === '')
    return `expected \`${name}\` to be a non-empty string, got ${show(value)}`;
  return value.length <= MAX_ID_LENGTH && !/[\p{Cc}\p{Cs}]/u.test(value)
    ? undefined
    : `expected \`${name}\` to be an id of up to ${MAX_ID_LENGTH} printable characters, got ${show(value)}`;
}

function checkText(fields: Record<string, unknown>, name: string): string[] {
  const value = fields[name];
  if (value === undefined || typeof value === 'string') return [];
  delete fields[name];
  return value === null ? [] : [`expected \`${name}\` to be a string, got ${kindOf(value)}`];
}

/** A number, or one as a text. */
function checkNumber(fields: Record<string, unknown>, name: string, absent: number | undefined): string[] {
  const value = fields[name];
  const number = numberOf(value);
  if (number !== undefined) fields[name] = number;
  else if (absent !== undefined) fields[name] = absent;
  else delete fields[name];
  return number !== undefined || value === undefined || value === null
    ? []
    : [`expected \`${name}\` to be a number, got ${shown(value)}`];
}

function checkMap(fields: Record<string, unknown>, name: string): string[] {
  const value = (fields[name] ??= {});
  if (typeof value === 'object' && !Array.isArray(value)) return [];
  fields[name] = {};
  return [`expected \`${name}\` to be an object, got ${kindOf(value)}`];
}

function checkDefinition(fields: Record<string, unknown>): string[] {
  const definition = fields['taskDefinition'];
  if (definition === undefined || definition === null) return [];
  if (typeof definition !== 'object' || Array.isArray(definition)) {
    fields['taskDefinition'] = null;
    return [`expected \`taskDefinition\` to be an object, got ${kindOf(definition)}`];
  }
  const map = definition as JsonObject;
  const problems = [...checkNumber(map, 'timeoutSeconds', undefined), ...checkText(map, 'timeoutPolicy')];
  if (typeof map['timeoutSeconds'] === 'number') map['timeoutSeconds'] = duration(map['timeoutSeconds']);
  return problems.map((problem) => problem.replace('`', '`taskDefinition.'));
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function duration(seconds: number): number {
  return Math.min(Math.max(0, seconds), MAX_SECONDS);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_ID_LENGTH) : kindOf(value);
}

/** None of the fields with numbers holds payload. */
function shown(value: unknown): string {
  return typeof value === 'string' ? show(value) : kindOf(value);
}

/** Payload is not for logs: the kind of a value, not the value. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  return Array.isArray(value)
    ? 'an array'
    : value === null
      ? 'null'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;
}
