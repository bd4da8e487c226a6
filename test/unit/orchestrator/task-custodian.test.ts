import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { RunDirectory } from '../../../src/orchestrator/run-directory.js';
import { TaskCustodian } from '../../../src/orchestrator/task-custodian.js';
import { FakeTaskClient } from '../../support/fake-task-client.js';
import { makeTask } from '../../support/make-task.js';
import { RecordingLogger } from '../../support/recording-logger.js';

it('closes after it has taken over a dead run, whose tasks are given back before', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const logger = new RecordingLogger();
  const directory = (await RunDirectory.open([root], logger))!;
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
    inFlight: () => new Set(),
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
