import type { RetryLogic, TimeoutPolicy } from '../../conductor/wire/types.js';
import type { ValidationError } from './api-error.js';
import type { FullTaskDef } from './definitions.js';
import {
  readBoolean,
  readInt,
  readMap,
  readObject,
  readOneOf,
  readOptionalInt,
  readString,
  readStrings,
  withoutNulls,
} from './fields.js';

const RETRY_LOGICS: readonly RetryLogic[] = ['FIXED', 'EXPONENTIAL_BACKOFF', 'LINEAR_BACKOFF'];
const TIMEOUT_POLICIES: readonly TimeoutPolicy[] = ['RETRY', 'TIME_OUT_WF', 'ALERT_ONLY'];

/** A task definition from a request, with the real server's defaults. */
export function readTaskDef(value: unknown): FullTaskDef {
  const body = withoutNulls(readObject(value, 'a task definition'));
  const pollTimeoutSeconds = readOptionalInt(body, 'pollTimeoutSeconds');
  const concurrentExecLimit = readOptionalInt(body, 'concurrentExecLimit');
  return {
    ...pick(body, [
      'description',
      'ownerEmail',
      'ownerApp',
      'isolationGroupId',
      'executionNameSpace',
      'baseType',
    ]),
    ...pick(body, ['inputSchema', 'outputSchema', 'createdBy', 'updatedBy']),
    createTime: readInt(body, 'createTime', 0),
    updateTime: readInt(body, 'updateTime', 0),
    name: readString(body, 'name') ?? '',
    retryCount: readInt(body, 'retryCount', 3),
    timeoutSeconds: readInt(body, 'timeoutSeconds', 0),
    inputKeys: readStrings(body, 'inputKeys'),
    outputKeys: readStrings(body, 'outputKeys'),
    runtimeMetadata: readStrings(body, 'runtimeMetadata'),
    timeoutPolicy: readOneOf(body, 'timeoutPolicy', TIMEOUT_POLICIES) ?? 'TIME_OUT_WF',
    retryLogic: readOneOf(body, 'retryLogic', RETRY_LOGICS) ?? 'FIXED',
    retryDelaySeconds: readInt(body, 'retryDelaySeconds', 60),
    responseTimeoutSeconds: readInt(body, 'responseTimeoutSeconds', 3600),
    ...(concurrentExecLimit === undefined ? {} : { concurrentExecLimit }),
    inputTemplate: readMap(body, 'inputTemplate'),
    rateLimitPerFrequency: readInt(body, 'rateLimitPerFrequency', 0),
    rateLimitFrequencyInSeconds: readInt(body, 'rateLimitFrequencyInSeconds', 1),
    ...(pollTimeoutSeconds === undefined ? {} : { pollTimeoutSeconds }),
    backoffScaleFactor: readInt(body, 'backoffScaleFactor', 1),
    maxRetryDelaySeconds: readInt(body, 'maxRetryDelaySeconds', 0),
    backoffJitterMs: readInt(body, 'backoffJitterMs', 0),
    totalTimeoutSeconds: readInt(body, 'totalTimeoutSeconds', 0),
    taskStatusListenerEnabled: readBoolean(body, 'taskStatusListenerEnabled', true),
    enforceSchema: readBoolean(body, 'enforceSchema', false),
  } as FullTaskDef;
}

/** What a task without a registered definition runs under: 3 retries a minute apart, an hour to answer. */
export function adHocTaskDef(name: string, type: string): FullTaskDef {
  return readTaskDef(type === 'SIMPLE' ? { name } : { name, retryCount: 0, responseTimeoutSeconds: 0 });
}

/** Everything that is wrong with a task definition. `path` says where it stands in the request. */
export function taskDefErrors(def: FullTaskDef, path: string): ValidationError[] {
  const errors: ValidationError[] = [];
  const least = (key: keyof FullTaskDef, minimum: number, message: string): void => {
    const value = def[key];
    if (typeof value !== 'number' || value >= minimum) return;
    errors.push({ path: `${path}.${String(key)}`, message, invalidValue: String(value) });
  };
  if (def.name === '') errors.push({ path: `${path}.name`, message: 'TaskDef name cannot be null or empty' });
  least('retryCount', 0, 'TaskDef retryCount: 0 must be >= 0');
  least(
    'responseTimeoutSeconds',
    1,
    `TaskDef responseTimeoutSeconds: ${def.responseTimeoutSeconds} should be minimum 1 second`,
  );
  for (const key of [
    'pollTimeoutSeconds',
    'totalTimeoutSeconds',
    'maxRetryDelaySeconds',
    'backoffJitterMs',
  ] as const) {
    least(key, 0, `TaskDef ${key}: 0 must be >= 0`);
  }
  least('backoffScaleFactor', 1, 'Backoff scale factor. Applicable for LINEAR_BACKOFF');
  if (def.timeoutSeconds > 0 && def.responseTimeoutSeconds > def.timeoutSeconds) {
    errors.push({
      path,
      message: `TaskDef: ${def.name} responseTimeoutSeconds: ${def.responseTimeoutSeconds} must be less than timeoutSeconds: ${def.timeoutSeconds}`,
    });
  }
  if (def.totalTimeoutSeconds > 0 && def.timeoutSeconds > def.totalTimeoutSeconds) {
    errors.push({
      path,
      message: `TaskDef: ${def.name} timeoutSeconds: ${def.timeoutSeconds} must be less than or equal to totalTimeoutSeconds: ${def.totalTimeoutSeconds}`,
    });
  }
  return errors;
}

function pick(body: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => key in body).map((key) => [key, body[key]]));
}
