import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpError } from '../../../../src/core/errors.js';
import type { TaskResultBody } from '../../../../src/conductor/wire/task-result.js';
import { Outbox, type OutboxLimits } from '../../../../src/worker/delivery/outbox.js';
import { OutboxStore, type OutboxEntry } from '../../../../src/worker/delivery/outbox-store.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { until } from '../../../support/until.js';

const UNAVAILABLE = new HttpError('HTTP_STATUS', 'the server answered 503', {
  method: 'POST',
  path: '/tasks',
  status: 503,
});
const BAD = new HttpError('HTTP_STATUS', 'the server answered 400', {
  method: 'POST',
  path: '/tasks',
  status: 400,
});

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tutti-test-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function entry(taskId: string, body: Partial<TaskResultBody> = {}): OutboxEntry {
  return {
    body: {
      taskId,
      workflowInstanceId: 'w',
      workerId: 'me',
      status: 'COMPLETED',
      outputData: { of: taskId },
      ...body,
    },
    responseTimeoutSeconds: 0,
    receivedAt: Date.now(),
  };
}

function open(options: { limits?: OutboxLimits; in?: string } = {}) {
  const client = new FakeTaskClient();
  const logger = new RecordingLogger();
  const settled: string[] = [];
  const outbox = new Outbox({
    store: new OutboxStore(options.in ?? folder, 'me', logger),
    client,
    logger,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onSettled: ({ body }, end) => settled.push(`${body.taskId} ${end}`),
  });
  return { client, logger, settled, outbox };
}

const files = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.result.json'));

