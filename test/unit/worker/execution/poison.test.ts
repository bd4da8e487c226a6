import { describe, expect, it, test } from 'vitest';
import {
  KnownKillers,
  markedReason,
  poisonRecord,
  poisonVerdict,
  reasonInProgress,
} from '../../../../src/worker/execution/poison.js';

describe('what a death means for a task that was running', () => {
  test.each<[deaths: number, wasAlone: boolean, hasOtherKiller: boolean, after: number, isTerminal: boolean]>(
    [
      [0, false, false, 1, false],
      [0, true, false, 1, false],
      [1, false, false, 2, false],
      [1, true, false, 2, false],
      // The third is the last, but only for a task that was alone: beside others it may be innocent.
      [2, false, false, 3, false],
      [2, true, false, 3, true],
      [3, false, false, 4, false],
      [3, true, false, 4, true],
      [9, true, false, 10, true],
      // The second is the last when another task is known to kill; the first never is.
      [0, true, true, 1, false],
      [1, false, true, 2, false],
      [1, true, true, 2, true],
      [2, false, true, 3, false],
      [2, true, true, 3, true],
    ],
  )(
    '%i deaths before, alone: %s, another killer: %s → %i deaths, terminal: %s',
    (deaths, wasAlone, hasOtherKiller, after, isTerminal) => {
      expect(poisonVerdict({ deaths }, { wasAlone, hasOtherKiller })).toEqual({ deaths: after, isTerminal });
    },
  );
});

describe('tasks that are known to kill', () => {
  const a = { workflowInstanceId: 'w-1', reference: 'ref' };
  const b = { workflowInstanceId: 'w-2', reference: 'ref' };
  const c = { workflowInstanceId: 'w-3', reference: 'ref' };

  it('are others than the task in question, over all its attempts', () => {
    const killers = new KnownKillers();
    expect(killers.hasOther('greet', a)).toBe(false);
    killers.add('greet', a);
    killers.add('greet', { ...a });
    expect(killers.hasOther('greet', a)).toBe(false);
    expect(killers.hasOther('greet', b)).toBe(true);
    killers.add('greet', b);
    killers.add('greet', c);
    for (const task of [a, b, c]) expect(killers.hasOther('greet', task)).toBe(true);
  });

  it('say nothing about other task types', () => {
    const killers = new KnownKillers();
    killers.add('greet', a);
    expect(killers.hasOther('resize', b)).toBe(false);
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
