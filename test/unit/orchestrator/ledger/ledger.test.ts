import { describe, expect, it } from 'vitest';
import { ChannelReporter } from '../../../../src/host/channel-reporter.js';
import {
  Ledger,
  type LedgerSubscriber,
  type ProcessAccount,
} from '../../../../src/orchestrator/ledger/ledger.js';
import { MemoryMeter } from '../../../../src/core/meter.js';
import { sumOf, Tally, type EndCounts } from '../../../../src/orchestrator/ledger/tally.js';
import type { WorkerMessage } from '../../../../src/protocol/messages.js';
import { OrchestratorChannel } from '../../../../src/host/orchestrator-channel.js';
import type { TaskReporter } from '../../../../src/worker/execution/task-reporter.js';
import { makeDeath } from '../../../support/make-death.js';
import { makeTaskProcess } from '../../../support/make-ledger-task.js';
import { makeTask } from '../../../support/make-task.js';

/** A channel whose messages are written when the test says so. */
class HeldChannel extends OrchestratorChannel {
  readonly messages: WorkerMessage[] = [];
  isHeld = false;
  isGone = false;
  #written: (() => void)[] = [];

  override send(message: WorkerMessage): boolean {
    if (this.isGone) return false;
    this.messages.push(structuredClone(message));
    return true;
  }
  override written(message: WorkerMessage): Promise<void> {
    this.send(message);
    return this.isHeld ? new Promise((resolve) => this.#written.push(resolve)) : Promise.resolve();
  }
  release(): void {
    for (const resolve of this.#written.splice(0)) resolve();
  }
  get taskMessages(): Extract<WorkerMessage, { type: 'tasks' }>[] {
    return this.messages.filter((message) => message.type === 'tasks');
  }
}

/** An account of a process with four workers, and what is counted. */
class Account {
  readonly meter = new MemoryMeter();
  readonly tallies = ['a', 'b', 'c', 'd'].map((worker) => new Tally(this.meter, 'greet#1', worker));
  readonly account: ProcessAccount;
  constructor(ledger = new Ledger(), process = makeTaskProcess()) {
    this.account = ledger.open(process, this.tallies);
  }
  hear(messages: readonly WorkerMessage[]): void {
    for (const message of messages) {
      if (message.type === 'tasks')
        this.account.record(message.started, message.marks, message.finished, 1_000);
      if (message.type === 'progress')
        for (const [ref, progress] of message.progress) this.account.recordProgress(ref, progress);
    }
  }
  tasks(): ReturnType<ProcessAccount['tasks']> {
    return this.account.tasks();
  }
  get size(): number {
    return this.account.size;
  }
  get counts(): EndCounts {
    return sumOf(this.tallies).counts;
  }
}

/** Both ends: what a worker process tells, and the ledger that hears it. */
function bothEnds(): {
  channel: HeldChannel;
  all: ChannelReporter;
  reporter: TaskReporter;
  ledger: () => Account;
} {
  const channel = new HeldChannel();
  const all = new ChannelReporter(channel);
  const ledger = (): Account => {
    const made = new Account();
    made.hear(channel.messages);
    return made;
  };
  return { channel, all, reporter: all.forWorker(0), ledger };
}

const report = (taskId: string, begins = true) => ({
  task: makeTask(taskId, { responseTimeoutSeconds: 10, retryCount: 2 }),
  limitMs: undefined,
  deaths: 0,
  begins,
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ChannelReporter', () => {
  it('puts what starts and ends within one turn into one message', async () => {
    const { channel, reporter, all, ledger } = bothEnds();
    const started = [reporter.started([report('a'), report('b')]), all.forWorker(3).started([report('c')])];
    await Promise.all(started);
    expect(channel.messages).toHaveLength(1);
    expect(ledger().tasks()).toEqual([
      expect.objectContaining({ taskId: 'a', worker: 0, responseTimeoutSeconds: 10, state: 'running' }),
      expect.objectContaining({ taskId: 'b', worker: 0 }),
      expect.objectContaining({ taskId: 'c', worker: 3 }),
    ]);
    reporter.finished('a', 'COMPLETED');
    reporter.finished('b', 'FAILED');
    await all.flushed();
    expect(channel.messages).toHaveLength(2);
    expect(
      ledger()
        .tasks()
        .map((task) => task.taskId),
    ).toEqual(['c']);
  });

  it('a start is told when its message is written, not before', async () => {
    const { channel, reporter } = bothEnds();
    channel.isHeld = true;
    let isTold = false;
    const told = reporter.started([report('a')]).then(() => (isTold = true));
    await turn();
    await turn();
    expect(channel.messages).toHaveLength(1);
    expect(isTold).toBe(false);
    channel.release();
    await told;
  });

  it('flushed() waits for what is handed over but not written yet', async () => {
    const { channel, reporter, all } = bothEnds();
    await reporter.started([report('a')]);
    channel.isHeld = true;
    reporter.finished('a', 'COMPLETED');
    await turn();
    await turn();
    expect(channel.taskMessages).toHaveLength(2);
    let isFlushed = false;
    const flushed = all.flushed().then(() => (isFlushed = true));
    await turn();
    expect(isFlushed).toBe(false);
    channel.release();
    await flushed;
  });

  it('a task that begins and ends within one turn is in both lists, and ends', async () => {
    const { channel, reporter, all, ledger } = bothEnds();
    void reporter.started([report('a')]);
    reporter.finished('a', 'COMPLETED');
    await all.flushed();
    expect(channel.messages).toHaveLength(1);
    expect(ledger()).toMatchObject({ size: 0, counts: { COMPLETED: 1 } });
  });

  it('the same task again is another entry', async () => {
    const { reporter, all, ledger } = bothEnds();
    void reporter.started([report('a')]);
    reporter.finished('a', 'IN_PROGRESS');
    void reporter.started([report('a')]);
    await all.flushed();
    expect(ledger()).toMatchObject({ size: 1, counts: { IN_PROGRESS: 1 } });
  });

  it('what is told of a task that is not here is not sent', async () => {
    const { channel, reporter, all } = bothEnds();
    reporter.finished('nobody', 'COMPLETED');
    reporter.progress('nobody', 0.5);
    await reporter.begun('nobody');
    await all.flushed();
    expect(channel.messages).toEqual([]);
  });

  it('progress goes at once', async () => {
    const { reporter, ledger } = bothEnds();
    await reporter.started([report('a')]);
    reporter.progress('a', 'half');
    expect(ledger().tasks()[0]!.progress).toBe('half');
  });

  it('knows its tasks by number while they are here', async () => {
    const { channel, reporter, all } = bothEnds();
    await reporter.started([report('a')]);
    const [ref] = channel.taskMessages[0]!.started[0]!;
    expect(all.taskIdOf(ref)).toBe('a');
    reporter.finished('a', 'COMPLETED');
    expect(all.taskIdOf(ref)).toBeUndefined();
  });

  it('asks whether a task may run, and gets the answer that belongs to it', async () => {
    const { channel, reporter, all } = bothEnds();
    const answers = [reporter.mayRun(makeTask('a')), reporter.mayRun(makeTask('b'))];
    const claims = channel.messages.filter((message) => message.type === 'claim');
    expect(claims.map((claim) => claim.taskId)).toEqual(['a', 'b']);
    all.answer(claims[1]!.claim, false);
    all.answer(claims[0]!.claim, true);
    expect(await Promise.all(answers)).toEqual([true, false]);
  });

  it('without an orchestrator a task may run', async () => {
    const { channel, reporter } = bothEnds();
    channel.isGone = true;
    expect(await reporter.mayRun(makeTask('a'))).toBe(true);
  });
});

describe('Ledger', () => {
  it('follows a task that has to wait, is given back or is stored', async () => {
    const { reporter, all, ledger } = bothEnds();
    const states = (): (string | undefined)[] =>
      ledger()
        .tasks()
        .map((task) => task.state);
    await reporter.started([report('a', false)]);
    expect(states()).toEqual(['waiting']);
    await reporter.begun('a');
    expect(states()).toEqual(['running']);
    await reporter.releasing('a');
    expect(states()).toEqual(['releasing']);
    reporter.stored('a', true);
    await all.flushed();
    expect(states()).toEqual(['stored']);
  });

  it('tells its subscribers of each task that comes and goes, and of the death of its process', async () => {
    const { channel, reporter } = bothEnds();
    await reporter.started([report('a'), report('b')]);
    reporter.finished('a', 'COMPLETED');
    await turn();
    const seen: string[] = [];
    const subscriber: LedgerSubscriber = {
      processReady: ({ pid }) => seen.push(`ready ${pid}`),
      processUncertain: ({ pid }) => seen.push(`uncertain ${pid}`),
      taskAdded: ({ taskId, process }) => seen.push(`+${taskId} ${process.pid}`),
      taskRemoved: ({ taskId }) => seen.push(`-${taskId}`),
      processDied: ({ tasks }) => {
        seen.push('died');
        return tasks.map((task) => task.taskId);
      },
    };
    const ledger = new Ledger();
    ledger.subscribe(subscriber);
    const opened = new Account(ledger, makeTaskProcess({ pid: 7 }));
    const { account } = opened;
    account.ready();
    opened.hear(channel.taskMessages);
    account.uncertain();
    expect([...ledger.knownIds()]).toEqual(['b']);
    expect(account.close(makeDeath({ tasks: account.tasks() }))).toEqual(['b']);
    expect(seen).toEqual(['ready 7', '+a 7', '+b 7', '-a', 'uncertain 7', '-b', 'died']);
    expect(opened).toMatchObject({ size: 0, counts: { COMPLETED: 1 } });
    expect(ledger.tasks()).toEqual([]);
    // What was written before the death and read after it.
    opened.hear(channel.taskMessages);
    expect(seen).toHaveLength(7);
  });

  it('counts for each worker what comes, how it ends, and what is lost', async () => {
    const { channel, reporter, all } = bothEnds();
    await Promise.all([
      reporter.started([report('a')]),
      all.forWorker(2).started([report('b'), report('c')]),
    ]);
    reporter.finished('a', 'FAILED');
    reporter.stored('b', true);
    all.forWorker(2).stored('c', false);
    await turn();
    const opened = new Account();
    const { account, tallies } = opened;
    opened.hear(channel.taskMessages);
    const [, kept] = account.tasks();
    account.leaseLapsed(kept!);
    account.close(makeDeath({ tasks: account.tasks() }));
    expect(tallies.map(({ counts }) => [counts.received, counts.lostToCrashes])).toEqual([
      [1, 0],
      [0, 0],
      [2, 1],
      [0, 0],
    ]);
    expect(tallies.map(({ counts }) => counts.counts.FAILED)).toEqual([1, 0, 0, 0]);
    expect(tallies.map(({ counts }) => counts.leasesLost)).toEqual([0, 0, 1, 0]);
    expect(sumOf(tallies)).toMatchObject({
      received: 3,
      lostToCrashes: 1,
      leasesLost: 1,
      counts: { FAILED: 1 },
    });
  });

  it('counts copies that were not run', () => {
    const opened = new Account();
    opened.account.recordDuplicates([0, 3]);
    opened.account.recordDuplicates([]);
    expect(opened).toMatchObject({ size: 0, counts: { DUPLICATE: 2, COMPLETED: 0 } });
    expect(opened.account.ended).toBe(0);
    expect(opened.tallies[3]!.counts.counts.DUPLICATE).toBe(1);
  });

  it('takes no notice of ends and progress of tasks that it does not know', () => {
    const opened = new Account();
    opened.account.record([], [[7, 'begun']], [[7, 'COMPLETED']], 0);
    opened.account.recordProgress(7, 1);
    expect(opened).toMatchObject({ size: 0, counts: { COMPLETED: 0 } });
  });

  it('a task of one process is not claimed by another while it runs', async () => {
    const { channel, reporter } = bothEnds();
    await reporter.started([report('a')]);
    const ledger = new Ledger();
    new Account(ledger).hear(channel.taskMessages);
    const other = new Account(ledger).account;
    const claim = (taskId: string) =>
      other.mayRun({ taskId, workflowInstanceId: 'w', reference: 'r', retryCount: 2 });
    expect(await Promise.all([claim('a'), claim('b')])).toEqual([false, true]);
    expect([...ledger.knownIds()].sort()).toEqual(['a', 'b']);
  });
});
