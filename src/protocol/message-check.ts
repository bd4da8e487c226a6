import { DURATION_BOUNDS_MS } from '../core/meter.js';
import { show } from '../core/options.js';
import type { TaskEnd } from '../worker/execution/task-reporter.js';
import {
  type ErrorReport,
  MAX_PROGRESS_LENGTH,
  type OrchestratorMessage,
  type TaskMark,
  type WorkerMessage,
} from './messages.js';

/**
 * What comes over the channel of a process is checked before anything is done with it: code of workers can send whatever
 * it likes, and what the orchestrator keeps of its processes must not depend on it.
 */

/** A message, or what is wrong with it: `tasks.started[0][3] must be …`. */
export type ReadMessage<M> = { readonly message: M } | { readonly problem: string };

export function readWorkerMessage(received: unknown): ReadMessage<WorkerMessage> {
  return read(received, WORKER_MESSAGES);
}

export function readOrchestratorMessage(received: unknown): ReadMessage<OrchestratorMessage> {
  return read(received, ORCHESTRATOR_MESSAGES);
}

/** @returns what is wrong with the value that is found at `path` */
type Check = (value: unknown, path: string) => string | undefined;
type Fields = Readonly<Record<string, Check>>;
/** A check for each field of each message: a field that is added to a message cannot be forgotten here. */
type Checks<M extends { readonly type: string }> = {
  readonly [T in M['type']]: {
    readonly [F in Exclude<keyof Extract<M, { readonly type: T }>, 'type'>]-?: Check;
  };
};

function read<M extends { readonly type: string }>(received: unknown, checks: Checks<M>): ReadMessage<M> {
  if (!isRecord(received)) return { problem: `a message must be an object, got ${show(received)}` };
  const type = own(received, 'type');
  if (typeof type !== 'string' || !Object.hasOwn(checks, type)) {
    return { problem: `the type of a message must be ${words(Object.keys(checks))}, got ${show(type)}` };
  }
  const problem = fieldsProblem(received, checks[type as M['type']], type);
  return problem === undefined ? { message: received as unknown as M } : { problem };
}

function fieldsProblem(
  value: Readonly<Record<string, unknown>>,
  fields: Fields,
  path: string,
): string | undefined {
  for (const [name, check] of Object.entries(fields)) {
    const problem = check(own(value, name), `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function own(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function words(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

function must(test: (value: unknown) => boolean, be: string): Check {
  return (value, path) => (test(value) ? undefined : `${path} must be ${be}, got ${show(value)}`);
}

const flag = must((value) => typeof value === 'boolean', 'true or false');
const text = must((value) => typeof value === 'string', 'a string');
const name = must((value) => typeof value === 'string' && value !== '', 'a string that is not empty');
const amount = must(
  (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  'a number of 0 or more',
);
const whole = must(
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  'a whole number of 0 or more',
);

function oneOf<T extends string>(allowed: Readonly<Record<T, true>>): Check {
  return must(
    (value) => typeof value === 'string' && Object.hasOwn(allowed, value),
    `one of ${words(Object.keys(allowed))}`,
  );
}

function optional(check: Check): Check {
  return (value, path) => (value === undefined ? undefined : check(value, path));
}

function record(fields: Fields): Check {
  return (value, path) =>
    isRecord(value) ? fieldsProblem(value, fields, path) : `${path} must be an object, got ${show(value)}`;
}

function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} must be a list, got ${show(value)}`;
    for (let index = 0; index < value.length; index++) {
      const problem = check(value[index], `${path}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function entry(...checks: readonly Check[]): Check {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== checks.length) {
      const got = Array.isArray(value) ? `${value.length}` : show(value);
      return `${path} must be a list of ${checks.length} values, got ${got}`;
    }
    for (const [index, check] of checks.entries()) {
      const problem = check(value[index], `${path}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

const MARKS: Readonly<Record<TaskMark, true>> = { begun: true, releasing: true, stored: true, kept: true };
const ENDS: Readonly<Record<TaskEnd, true>> = {
  COMPLETED: true,
  FAILED: true,
  FAILED_WITH_TERMINAL_ERROR: true,
  IN_PROGRESS: true,
  HANDED_BACK: true,
  REFUSED: true,
  LATE: true,
  CANCELLED: true,
  DUPLICATE: true,
};

const progress = must(
  (value) => Number.isFinite(value) || (typeof value === 'string' && value.length <= MAX_PROGRESS_LENGTH),
  `a number, or a string of at most ${MAX_PROGRESS_LENGTH} characters`,
);
const readyWorker = record({ key: name, taskType: name, workerId: name, pollInterval: amount });
const durations = record({
  count: whole,
  sumMs: amount,
  buckets: entry(...Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, () => whole)),
});
const loopReport = record({
  polls: whole,
  lastPollAt: amount,
  lastPollError: optional(text),
  failuresInARow: whole,
  overdueMs: amount,
  isPaused: flag,
  durations: list(entry(oneOf(ENDS), durations)),
});

const ORIGINS: Readonly<Record<NonNullable<ErrorReport['origin']>, true>> = {
  'main file': true,
  uncaught: true,
};

const WORKER_MESSAGES: Checks<WorkerMessage> = {
  building: {},
  ready: { workers: list(readyWorker), isDebugged: flag },
  failed: {
    error: record({
      name: text,
      message: text,
      stack: text,
      code: optional(text),
      problems: optional(list(text)),
      origin: optional(oneOf(ORIGINS)),
    }),
  },
  tasks: {
    started: list(entry(whole, name, name, whole, amount, amount, whole, flag, text, amount, flag)),
    marks: list(entry(whole, oneOf(MARKS))),
    finished: list(entry(whole, oneOf(ENDS))),
    duplicates: list(whole),
  },
  claim: { claim: whole, taskId: name, workflowInstanceId: name, reference: text, retryCount: amount },
  uncertain: {},
  progress: { progress: list(entry(whole, progress)) },
  beat: {
    loops: list(loopReport),
    isDebugged: flag,
    loopDelayMs: amount,
    loopUtilisation: amount,
    outbox: whole,
    lingeringMs: amount,
    residentBytes: optional(amount),
  },
  stopped: { hasDroppedPoll: flag },
};

const ORCHESTRATOR_MESSAGES: Checks<OrchestratorMessage> = {
  run: {},
  stop: {},
  tune: {
    worker: whole,
    isPaused: optional(flag),
    concurrency: optional(whole),
    pollInterval: optional(amount),
  },
  abort: { reason: text },
  claimed: { claim: whole, mayRun: flag },
  cancel: { ref: whole, reason: text },
};
