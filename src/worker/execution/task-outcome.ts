import { types } from 'node:util';
import { describeThrown, stackOf, TuttiError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import { TaskResult, TaskResultStatus } from '../../conductor/wire/task-result.js';
import type { JsonObject } from '../../conductor/wire/types.js';
import { isInProgress } from './in-progress.js';
import { isNonRetryable } from './non-retryable-error.js';
import { findLossy, lossyKind } from './unserialisable.js';

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
  /** Of what was thrown. */
  readonly stack?: string;
}

/** 68 years. The server answers 500 to what is no 64-bit number, as to an outage: it would be sent again for ever. */
const MAX_SECONDS = 0x7fffffff;
const STATUSES: readonly string[] = Object.values(TaskResultStatus);

type SdkResult = Partial<Omit<TaskResult, 'status'>> & Pick<TaskResult, 'status'>;
/** Keys of a task result that other SDKs send, and that are not supported here. */
const FOREIGN_KEYS = ['externalOutputPayloadStoragePath', 'subWorkflowId', 'extendLease'] as const;
const RESULT_KEYS: readonly string[] = [
  'taskId',
  'workflowInstanceId',
  'workerId',
  'status',
  'outputData',
  'reasonForIncompletion',
  'callbackAfterSeconds',
  'logs',
  ...FOREIGN_KEYS,
];

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

/** An outcome FAILED, or FAILED_WITH_TERMINAL_ERROR, with a reason and optionally a stack, for the task's log as well. */
export function failed(reason: string, options: { terminal?: boolean; stack?: string } = {}): TaskOutcome {
  return {
    status: options.terminal === true ? TaskResultStatus.FAILED_WITH_TERMINAL_ERROR : TaskResultStatus.FAILED,
    outputData: {},
    reasonForIncompletion: reason,
    ...(options.stack === undefined
      ? { logs: [] }
      : { stack: options.stack, logs: [{ log: options.stack }] }),
  };
}

function threw(thrown: unknown): TaskOutcome {
  return failed(describeThrown(abortReason(thrown) ?? thrown), {
    terminal: isNonRetryable(thrown),
    stack: stackOf(thrown),
  });
}

/** Node's own functions wrap what aborted them, and "The operation was aborted" tells nobody why. */
function abortReason(thrown: unknown): unknown {
  try {
    if (!(thrown instanceof Error) || thrown.name !== 'AbortError') return undefined;
    return TuttiError.is(thrown.cause, 'TASK_ABORTED') ? thrown.cause : undefined;
  } catch {
    return undefined; // a proxy or getter that throws
  }
}

function returned(value: unknown, callbackAfterSeconds: number | undefined): TaskOutcome {
  try {
    if (isInProgress(value))
      return again(value.output ?? {}, value.callbackAfterSeconds ?? callbackAfterSeconds ?? 0);
    if (isResult(value)) return ofTaskResult(value, callbackAfterSeconds);
    if (callbackAfterSeconds !== undefined) return again(value, callbackAfterSeconds);
    return withWholeOutput({ status: TaskResultStatus.COMPLETED, outputData: toOutput(value), logs: [] });
  } catch (thrown) {
    if (thrown instanceof NoJson) return failed(`${NO_JSON}: ${thrown.message}`, { terminal: true });
    // A getter or proxy of the returned value threw while it was looked at.
    return failed(`the returned value cannot be read: ${describeThrown(thrown)}`, {
      terminal: true,
      stack: stackOf(thrown),
    });
  }
}

function again(output: unknown, seconds: unknown): TaskOutcome {
  if (!isSeconds(seconds)) return badSeconds(seconds);
  return withWholeOutput({
    status: TaskResultStatus.IN_PROGRESS,
    outputData: toOutput(output),
    callbackAfterSeconds: Math.ceil(seconds),
    logs: [],
  });
}

/** JSON writes some objects as `{}` without an error: a result that would lose them fails for good. */
function withWholeOutput(outcome: TaskOutcome): TaskOutcome {
  const problem = findLossy(outcome.outputData, 'outputData');
  if (problem === undefined) return outcome;
  return { ...failed(`${NO_JSON}: ${problem}`, { terminal: true }), logs: outcome.logs };
}

/** A result that reports a failure stays what it is, whatever its output: that is left out where JSON cannot carry it. */
function withOutputOfFailure(outcome: TaskOutcome, output: unknown): TaskOutcome {
  let problem: string | undefined;
  try {
    const outputData = toOutput(output);
    problem = findLossy(outputData, 'outputData');
    if (problem === undefined) return { ...outcome, outputData };
  } catch (thrown) {
    problem = describeThrown(thrown);
  }
  return { ...outcome, logs: [...outcome.logs, { log: `${NO_JSON} and is left out: ${problem}` }] };
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_SECONDS;
}

