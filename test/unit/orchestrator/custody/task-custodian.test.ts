import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { chosenFolder, RunDirectory } from '../../../../src/orchestrator/custody/run-directory.js';
import { TaskCustodian } from '../../../../src/orchestrator/custody/task-custodian.js';
import { Ledger } from '../../../../src/orchestrator/ledger/ledger.js';
import type { ProcessDeath } from '../../../../src/orchestrator/ledger/process-death.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeDeath } from '../../../support/make-death.js';
import { makeLedgerTask } from '../../../support/make-ledger-task.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

it('closes after it has taken over a dead run, whose tasks are given back before', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const logger = new RecordingLogger();
  const directory = (await RunDirectory.open([chosenFolder(root)], logger))!;
  let taken!: () => void;
  const worker = { taskType: 'a', workerId: 'dead-1' };
  directory.takeOverDeadRuns = async () => {
    await new Promise<void>((resolve) => (taken = resolve));
    return { runs: [{ outboxFolder: join(directory.folder, 'left'), workers: [worker] }], isComplete: true };
  };
  const wasEmpty: boolean[] = [];
  directory.close = (isEmpty) => {
    wasEmpty.push(isEmpty);
    return Promise.resolve();
  };
  const client = new FakeTaskClient();
  const lost = makeTask('t-1', { status: 'IN_PROGRESS', workerId: worker.workerId });
  client.search = () => Promise.resolve({ totalHits: 1, results: [lost] });
  const custodian = new TaskCustodian({
    client,
    logger,
    directory,
    ledger: new Ledger(),
    redact: (text) => text,
  });

  void custodian.takeOver();
  const closed = custodian.close(60_000, false);
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(wasEmpty).toEqual([]);
  taken();
  await closed;
  expect(client.updates).toMatchObject([{ taskId: 't-1', status: 'IN_PROGRESS' }]);
  expect(wasEmpty).toEqual([true]);
});

describe('the tasks of a dead process', () => {
  const workers = [{ taskType: 'a', workerId: 'dead-1' }];
  const dead = (tasks: ProcessDeath['tasks']): ProcessDeath => makeDeath({ tasks, workers });
  const open = (...onServer: Task[]) => {
    const client = new FakeTaskClient();
    client.answers.getTask = (taskId) => {
      const task = onServer.find((one) => one.taskId === taskId);
      return task === undefined ? Promise.reject(new Error('gone')) : Promise.resolve(task);
    };
    const logger = new RecordingLogger();
    const custodian = new TaskCustodian({
      client,
      logger,
      directory: undefined,
      ledger: new Ledger(),
      redact: (text) => text,
    });
    return { client, logger, custodian };
  };
  const reason = '[process died 1 time with this task] it died';
  const inProgress = (taskId: string, fields: Partial<Task> = {}): Task =>
    makeTask(taskId, { status: 'IN_PROGRESS', workerId: 'dead-1', ...fields });

  it('that had not begun are given back as the server has them: with the count of deaths and the output', async () => {
    const { client, custodian } = open(
      inProgress('suspect', { reasonForIncompletion: reason, outputData: { half: true } }),
      inProgress('of another', { workerId: 'alive-1' }),
      inProgress('back already', { status: 'SCHEDULED' }),
    );
    const waiting = ['suspect', 'of another', 'back already', 'unknown'].map((taskId, ref) =>
      makeLedgerTask(taskId, { ref, state: 'waiting', deaths: 1 }),
    );
    expect(custodian.processDied(dead(waiting))).toEqual([]);
    await custodian.close(1_000, false);
    expect(client.updates).toEqual([
      {
        taskId: 'suspect',
        workflowInstanceId: 'workflow-1',
        workerId: 'dead-1',
        status: 'IN_PROGRESS',
        callbackAfterSeconds: 0,
        reasonForIncompletion: reason,
        outputData: { half: true },
      },
    ]);
    expect(custodian.status().swept).toBe(0);
  });

  it('that had not begun are given back again when a poll of the dead process still took them', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const task = inProgress('unbegun');
    const { client, custodian } = open(task);
    client.search = () =>
      Promise.resolve({ totalHits: 1, results: task.status === 'IN_PROGRESS' ? [task] : [] });
    client.answers.update = () => {
      task.status = 'SCHEDULED';
      return Promise.resolve();
    };
    custodian.processDied({
      ...dead([makeLedgerTask('unbegun', { ref: 1, state: 'waiting' })]),
      mayHaveMore: true,
    });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.updates).toHaveLength(1);
    // The server has not noticed the death yet, and answers the poll that was under way.
    task.status = 'IN_PROGRESS';
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.updates).toHaveLength(2);
    expect(task.status).toBe('SCHEDULED');
    await custodian.close(1_000, false);
  });

  it('that were running are failed, and keep the output of an earlier IN_PROGRESS', async () => {
    const { client, logger, custodian } = open(inProgress('half', { outputData: { half: true } }));
    const tasks = [
      makeLedgerTask('fresh', { ref: 1 }),
      makeLedgerTask('half', { ref: 2, hasOutput: true }),
      makeLedgerTask('lost', { ref: 3, hasOutput: true }),
    ];
    expect(custodian.processDied(dead(tasks))).toEqual(['fresh', 'half', 'lost']);
    await custodian.close(1_000, false);
    const outputs = client.updates.map(({ taskId, status, outputData }) => [taskId, status, outputData]);
    expect(outputs).toHaveLength(3);
    expect(outputs).toEqual(
      expect.arrayContaining([
        ['fresh', 'FAILED', {}],
        ['half', 'FAILED', { half: true }],
        ['lost', 'FAILED', {}],
      ]),
    );
    expect(logger.text).toContain('the output of a task cannot be read');
  });
});

describe('what an earlier run has left', () => {
  async function custodianWith(takeOver: RunDirectory['takeOverDeadRuns']) {
    const root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const logger = new RecordingLogger();
    const directory = (await RunDirectory.open([chosenFolder(join(root, 'app'))], logger))!;
    directory.takeOverDeadRuns = takeOver;
    const wasEmpty: boolean[] = [];
    directory.close = (isEmpty) => {
      wasEmpty.push(isEmpty);
      return Promise.resolve();
    };
    const custodian = new TaskCustodian({
      client: new FakeTaskClient(),
      logger,
      directory,
      ledger: new Ledger(),
      redact: (text) => text,
    });
    return { root, custodian, logger, wasEmpty };
  }

  it('does not hold up the end for longer than it may take, and is left to the next start', async () => {
    const { custodian, wasEmpty } = await custodianWith(() => new Promise(() => undefined));
    void custodian.takeOver();
    await custodian.close(50, false);
    expect(wasEmpty).toEqual([false]);
  });

  it('is not removed when its results cannot be read', async () => {
    const run = { outboxFolder: '', workers: [] };
    const { root, custodian, logger, wasEmpty } = await custodianWith(() =>
      Promise.resolve({ runs: [run], isComplete: true }),
    );
    run.outboxFolder = join(root, 'outbox');
    writeFileSync(run.outboxFolder, 'not a folder');
    await custodian.takeOver();
    await custodian.close(5_000, false);
    expect(wasEmpty).toEqual([false]);
    expect(logger.at('error')).toEqual([
      'results in the outbox cannot be read; they are left where they are',
    ]);
  });
});
