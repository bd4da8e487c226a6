import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { Claims } from '../../../../src/orchestrator/ledger/claims.js';
import type { LedgerTask, LedgerTaskState } from '../../../../src/orchestrator/ledger/ledger-task.js';
import type { ClaimedTask } from '../../../../src/protocol/messages.js';
import { makeLedgerTask, makeTaskProcess } from '../../../support/make-ledger-task.js';

const claimed: ClaimedTask = { taskId: 'new', workflowInstanceId: 'w', reference: 'r', retryCount: 1 };
const cancelled: string[] = [];

function known(taskId: string, state: LedgerTaskState, fields: Partial<LedgerTask> = {}): LedgerTask {
  const process = makeTaskProcess({ cancel: (task) => void cancelled.push(task.taskId) });
  return makeLedgerTask(taskId, { process, state, ...fields });
}

function mayRunClaimed(claim: ClaimedTask, inFlight: () => readonly LedgerTask[]): Promise<boolean> {
  return new Claims(inFlight).mayRun(claim);
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

it('a claimed task is known from the question to a while after the answer', async () => {
  const claims = new Claims(() => []);
  const answers = [claims.mayRun(claimed), claims.mayRun(claimed)];
  expect([...claims.taskIds()]).toEqual(['new']);
  await Promise.all(answers);
  await vi.advanceTimersByTimeAsync(4_900);
  expect([...claims.taskIds()]).toEqual(['new']);
  await vi.advanceTimersByTimeAsync(200);
  expect([...claims.taskIds()]).toEqual([]);
});
