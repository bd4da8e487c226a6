import { describeThrown, stackOf } from '../core/errors.js';
import { TaskResult, TaskResultStatus } from '../conductor/task-result.js';
import type { JsonObject } from '../conductor/types.js';
import { isInProgress } from './in-progress.js';
import { isNonRetryable } from './non-retryable-error.js';

/** How the execution of a task ended. */
export type Execution =
  | { readonly kind: 'returned'; readonly value: unknown; readonly callbackAfterSeconds?: number | undefined }
  | { readonly kind: 'threw'; readonly thrown: unknown }
  /** Told to end (time-out, stop) and did not end by itself in time. */
  | { readonly kind: 'aborted'; readonly reason: string };

/** What is reported of it. */
export interface TaskOutcome {
  readonly status: TaskResultStatus;
  readonly outputData: JsonObject;
  readonly reasonForIncompletion?: string;
  readonly callbackAfterSeconds?: number;
  /** Lines for the task's log, with the moment of each in epoch milliseconds where it is known. */
  readonly logs: readonly { readonly log: string; readonly createdTime?: number }[];
  readonly workerId?: string;
}

const STATUSES: readonly string[] = Object.values(TaskResultStatus);

/**
 * The outcome that belongs to whatever a worker returned or threw. Never throws, and never gives anything that the
 * server would refuse for its shape.
 */
export function taskOutcome(execution: Execution): TaskOutcome {
  switch (execution.kind) {
    case 'threw':
      return threw(execution.thrown);
    case 'aborted':
      return failed(execution.reason);
    case 'returned':
      return returned(execution.value, execution.callbackAfterSeconds);
  }
}

/** An outcome FAILED, or FAILED_WITH_TERMINAL_ERROR, with a reason and optionally a text for the task's log. */
export function failed(reason: string, options: { terminal?: boolean; log?: string } = {}): TaskOutcome {
  return {
    status: options.terminal === true ? TaskResultStatus.FAILED_WITH_TERMINAL_ERROR : TaskResultStatus.FAILED,
    outputData: {},
    reasonForIncompletion: reason,
    logs: options.log === undefined ? [] : [{ log: options.log }],
  };
}

function threw(thrown: unknown): TaskOutcome {
  return failed(describeThrown(thrown), { terminal: isNonRetryable(thrown), log: stackOf(thrown) });
}

function returned(value: unknown, callbackAfterSeconds: number | undefined): TaskOutcome {
  try {
    if (isInProgress(value))
      return again(value.output ?? {}, value.callbackAfterSeconds ?? callbackAfterSeconds ?? 0);
    if (isTaskResult(value)) return ofTaskResult(value, callbackAfterSeconds);
    const output = toOutput(value);
    if (callbackAfterSeconds !== undefined) return again(output, callbackAfterSeconds);
    return { status: TaskResultStatus.COMPLETED, outputData: output, logs: [] };
  } catch (thrown) {
    // A getter or proxy of the returned value threw while it was looked at.
    return failed(`the returned value cannot be read: ${describeThrown(thrown)}`, {
      terminal: true,
      log: stackOf(thrown),
    });
  }
}

function again(output: unknown, seconds: unknown): TaskOutcome {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    return failed(`callbackAfterSeconds must be a number from 0 and up, got ${String(seconds)}`, {
      terminal: true,
    });
  }
  return {
    status: TaskResultStatus.IN_PROGRESS,
    outputData: toOutput(output),
    callbackAfterSeconds: Math.ceil(seconds),
    logs: [],
  };
}

function toOutput(value: unknown): JsonObject {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') return { result: value };
  if (Array.isArray(value)) return { result: value };
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const json: unknown = (value as { toJSON(key: string): unknown }).toJSON('');
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as JsonObject)
      : { result: json };
  }
  if (value instanceof Map || value instanceof Set) {
    throw new TypeError(
      `a ${value.constructor.name} cannot be written as JSON; return a plain object or an array`,
    );
  }
  return value as JsonObject;
}

/** By shape, not only by `instanceof`: it may come from another copy of the package. */
function isTaskResult(value: unknown): value is TaskResult {
  if (value instanceof TaskResult) return true;
  if (typeof value !== 'object' || value === null) return false;
  const like = value as Partial<TaskResult>;
  return (
    typeof like.taskId === 'string' &&
    typeof like.workflowInstanceId === 'string' &&
    typeof like.status === 'string' &&
    typeof like.outputData === 'object'
  );
}

function ofTaskResult(result: TaskResult, callbackAfterSeconds: number | undefined): TaskOutcome {
  if (!STATUSES.includes(result.status)) {
    const known = STATUSES.join(', ');
    return failed(`a TaskResult has the status ${JSON.stringify(result.status)}; known are ${known}`, {
      terminal: true,
    });
  }
  const seconds = result.callbackAfterSeconds ?? callbackAfterSeconds;
  return {
    status: result.status,
    outputData: toOutput(result.outputData),
    ...(result.reasonForIncompletion === undefined
      ? {}
      : { reasonForIncompletion: result.reasonForIncompletion }),
    ...(seconds === undefined ? {} : { callbackAfterSeconds: seconds }),
    ...(result.workerId === undefined ? {} : { workerId: result.workerId }),
    logs: result.logs ?? [],
  };
}
