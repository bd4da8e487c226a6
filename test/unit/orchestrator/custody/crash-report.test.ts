import { describe, expect, it } from 'vitest';
import { KnownKillers } from '../../../../src/worker/execution/poison.js';
import {
  crashResults,
  knownSuspect,
  type CrashKnowledge,
} from '../../../../src/orchestrator/custody/crash-report.js';
import type { LedgerTask, LedgerTaskState } from '../../../../src/orchestrator/ledger/ledger-task.js';
import type { ProcessDeath } from '../../../../src/orchestrator/ledger/process-death.js';
import { makeDeath } from '../../../support/make-death.js';
import { makeLedgerTask } from '../../../support/make-ledger-task.js';

function task(taskId: string, state: LedgerTaskState = 'running', deaths = 0, worker = 0): LedgerTask {
  return makeLedgerTask(taskId, { workflowInstanceId: `w-${taskId}`, state, deaths, worker });
}

const death: ProcessDeath = {
  ...makeDeath({
    workers: [
      { taskType: 'a', workerId: 'host-7-a' },
      { taskType: 'b', workerId: 'host-7-b' },
    ],
  }),
  reason: 'worker process a#1 (pid 7) died of signal SIGSEGV',
  lastWords: 'last words',
};

/** What is reported of the tasks, with nothing in the outbox and no killer known, but for this. */
function resultsOf(
  tasks: readonly LedgerTask[],
  changes: Partial<ProcessDeath & CrashKnowledge> = {},
): ReturnType<typeof crashResults> {
  const { isStored = () => false, killers = new KnownKillers(), ...fields } = changes;
  return crashResults({ ...death, ...fields, tasks }, { isStored, killers });
}

describe('crashResults', () => {
  it('FAILED with reason and last words for a task whose code was running', () => {
    expect(resultsOf([task('a', 'running', 0, 1)])).toEqual([
      {
        taskId: 'a',
        workflowInstanceId: 'w-a',
        workerId: 'host-7-b',
        status: 'FAILED',
        reasonForIncompletion: `[process died 1 time with this task] ${death.reason}`,
        outputData: {},
        logs: [{ log: `${death.reason}\nlast lines of its standard error:\nlast words` }],
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
    expect(resultsOf(tasks, { isStored: (taskId) => taskId === 'on-disk' })).toEqual([]);
  });

  it('the third death of a task that was alone is the last', () => {
    expect(resultsOf([task('a', 'running', 2)])).toMatchObject([
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
    expect(statuses(resultsOf([task('a', 'running', 1)], { killers }))).toEqual([
      'FAILED_WITH_TERMINAL_ERROR',
    ]);
    expect(statuses(resultsOf([task('b', 'running', 1, 1)], { killers }))).toEqual(['FAILED']);
    expect(statuses(resultsOf([task('other', 'running', 1)], { killers }))).toEqual(['FAILED']);
  });

  it('beside others nobody is blamed for good; those that wait do not count as company', () => {
    const beside = resultsOf([task('a', 'running', 5), task('b')]);
    expect(beside.map(({ status }) => status)).toEqual(['FAILED', 'FAILED']);
    const alone = resultsOf([task('a', 'running', 2), task('b', 'waiting', 1)]);
    expect(alone[0]?.status).toBe('FAILED_WITH_TERMINAL_ERROR');
  });

  it('a death that the orchestrator caused neither adds to the count nor erases it', () => {
    const results = resultsOf([task('a'), task('b', 'running', 2)], { isByTask: false });
    expect(results).toMatchObject([
      { status: 'FAILED', reasonForIncompletion: death.reason },
      {
        status: 'FAILED',
        reasonForIncompletion: `[process died 2 times with this task] ${death.reason}`,
      },
    ]);
  });

  it('a result that was in memory only is told as lost, and is nobody’s fault', () => {
    const [result] = resultsOf([task('a', 'kept', 2)]);
    expect(result?.status).toBe('FAILED');
    expect(result?.reasonForIncompletion).toMatch(/^the task had ended, but its result was in memory only/);
  });

  it('a reason of any length is bounded', () => {
    const [result] = resultsOf([task('a')], { reason: 'x'.repeat(1_000_000), lastWords: '' });
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
