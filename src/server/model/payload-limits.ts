import type { JsonObject } from '../../conductor/wire/types.js';

/**
 * The largest payloads of workflows and tasks, in bytes of JSON. The defaults are those of Conductor 3.32
 * (`ConductorProperties`).
 */
export interface PayloadLimits {
  /** A start with a larger input is answered 413. @defaultValue 10485760 */
  readonly workflowInput: number;
  /** A workflow with a larger output fails, and has no output. @defaultValue 10485760 */
  readonly workflowOutput: number;
  /** A task with a larger input fails, and is not retried. @defaultValue 10485760 */
  readonly taskInput: number;
  /** A task with a larger output fails, and is not retried. @defaultValue 10485760 */
  readonly taskOutput: number;
  /** A `SET_VARIABLE` that would make the variables larger fails. @defaultValue 262144 */
  readonly workflowVariables: number;
}

export const DEFAULT_PAYLOAD_LIMITS: PayloadLimits = {
  workflowInput: 10_240 * 1024,
  workflowOutput: 10_240 * 1024,
  taskInput: 10_240 * 1024,
  taskOutput: 10_240 * 1024,
  workflowVariables: 256 * 1024,
};

/** Payloads share their parts, and grow by them: a loop's output is looked at once for each iteration. */
const sizes = new WeakMap<object, number>();

/** How many bytes a payload has as JSON in UTF-8. Parts of it that are objects must not change afterwards. */
export function payloadBytes(payload: JsonObject): number {
  let bytes = 2;
  let count = 0;
  for (const [key, value] of Object.entries(payload)) {
    if (value === undefined) continue;
    bytes += jsonBytes(key) + 1 + sizeOf(value);
    count += 1;
  }
  return bytes + Math.max(0, count - 1);
}

/** @returns the size of a payload that is too large, otherwise `undefined` */
export function excessOf(payload: JsonObject, limit: number): number | undefined {
  const bytes = payloadBytes(payload);
  return bytes > limit ? bytes : undefined;
}

/** In Conductor's words. */
export function workflowExcessReason(workflowId: string, bytes: number, limit: number): string {
  return `The payload size: ${bytes} of workflow: ${workflowId} is greater than the permissible limit: ${limit} bytes`;
}

/** In Conductor's words. */
export function taskExcessReason(
  task: { readonly taskId: string; readonly workflowInstanceId: string },
  bytes: number,
  limit: number,
): string {
  return `The payload size: ${bytes} of task: ${task.taskId} in workflow: ${task.workflowInstanceId}  is greater than the permissible limit: ${limit} bytes`;
}

function sizeOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return jsonBytes(value);
  let bytes = sizes.get(value);
  if (bytes === undefined) sizes.set(value, (bytes = jsonBytes(value)));
  return bytes;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