describe('Outbox', () => {
  it('keeps a result on disk until the server takes it', async () => {
    const { client, settled, outbox } = open();
    client.answers.update = () => Promise.reject(UNAVAILABLE);
    expect(await outbox.put(entry('a'), UNAVAILABLE)).toBe('disk');
    await until(() => client.updates.length >= 2, 'two tries');
    expect(files()).toHaveLength(1);
    expect(settled).toEqual([]);
    delete client.answers.update;
    await until(() => settled.length === 1, 'the result to be taken');
    expect(settled).toEqual(['a COMPLETED']);
    expect(client.results).toMatchObject([{ taskId: 'a', outputData: { of: 'a' } }]);
    expect(files()).toEqual([]);
    expect(outbox.size).toBe(0);
  });

  it('one result that is refused again and again delays no other', async () => {
    const { client, settled, outbox } = open();
    client.answers.update = ({ taskId }) =>
      taskId === 'bad' ? Promise.reject(UNAVAILABLE) : Promise.resolve();
    await outbox.put(entry('bad'), UNAVAILABLE);
    await until(() => client.updates.length >= 3, 'a few tries');
    for (let number = 0; number < 50; number++) await outbox.put(entry(`good-${number}`), UNAVAILABLE);
    await until(() => settled.length === 50, 'the others to be taken');
    expect(outbox.size).toBe(1);
    await outbox.close(100);
  });

  it('one that hangs on its way delays no other', async () => {
    const { client, settled, outbox } = open();
    client.answers.update = ({ taskId }) =>
      taskId === 'hangs' ? new Promise(() => undefined) : Promise.resolve();
    await outbox.put(entry('hangs'), UNAVAILABLE);
    for (let number = 0; number < 20; number++) await outbox.put(entry(`good-${number}`), UNAVAILABLE);
    await until(() => settled.length === 20, 'the others to be taken');
    expect(outbox.size).toBe(1);
    await outbox.close(10);
  });

  it('asks a server that is away with one result at a time, and sends all when it is back', async () => {
    const { client, settled, outbox } = open();
    let underWay = 0;
    let most = 0;
    let isAway = true;
    client.answers.update = async () => {
      if (!isAway) return;
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      throw UNAVAILABLE;
    };
    // All at once: put one after the other on a slow disk, the first few would tell of the outage before the rest came.
    const earlier = new OutboxStore(folder, 'earlier', new RecordingLogger());
    await Promise.all(Array.from({ length: 40 }, (_, number) => earlier.write(entry(`t-${number}`))));
    outbox.adopt(await earlier.read());
    await until(() => client.updates.length >= 8 && underWay === 0, 'the first tries to end');
    expect(most).toBe(8);
    most = 0;
    const before = client.updates.length;
    await until(() => client.updates.length >= before + 2 && underWay === 0, 'two more tries');
    expect(most).toBe(1);
    isAway = false;
    await until(() => settled.length === 40, 'all to be taken');
    expect(files()).toEqual([]);
  });

  it('is bounded: what does not fit stays with its caller, nothing is dropped', async () => {
    const { client, logger, outbox } = open({ limits: { maxEntries: 2, maxBytes: 1_000_000 } });
    client.answers.update = () => Promise.reject(UNAVAILABLE);
    expect(await outbox.put(entry('a'), UNAVAILABLE)).toBe('disk');
    expect(await outbox.put(entry('b'), UNAVAILABLE)).toBe('disk');
    expect(await outbox.put(entry('c'), UNAVAILABLE)).toBeUndefined();
    expect(await outbox.put(entry('d'), UNAVAILABLE)).toBeUndefined();
    expect(logger.at('error')).toEqual([
      'the outbox is full: results keep their slots until the server takes them',
    ]);
    expect(files()).toHaveLength(2);
    await outbox.close(100);
  });

  it('is bounded by size as well', async () => {
    const { client, outbox } = open({ limits: { maxEntries: 100, maxBytes: 2_000 } });
    client.answers.update = () => Promise.reject(UNAVAILABLE);
    expect(await outbox.put(entry('a', { outputData: { text: 'x'.repeat(3_000) } }), UNAVAILABLE)).toBe(
      'disk',
    );
    expect(await outbox.put(entry('b'), UNAVAILABLE)).toBeUndefined();
    await outbox.close(100);
  });

  it('keeps in memory what no disk takes, says so once, and sends it', async () => {
    const { client, logger, settled, outbox } = open({ in: '/dev/null/outbox' });
    expect(await outbox.put(entry('a'), UNAVAILABLE)).toBe('memory');
    expect(await outbox.put(entry('b'), UNAVAILABLE)).toBe('memory');
    await until(() => settled.length === 2, 'both to be taken');
    expect(client.results.map(({ taskId }) => taskId).sort()).toEqual(['a', 'b']);
    expect(logger.at('error')).toHaveLength(1);
  });

  it('a result that can never be taken is told with its payload and leaves', async () => {
    const { client, logger, settled, outbox } = open();
    client.answers.update = () => Promise.reject(BAD);
    await outbox.put(entry('a', { outputData: { only: 'copy' } }), UNAVAILABLE);
    await until(() => settled.length === 1, 'the result to be given up');
    expect(settled).toEqual(['a REFUSED']);
    expect(logger.text).toContain('only');
    expect(files()).toEqual([]);
  });

  it('takes over what is on disk', async () => {
    const earlier = new OutboxStore(folder, 'earlier', new RecordingLogger());
    await earlier.write(entry('a'));
    await earlier.write(entry('b'));
    const { client, settled, outbox } = open();
    outbox.adopt(await earlier.read());
    await until(() => settled.length === 2, 'both to be taken');
    expect(client.results).toHaveLength(2);
    expect(files()).toEqual([]);
  });

  it('after closing nothing is sent, and everything stays on disk', async () => {
    const { client, outbox } = open();
    client.answers.update = () => Promise.reject(UNAVAILABLE);
    for (let number = 0; number < 5; number++) await outbox.put(entry(`t-${number}`), UNAVAILABLE);
    await outbox.close(1_000);
    const sent = client.updates.length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(client.updates).toHaveLength(sent);
    expect(files()).toHaveLength(5);
    expect(outbox.size).toBe(5);
  });

  describe('a task that is to be given back', () => {
    const handBack = { status: 'IN_PROGRESS', callbackAfterSeconds: 0 } as const;

    it.each([
      ['is in the queue already', { status: 'SCHEDULED' }, 'a IN_PROGRESS'],
      ['is with somebody else', { status: 'IN_PROGRESS', workerId: 'other' }, 'a IN_PROGRESS'],
      ['has timed out', { status: 'TIMED_OUT' }, 'a LATE'],
    ] as const)('and %s is not given back once more', async (_what, state, end) => {
      const { client, settled, outbox } = open();
      client.answers.getTask = (taskId) => Promise.resolve(makeTask(taskId, state));
      await outbox.put(entry('a', handBack), UNAVAILABLE);
      await until(() => settled.length === 1, 'it to leave');
      expect(settled).toEqual([end]);
      expect(client.updates).toEqual([]);
      expect(files()).toEqual([]);
    });

    it('and is still with us is given back; while that cannot be seen, it is tried again', async () => {
      const { client, settled, outbox } = open();
      let looks = 0;
      client.answers.getTask = (taskId) =>
        ++looks < 3 ? Promise.reject(UNAVAILABLE) : Promise.resolve(makeTask(taskId, { workerId: 'me' }));
      await outbox.put(entry('a', handBack), UNAVAILABLE);
      await until(() => settled.length === 1, 'it to be given back');
      expect(settled).toEqual(['a IN_PROGRESS']);
      expect(client.results).toMatchObject([{ taskId: 'a', status: 'IN_PROGRESS', callbackAfterSeconds: 0 }]);
    });
  });
});
