import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TuttiError } from '../../../../src/core/errors.js';
import { FailureLog, type TaskFailure } from '../../../../src/worker/execution/failure-log.js';
import { taskOutcome } from '../../../../src/worker/execution/task-outcome.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const logger = new RecordingLogger();
  return { logger, log: new FailureLog(logger.child({ worker: 'Greet' })) };
}

function thrown(error: unknown): TaskFailure {
  const { status, reasonForIncompletion, stack } = taskOutcome({ kind: 'threw', thrown: error });
  return { status, reason: reasonForIncompletion!, stack };
}

const declined = (order: number): Error => new Error(`order ${order} was declined`);

describe('a failed task', () => {
  it('is logged with all that is known of it, the first of a kind with its stack', () => {
    const { log, logger } = open();
    log.tell(makeTask('t-1', { retryCount: 2 }), thrown(declined(1)));
    expect(logger.entries).toEqual([
      {
        level: 'warn',
        message: 'a task failed',
        fields: {
          worker: 'Greet',
          taskType: 'greet',
          taskId: 't-1',
          workflowId: 'workflow-1',
          attempt: 3,
          error: 'order 1 was declined',
          stack: expect.stringMatching(/^Error: order 1 was declined\n {4}at declined .*failure-log/),
        },
      },
    ]);
  });

  it('that is failed for good says so', () => {
    const { log, logger } = open();
    log.tell(makeTask(), { status: 'FAILED_WITH_TERMINAL_ERROR', reason: 'no such order', stack: undefined });
    expect(logger.at('warn')).toEqual(['a task failed for good: it is not tried again']);
  });

  it('of a wrong native call is logged like every other', () => {
    const { log, logger } = open();
    log.tell(makeTask(), thrown(new TuttiError('NATIVE_SIGNATURE', 'get_sum: argument 1 is no int32_t')));
    expect(logger.entries[0]?.fields).toMatchObject({ error: 'get_sum: argument 1 is no int32_t' });
  });
});

describe('a flood of failures', () => {
  it('is a line at once and one with the number of the others, which are there at level debug', () => {
    const { log, logger } = open();
    for (let order = 0; order < 500; order++) log.tell(makeTask(`t-${order}`), thrown(declined(order)));
    expect(logger.at('warn')).toEqual(['a task failed']);
    expect(logger.at('debug')).toHaveLength(499);
    expect(logger.entries.at(-1)!.fields['stack']).toMatch(/^Error: order 499/);
    vi.advanceTimersByTime(10_000);
    expect(logger.at('warn')).toEqual(['a task failed', 'more tasks failed in the same way']);
    expect(logger.entries.at(-1)!.fields).toMatchObject({
      worker: 'Greet',
      count: 499,
      taskId: 't-499',
      error: 'order 499 was declined',
    });
    vi.advanceTimersByTime(60_000);
    expect(logger.at('warn')).toHaveLength(2);
  });

  it('that goes on for a minute is a handful of lines, and no failure is left out of the counts', () => {
    const { log, logger } = open();
    for (let second = 0; second < 60; second++) {
      for (let one = 0; one < 10; one++) log.tell(makeTask(), thrown(declined(one)));
      vi.advanceTimersByTime(1_000);
    }
    log.flush();
    const warnings = logger.entries.filter(({ level }) => level === 'warn');
    expect(warnings.length).toBeLessThan(15);
    const told = warnings.reduce((sum, { message, fields }) => {
      const own = message === 'a task failed' ? 1 + Number(fields['leftOut'] ?? 0) : Number(fields['count']);
      return sum + own;
    }, 0);
    expect(told).toBe(600);
  });

  it('does not hide a failure of another kind', () => {
    const { log, logger } = open();
    for (let one = 0; one < 5; one++) log.tell(makeTask(), thrown(declined(one)));
    log.tell(makeTask(), thrown(new TypeError('x is not a function')));
    log.tell(makeTask(), { status: 'FAILED', reason: 'execution time-out', stack: undefined });
    expect(
      logger.entries.filter(({ level }) => level === 'warn').map(({ fields }) => fields['error']),
    ).toEqual(['order 0 was declined', 'x is not a function', 'execution time-out']);
  });

  it('is one kind where only numbers differ and nothing was thrown', () => {
    const { log, logger } = open();
    for (let id = 0; id < 5; id++)
      log.tell(makeTask(), { status: 'FAILED', reason: `no order ${id}`, stack: undefined });
    expect(logger.at('warn')).toHaveLength(1);
  });

  it('of kinds without end stays limited', () => {
    const { log, logger } = open();
    const word = (index: number): string => 'x'.repeat(index + 1);
    for (let index = 0; index < 1_000; index++)
      log.tell(makeTask(), {
        status: 'FAILED',
        reason: `no ${word(index % 190)} ${index}`,
        stack: undefined,
      });
    expect(logger.at('warn').length).toBeLessThanOrEqual(101);
  });

  it('does not keep a process alive, and its rest is logged at the end', () => {
    const { log, logger } = open();
    for (let order = 0; order < 3; order++) log.tell(makeTask(), thrown(declined(order)));
    log.flush();
    expect(logger.at('warn')).toEqual(['a task failed', 'more tasks failed in the same way']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
