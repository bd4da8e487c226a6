import { describe, expect, it, test } from 'vitest';
import { healthReport } from '../../../../src/orchestrator/status/health-report.js';
import { application, type Changes } from '../../../support/application-status.js';

describe('health', () => {
  it('all is well: live, ready and started', () => {
    const ok = { isOk: true, reasons: [] };
    expect(healthReport(application())).toEqual({ live: ok, ready: ok, started: ok, notes: [] });
  });

  test.each<[string, Changes, RegExp]>([
    [
      'a process that hangs',
      { process: { idleMs: 15_000 } },
      /a:A#1 \(pid 7\) neither answers nor computes, for 15 s/,
    ],
    [
      'one that is stopped',
      { process: { idleMs: 20_000, isStopped: true } },
      /was stopped by a signal, for 20 s/,
    ],
    [
      'one that has asked for less time',
      { replica: { blockedTimeout: 3_000 }, process: { idleMs: 3_000 } },
      /for 3 s/,
    ],
    ['a loop that does not poll', { worker: { overdueMs: 5_000 } }, /a:A#1: a:A does not poll, 5 s overdue/],
    ['the orchestrator has failed', { status: { state: 'failed' } }, /the orchestrator has failed/],
  ])('neither live nor ready: %s', (_what, changes, reason) => {
    const { live, ready } = healthReport(application(changes));
    expect(live).toEqual({ isOk: false, reasons: [expect.stringMatching(reason)] });
    expect(ready.isOk).toBe(false);
  });

  test.each<[string, Changes, RegExp]>([
    ['it starts', { status: { state: 'starting' } }, /the orchestrator is starting/],
    ['it stops', { status: { state: 'stopping' } }, /the orchestrator is stopping/],
    [
      'a worker is given up',
      { replica: { state: 'failed', deathsInARow: 3, lastError: 'boom' } },
      /a:A#1 is given up after 3 deaths in a row: boom/,
    ],
    [
      'a worker waits for its next start',
      { replica: { state: 'waiting', deathsInARow: 1 } },
      /a:A#1 is waiting after 1 death/,
    ],
    [
      'the server does not answer',
      { worker: { failuresInARow: 3, lastPollError: 'ECONNREFUSED' } },
      /a:A: the server does not answer \(3 polls in a row\): ECONNREFUSED/,
    ],
  ])('live, but not ready: %s', (_what, changes, reason) => {
    const { live, ready } = healthReport(application(changes));
    expect(live.isOk).toBe(true);
    expect(ready).toEqual({ isOk: false, reasons: [expect.stringMatching(reason)] });
  });

  test.each<[string, Changes]>([
    ['silent for less than may mean anything', { process: { idleMs: 14_999 } }],
    [
      'silent for less than it has declared',
      { replica: { blockedTimeout: 600_000 }, process: { idleMs: 599_999 } },
    ],
    ['a computing process does not answer', { process: { silentMs: 3_600_000 } }],
    ['one poll that fails', { worker: { failuresInARow: 1, lastPollError: 'ECONNRESET' } }],
    ['paused', { worker: { isPaused: true } }],
  ])('live and ready: %s', (_what, changes) => {
    const { live, ready } = healthReport(application(changes));
    expect([live.isOk, ready.isOk]).toEqual([true, true]);
  });

  test.each<[string, Changes, string]>([
    [
      'results in a process',
      { process: { outbox: 3 } },
      'a:A#1 (pid 7): 3 results not taken by the server yet',
    ],
    [
      'deaths of late',
      { replica: { deathsInARow: 2, lastError: 'boom' } },
      'a:A#1 runs again after 2 deaths in a row: boom',
    ],
    ['a pause', { worker: { isPaused: true } }, 'a:A is paused'],
    [
      'results in the orchestrator',
      {
        status: {
          custody: { outbox: 2, outboxFolder: undefined, leasesExtended: 0, leasesLapsed: 0, swept: 0 },
        },
      },
      'the orchestrator: 2 results not taken by the server yet',
    ],
  ])('worth a note, but ready: %s', (_what, changes, note) => {
    const { ready, notes } = healthReport(application(changes));
    expect(ready.isOk).toBe(true);
    expect(notes).toEqual([note]);
  });

  it('started as soon as the start is over, whatever came of it', () => {
    for (const [state, isOk] of [
      ['created', false],
      ['starting', false],
      ['running', true],
      ['stopping', true],
      ['failed', true],
    ] as const) {
      expect(healthReport(application({ status: { state } })).started.isOk, state).toBe(isOk);
    }
  });
});
