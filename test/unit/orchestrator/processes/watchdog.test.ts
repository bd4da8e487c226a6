import { describe, expect, it, test } from 'vitest';
import { judge, LIMIT_GRACE_MS, type WatchFacts } from '../../../../src/orchestrator/processes/watchdog.js';

const WELL: WatchFacts = {
  idleMs: 0,
  isStopped: false,
  isDebugged: false,
  blockedTimeoutMs: 60_000,
  longest: undefined,
  loop: undefined,
  lingeringMs: 0,
  residentMb: 100,
  ageMs: 3_600_000,
  tasks: 1_000_000,
  limits: {},
};

describe('judge', () => {
  test.each<[string, Partial<WatchFacts>, { action: string; cause: string; text: RegExp }]>([
    [
      'a task that runs on after its limit and the grace',
      { longest: { taskId: 't', limitMs: 1_000, beyondMs: LIMIT_GRACE_MS + 1 } },
      { action: 'kill', cause: 'execution-timeout', text: /^task t ran longer than 1000 ms and did not end/ },
    ],
    [
      'no progress for its time',
      { idleMs: 60_000 },
      { action: 'kill', cause: 'blocked', text: /^it hangs: for 60000 ms/ },
    ],
    [
      'stopped by a signal',
      { idleMs: 60_000, isStopped: true },
      { action: 'kill', cause: 'stopped', text: /^a signal had stopped it for 60000 ms/ },
    ],
    [
      'far above its resident limit',
      { residentMb: 151, limits: { residentMb: 100 } },
      { action: 'kill', cause: 'memory', text: /151 MB is far above its limit of 100 MB/ },
    ],
    [
      'a loop that does not poll',
      { loop: { worker: 'a:A', overdueMs: 60_000 } },
      { action: 'replace', cause: 'not-polling', text: /^a:A has not polled for 60000 ms/ },
    ],
    [
      'code that goes on after its task was told to end',
      { lingeringMs: LIMIT_GRACE_MS },
      { action: 'replace', cause: 'execution-timeout', text: /goes on 10000 ms after/ },
    ],
    [
      'above its resident limit',
      { residentMb: 101, limits: { residentMb: 100 } },
      { action: 'replace', cause: 'memory', text: /101 MB is above 100 MB/ },
    ],
    [
      'enough tasks',
      { tasks: 10, limits: { recycleAfterTasks: 10 } },
      { action: 'replace', cause: 'tasks', text: /executed 10 tasks/ },
    ],
    [
      'old enough',
      { ageMs: 5_000, limits: { recycleAfterMs: 5_000 } },
      { action: 'replace', cause: 'age', text: /run for 5 s/ },
    ],
  ])('%s', (_what, facts, { action, cause, text }) => {
    expect(judge({ ...WELL, ...facts })).toEqual({
      action,
      cause,
      text: expect.stringMatching(text) as string,
    });
    // At a breakpoint all of this may be so.
    expect(judge({ ...WELL, ...facts, isDebugged: true })).toBeUndefined();
  });

  test.each<[string, Partial<WatchFacts>]>([
    ['all is well', {}],
    ['a task within the grace', { longest: { taskId: 't', limitMs: 1_000, beyondMs: LIMIT_GRACE_MS } }],
    ['silent for less than it has declared', { idleMs: 599_999, blockedTimeoutMs: 600_000 }],
    ['a poll that is a little late', { loop: { worker: 'a:A', overdueMs: 59_999 } }],
    ['at its limits', { residentMb: 100, tasks: 9, limits: { residentMb: 100, recycleAfterTasks: 10 } }],
    ['its memory is not known', { residentMb: undefined, limits: { residentMb: 100 } }],
  ])('nothing is to be done: %s', (_what, facts) => {
    expect(judge({ ...WELL, ...facts })).toBeUndefined();
  });

  it('what must end is not replaced', () => {
    const facts = { ...WELL, idleMs: 60_000, residentMb: 101, limits: { residentMb: 100 } };
    expect(judge(facts)?.action).toBe('kill');
  });
});
