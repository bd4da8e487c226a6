import type { JsonObject } from '../../conductor/wire/types.js';
import { badRequest, throwInvalid, type ValidationError } from './api-error.js';
import { readInt, readMap, readObject, readOptionalInt, readString } from './fields.js';

/** A request to start a workflow whose fields have been read and checked. */
export interface StartRequest {
  readonly name: string;
  readonly version: number | undefined;
  readonly workflowDef: unknown;
  readonly input: JsonObject;
  readonly correlationId: string | undefined;
  readonly priority: number;
  readonly taskToDomain: Readonly<Record<string, string>>;
  readonly createdBy: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly idempotencyStrategy: string | undefined;
}

const MAX_PRIORITY = 99;

/** @throws ApiError 400 with everything that is wrong with it */
export function readStartRequest(value: unknown): StartRequest {
  const body = readObject(value, 'a request to start a workflow');
  const name = readString(body, 'name') ?? '';
  const priority = readInt(body, 'priority', 0);
  const errors: ValidationError[] = [];
  if (name === '')
    errors.push({ path: 'startWorkflow.arg0.name', message: 'Workflow name cannot be null or empty' });
  if (priority < 0 || priority > MAX_PRIORITY) {
    errors.push({
      path: 'startWorkflow.arg0.priority',
      message: `priority: ${priority} should be ${priority < 0 ? 'minimum 0' : `maximum ${MAX_PRIORITY}`}`,
      invalidValue: String(priority),
    });
  }
  throwInvalid(errors);
  if (body['input'] === null) throw badRequest('NULL input passed when starting workflow');
  return {
    name,
    version: readOptionalInt(body, 'version'),
    workflowDef: body['workflowDef'] ?? undefined,
    input: readMap(body, 'input'),
    correlationId: readString(body, 'correlationId'),
    priority,
    taskToDomain: Object.fromEntries(
      Object.entries(readMap(body, 'taskToDomain')).map(([type, domain]) => [type, String(domain)]),
    ),
    createdBy: readString(body, 'createdBy'),
    idempotencyKey: readString(body, 'idempotencyKey'),
    idempotencyStrategy: readString(body, 'idempotencyStrategy'),
  };
}

/** @throws ApiError 400 for a priority that cannot be */
export function checkPriority(priority: number): void {
  if (priority >= 0 && priority <= MAX_PRIORITY) return;
  const message =
    priority < 0 ? '0 is the minimum priority value' : `${MAX_PRIORITY} is the maximum priority value`;
  throwInvalid([{ path: 'startWorkflow.arg3', message, invalidValue: String(priority) }]);
}
