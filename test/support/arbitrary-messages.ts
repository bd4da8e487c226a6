import fc from 'fast-check';
import { DURATION_BOUNDS_MS } from '../../src/core/meter.js';
import type { OrchestratorMessage, WorkerMessage } from '../../src/protocol/messages.js';

/** Messages of every type as they should be, to be spoiled by {@link spoiled}. */
const ref = fc.integer({ min: 1, max: 12 });
const id = fc.string({ minLength: 1, maxLength: 8 });
const started = fc.tuple(
  ref,
  id,
  id,
  fc.integer({ min: 0, max: 2 }),
  fc.integer({ min: 0, max: 3_600 }),
  fc.integer({ min: 0, max: 1_000 }),
  fc.integer({ min: 0, max: 3 }),
  fc.boolean(),
  fc.string({ maxLength: 8 }),
  fc.integer({ min: 0, max: 5 }),
  fc.boolean(),
);
const ends = ['COMPLETED', 'FAILED', 'IN_PROGRESS', 'HANDED_BACK', 'LATE', 'CANCELLED'] as const;
const marks = ['begun', 'releasing', 'stored', 'kept'] as const;

export const workerMessages: fc.Arbitrary<WorkerMessage> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('tasks' as const),
      started: fc.array(started, { maxLength: 4 }),
      marks: fc.array(fc.tuple(ref, fc.constantFrom(...marks)), { maxLength: 4 }),
      finished: fc.array(fc.tuple(ref, fc.constantFrom(...ends)), { maxLength: 4 }),
      duplicates: fc.array(fc.nat(3), { maxLength: 3 }),
    }),
  },
  fc.record({
    type: fc.constant('ready' as const),
    workers: fc.array(fc.record({ key: id, taskType: id, workerId: id, pollInterval: fc.nat(1_000) }), {
      maxLength: 2,
    }),
    isDebugged: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('failed' as const),
    error: fc.record({
      name: id,
      message: id,
      stack: id,
      code: fc.option(id, { nil: undefined }),
    }),
  }),
  fc.record({
    type: fc.constant('claim' as const),
    claim: fc.nat(9),
    taskId: id,
    workflowInstanceId: id,
    reference: id,
    retryCount: fc.nat(3),
  }),
  fc.constant({ type: 'uncertain' as const }),
  fc.record({
    type: fc.constant('progress' as const),
    progress: fc.array(fc.tuple(ref, fc.oneof(fc.string(), fc.integer())), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('beat' as const),
    loops: fc.array(
      fc.record({
        polls: fc.nat(9),
        lastPollAt: fc.nat(9),
        lastPollError: fc.option(id, { nil: undefined }),
        failuresInARow: fc.nat(9),
        overdueMs: fc.nat(9),
        isPaused: fc.boolean(),
        durations: fc.array(
          fc.tuple(
            fc.constantFrom(...ends),
            fc.record({
              count: fc.nat(9),
              sumMs: fc.nat(99),
              buckets: fc.array(fc.nat(9), {
                minLength: DURATION_BOUNDS_MS.length + 1,
                maxLength: DURATION_BOUNDS_MS.length + 1,
              }),
            }),
          ),
          { maxLength: 2 },
        ),
      }),
      { maxLength: 1 },
    ),
    isDebugged: fc.boolean(),
    loopDelayMs: fc.nat(9),
    loopUtilisation: fc.double({ min: 0, max: 1, noNaN: true }),
    outbox: fc.nat(9),
    lingeringMs: fc.nat(9),
    residentBytes: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('stopped' as const), hasDroppedPoll: fc.boolean() }),
);

export const orchestratorMessages: fc.Arbitrary<OrchestratorMessage> = fc.oneof(
  fc.constantFrom<OrchestratorMessage>({ type: 'run' }, { type: 'stop' }),
  fc.record({
    type: fc.constant('tune' as const),
    worker: fc.nat(3),
    isPaused: fc.option(fc.boolean(), { nil: undefined }),
    concurrency: fc.option(fc.nat(9), { nil: undefined }),
    pollInterval: fc.option(fc.nat(9), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('abort' as const), reason: id }),
  fc.record({ type: fc.constant('claimed' as const), claim: fc.nat(9), mayRun: fc.boolean() }),
  fc.record({ type: fc.constant('cancel' as const), ref, reason: id }),
);

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, -1, 1.5, 1e300, '', '__proto__', 'constructor', [], {}, [[]], true),
);

/** The message with something put in the place of one of its parts, or with a part taken away. */
export function spoiled(messages: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const place = fc.array(fc.nat(20), { minLength: 1, maxLength: 5 });
  return fc.tuple(messages, place, fc.option(anything, { nil: undefined })).map(([message, steps, other]) => {
    const copy = JSON.parse(JSON.stringify(message)) as Record<string, unknown>;
    let parent: Record<string, unknown> = copy;
    let key = 'type';
    for (const step of steps) {
      const keys = Object.keys(parent);
      if (keys.length === 0) break;
      key = keys[step % keys.length]!;
      const child = parent[key];
      if (typeof child !== 'object' || child === null || step === steps.at(-1)) break;
      parent = child as Record<string, unknown>;
    }
    if (other !== undefined) parent[key] = other;
    else if (Array.isArray(parent)) parent.splice(Number(key) || 0, 1);
    else delete parent[key];
    return copy;
  });
}

/** Messages as they should be, spoiled ones, and anything that JSON can say. */
export function receivedLike(messages: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return fc.oneof(
    messages.map((message) => JSON.parse(JSON.stringify(message)) as object),
    { weight: 3, arbitrary: spoiled(messages) },
    fc.dictionary(fc.string({ maxLength: 6 }), anything).map((value) => ({ ...value })),
    fc.array(anything).map((value): object => value),
  );
}
