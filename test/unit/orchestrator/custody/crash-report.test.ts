import { describe, expect, it } from 'vitest';
import { KnownKillers } from '../../../../src/worker/execution/poison.js';
import { crashResults, knownSuspect, type Crash } from '../../../../src/orchestrator/custody/crash-report.js';
import type { LedgerTask, LedgerTaskState } from '../../../../src/orchestrator/ledger/ledger.js';
import { makeLedgerTask } from '../../../support/make-ledger-task.js';

function task(taskId: string, state: LedgerTaskState = 'running', deaths = 0, worker = 0): LedgerTask {
  return makeLedgerTask(taskId, { workflowInstanceId: `w-${taskId}`, state, deaths, worker });
}

const crash: Crash = {
  reason: 'worker process a#1 (pid 7) died of signal SIGSEGV',
  stderrTail: 'last words',
  isByTask: true,
  isStored: () => false,
  workers: [
    { taskType: 'a', workerId: 'host-7-a' },
    { taskType: 'b', workerId: 'host-7-b' },
  ],
  killers: new KnownKillers(),
};

describe('crashResults', () => {
  it('FAILED with reason and last words for a task whose code was running', () => {
    expect(crashResults([task('a', 'running', 0, 1)], crash)).toEqual([
      {
        taskId: 'a',
        workflowInstanceId: 'w-a',
        workerId: 'host-7-b',
        status: 'FAILED',
        reasonForIncompletion: `[process died 1 time with this task] ${crash.reason}`,
        outputData: {},
        logs: [{ log: `${crash.reason}\nlast lines of its standard error:\nlast words` }],
      },
    ]);
  });

  it('nothing for a task that had not begun, whose result is safe, or that was on its way back', () => {
    const tasks = [
      task('waiting', 'waiting', 1),
      task('stored', 'stored'),
      task('releasing', 'releasing'),
      task('on-disk'),
    ];
    expect(crashResults(tasks, { ...crash, isStored: (taskId) => taskId === 'on-disk' })).toEqual([]);
  });

  it('the third death of a task that was alone is the last', () => {
    expect(crashResults([task('a', 'running', 2)], crash)).toMatchObject([
      {
        status: 'FAILED_WITH_TERMINAL_ERROR',
        reasonForIncompletion: expect.stringContaining('3 times') as string,
      },
    ]);
  });

  it('the second is the last when another task of its type is known to kill', () => {
    const killers = new KnownKillers();
    killers.add('a', task('other'));
    const statuses = (results: { status: string }[]): string[] => results.map(({ status }) => status);
    expect(statuses(crashResults([task('a', 'running', 1)], { ...crash, killers }))).toEqual([
      'FAILED_WITH_TERMINAL_ERROR',
    ]);
    expect(statuses(crashResults([task('b', 'running', 1, 1)], { ...crash, killers }))).toEqual(['FAILED']);
    expect(statuses(crashResults([task('other', 'running', 1)], { ...crash, killers }))).toEqual(['FAILED']);
  });

  it('beside others nobody is blamed for good; those that wait do not count as company', () => {
    const beside = crashResults([task('a', 'running', 5), task('b')], crash);
    expect(beside.map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
    const alone = crashResults([task('a', 'running', 2), task('b', 'waiting', 1)], crash);
    expect(alone[0]?.status).toBe('FAILED_WITH_TERMINAL_ERROR');
  });

  it('a death that the orchestrator caused neither adds to the count nor erases it', () => {
    const results = crashResults([task('a'), task('b', 'running', 2)], { ...crash, isByTask: false });
    expect(results).toMatchObject([
      { status: 'FAILED', reasonForIncompletion: crash.reason },
      {
        status: 'FAILED',
        reasonForIncompletion: `[process died 2 times with this task] ${crash.reason}`,
      },
    ]);
  });

  it('a result that was in memory only is told as lost, and is nobody’s fault', () => {
    const [result] = crashResults([task('a', 'kept', 2)], crash);
    expect(result?.status).toBe('FAILED');
    expect(result?.reasonForIncompletion).toMatch(/^the task had ended, but its result was in memory only/);
  });

  it('a reason of any length is bounded', () => {
    const [result] = crashResults([task('a')], { ...crash, reason: 'x'.repeat(1_000_000), stderrTail: '' });
    expect(JSON.stringify(result).length).toBeLessThan(3_000);
  });
});

describe('knownSuspect', () => {
  it('is the task that ran alone and was under suspicion before', () => {
    const suspect = task('a', 'running', 1);
    expect(knownSuspect([suspect, task('b', 'waiting', 1), task('c', 'stored')])).toBe(suspect);
  });

  it('is nobody where another one ran, nothing ran, or the task was not under suspicion', () => {
    expect(knownSuspect([task('a', 'running', 1), task('b')])).toBeUndefined();
    expect(knownSuspect([task('a', 'waiting', 1)])).toBeUndefined();
    expect(knownSuspect([task('a')])).toBeUndefined();
  });
});