function badSeconds(seconds: unknown): TaskOutcome {
  const reason = `callbackAfterSeconds must be a number from 0 to ${MAX_SECONDS}, got ${show(seconds)}`;
  return failed(reason, { terminal: true });
}

const NO_JSON = 'the output cannot be written as JSON';

/** Says what an output is instead. */
class NoJson extends Error {}

function toOutput(value: unknown): JsonObject {
  if (value === undefined || value === null) return {};
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new NoJson(`it is a ${typeof value}; return a plain object or an array`);
  }
  if (typeof value !== 'object') return { result: value };
  if (Array.isArray(value)) return { result: value };
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const json: unknown = (value as { toJSON(key: string): unknown }).toJSON('');
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as JsonObject)
      : { result: json };
  }
  if (types.isBoxedPrimitive(value)) return { result: value.valueOf() };
  if (types.isNativeError(value)) {
    throw new NoJson(`it is an error, which fails a task only when it is thrown: ${describeThrown(value)}`);
  }
  if (types.isGeneratorObject(value)) {
    throw new NoJson('it is a generator, whose code has not run; make `execute` an async function');
  }
  const kind = lossyKind(value);
  if (kind !== undefined) throw new NoJson(`it is ${kind}`);
  return value as JsonObject;
}

/** Whether a returned value says everything itself, instead of being the output. */
export function isResult(value: unknown): value is SdkResult {
  return isTaskResult(value) || isSdkResult(value);
}

/** A plain object that has the shape of the official SDK's task result, and nothing else. */
function isSdkResult(value: unknown): value is SdkResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const like = value as Partial<Record<string, unknown>>;
  return (
    STATUSES.includes(like['status'] as string) &&
    ('outputData' in like || 'reasonForIncompletion' in like) &&
    Object.keys(like).every((key) => RESULT_KEYS.includes(key))
  );
}

/**
 * By shape, not only by `instanceof`: it may come from another copy of the package. A task that a worker gives back as
 * its output has these fields too, and an input.
 */
function isTaskResult(value: unknown): value is TaskResult {
  if (value instanceof TaskResult) return true;
  if (typeof value !== 'object' || value === null) return false;
  const like = value as Partial<TaskResult>;
  return (
    typeof like.taskId === 'string' &&
    typeof like.workflowInstanceId === 'string' &&
    typeof like.status === 'string' &&
    typeof like.outputData === 'object' &&
    !('inputData' in value)
  );
}

function ofTaskResult(result: SdkResult, callbackAfterSeconds: number | undefined): TaskOutcome {
  const foreign = FOREIGN_KEYS.find((key) => isGiven((result as Partial<Record<string, unknown>>)[key]));
  if (foreign !== undefined)
    return failed(`\`${foreign}\` of a task result is not supported; return the output itself`, {
      terminal: true,
    });
  if (!STATUSES.includes(result.status)) {
    const known = STATUSES.join(', ');
    return failed(`a TaskResult has the status ${show(result.status)}; known are ${known}`, {
      terminal: true,
    });
  }
  // A new TaskResult says COMPLETED; a worker that asks to be called again has not completed.
  const isCalledAgain = callbackAfterSeconds !== undefined && result.status === TaskResultStatus.COMPLETED;
  const status = isCalledAgain ? TaskResultStatus.IN_PROGRESS : result.status;
  const seconds: unknown =
    result.callbackAfterSeconds ??
    (status === TaskResultStatus.IN_PROGRESS ? callbackAfterSeconds : undefined);
  if (seconds !== undefined && !isSeconds(seconds)) return badSeconds(seconds);
  const reason: unknown = result.reasonForIncompletion;
  const outcome: TaskOutcome = {
    status,
    outputData: {},
    ...(reason === undefined || reason === null ? {} : { reasonForIncompletion: toText(reason) }),
    ...(seconds === undefined ? {} : { callbackAfterSeconds: Math.ceil(seconds) }),
    ...(result.workerId === undefined ? {} : { workerId: result.workerId }),
    logs: toLogs(result.logs),
  };
  return status === TaskResultStatus.FAILED || status === TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
    ? withOutputOfFailure(outcome, result.outputData)
    : withWholeOutput({ ...outcome, outputData: toOutput(result.outputData) });
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}

/** Whatever user code has put there; the server refuses a whole result for one entry of a wrong shape. */
function toLogs(logs: unknown): TaskOutcome['logs'] {
  if (logs === undefined || logs === null) return [];
  return (Array.isArray(logs) ? logs : [logs]).map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('log' in entry)) return { log: toText(entry) };
    const { log, createdTime } = entry as { log: unknown; createdTime?: unknown };
    return { log: toText(log), ...(typeof createdTime === 'number' ? { createdTime } : {}) };
  });
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return value instanceof Error ? describeThrown(value) : (JSON.stringify(value) ?? String(value));
  } catch {
    return '(cannot be shown)';
  }
}
