import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { mayRunClaimed, type KnownTask } from '../../../../src/orchestrator/custody/duplicate-guard.js';
import type { LedgerTaskState } from '../../../../src/orchestrator/ledger/ledger.js';
import type { ClaimedTask } from '../../../../src/protocol/messages.js';
import { makeLedgerTask } from '../../../support/make-ledger-task.js';

const claimed: ClaimedTask = { taskId: 'new', workflowInstanceId: 'w', reference: 'r', retryCount: 1 };
const cancelled: string[] = [];

function known(taskId: string, state: LedgerTaskState, fields: Partial<KnownTask['task']> = {}): KnownTask {
  const task = makeLedgerTask(taskId, { state, ...fields });
  return { task, cancel: () => void cancelled.push(taskId) };
}

beforeEach(() => {
  cancelled.length = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => void vi.useRealTimers());

describe('a task that was delivered before', () => {
  test.each<[LedgerTaskState, boolean]>([
    ['running', false],
    ['waiting', false],
    ['stored', false],
    ['kept', false],
    ['releasing', true],
  ])('and is %s in this application: may run: %s', async (state, mayRun) => {
    expect(await mayRunClaimed(claimed, () => [known('new', state)])).toBe(mayRun);
    expect(cancelled).toEqual([]);
  });

  it('may run when nobody knows it, and when only others run', async () => {
    expect(await mayRunClaimed(claimed, () => [])).toBe(true);
    const others = [
      known('x', 'running', { workflowInstanceId: 'another' }),
      known('y', 'running', { reference: 'another' }),
      known('z', 'running', { retryCount: 1 }),
    ];
    expect(await mayRunClaimed(claimed, () => others)).toBe(true);
    expect(cancelled).toEqual([]);
  });
});

describe('a new attempt while the old one runs', () => {
  it('waits until the old one, which is told once, has ended', async () => {
    const running = [known('old', 'running')];
    let answer: boolean | undefined;
    void mayRunClaimed(claimed, () => running).then((mayRun) => (answer = mayRun));
    await vi.waitFor(() => expect(cancelled).toEqual(['old']));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(answer).toBeUndefined();
    running.pop();
    await vi.advanceTimersByTimeAsync(100);
    expect(answer).toBe(true);
    expect(cancelled).toEqual(['old']);
  });

  it('does not wait for ever', async () => {
    let answer: boolean | undefined;
    void mayRunClaimed(claimed, () => [known('old', 'running')]).then((mayRun) => (answer = mayRun));
    await vi.waitFor(() => expect(cancelled).toEqual(['old']));
    await vi.advanceTimersByTimeAsync(9_000);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(answer).toBe(true);
  });
});
