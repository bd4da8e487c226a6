import { describe, expect, it, test } from 'vitest';
import { markedReason, poisonRecord, poisonVerdict, reasonInProgress } from '../../../src/worker/poison.js';

describe('what a death means for a task that was running', () => {
  test.each<[deaths: number, wasAlone: boolean, after: number, isTerminal: boolean]>([
    [0, false, 1, false],
    [0, true, 1, false],
    [1, false, 2, false],
    [1, true, 2, false],
    // The third is the last, but only for a task that was alone: beside others it may be innocent.
    [2, false, 3, false],
    [2, true, 3, true],
    [3, false, 4, false],
    [3, true, 4, true],
    [9, true, 10, true],
  ])('%i deaths before, alone: %s → %i deaths, terminal: %s', (deaths, wasAlone, after, isTerminal) => {
    expect(poisonVerdict({ deaths }, wasAlone)).toEqual({ deaths: after, isTerminal });
  });

  it('the limit can be another one', () => {
    expect(poisonVerdict({ deaths: 0 }, true, 1).isTerminal).toBe(true);
  });
});

describe('the reason of an IN_PROGRESS', () => {
  const reasonForIncompletion = markedReason('worker process a#1 died', { deaths: 2 });
  test.each<[string, string | undefined, string | undefined, string | undefined]>([
    ['none before, none now', undefined, undefined, undefined],
    ['none before', undefined, 'waits for a file', 'waits for a file'],
    ['another kind of reason before', 'timed out', undefined, undefined],
    ['a record', reasonForIncompletion, undefined, reasonForIncompletion],
    ['a record, and one of its own', reasonForIncompletion, 'waits', markedReason('waits', { deaths: 2 })],
  ])('%s', (_title, before, reason, expected) => {
    const attempt = before === undefined ? {} : { reasonForIncompletion: before };
    expect(reasonInProgress(attempt, reason)).toBe(expected);
  });
});

describe('the marker', () => {
  test.each([1, 2, 3, 17, 9_999])('of %i deaths is read as it was written', (deaths) => {
    expect(poisonRecord(markedReason('worker process a#1 died of signal SIGKILL', { deaths }))).toEqual({
      deaths,
    });
  });

  it('stands in front, where the server does not cut it off, and keeps the reason', () => {
    const reason = markedReason('x'.repeat(600), { deaths: 2 }).slice(0, 500);
    expect(reason).toMatch(/^\[process died 2 times with this task\] x{400}/);
    expect(poisonRecord(reason)).toEqual({ deaths: 2 });
  });

  test.each([
    undefined,
    '',
    'no database',
    'the log said: [process died 3 times with this task] ',
    '[process died x times with this task] ',
    '[process died 3 times',
  ])('is not found in %j', (reason) => {
    expect(poisonRecord(reason)).toEqual({ deaths: 0 });
  });
});
