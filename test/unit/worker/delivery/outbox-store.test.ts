import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TaskResultBody } from '../../../../src/conductor/wire/task-result.js';
import { OutboxStore, type OutboxEntry } from '../../../../src/worker/delivery/outbox-store.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { SECOND_USER } from '../../../support/second-user.js';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  folder = join(root, 'run', 'outbox');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function entry(
  taskId: string,
  receivedAt = 1,
  outputData: TaskResultBody['outputData'] = { n: 1 },
): OutboxEntry {
  return {
    body: { taskId, workflowInstanceId: 'w', status: 'COMPLETED', outputData },
    responseTimeoutSeconds: 10,
    receivedAt,
  };
}

function open(owner = 'one'): { store: OutboxStore; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  return { store: new OutboxStore(folder, owner, logger), logger };
}

/** Root may read everything: meanwhile this process does without. */
async function withoutRoot<T>(act: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await act();
  for (const path of [root, join(root, 'run'), folder, join(folder, 'one~good.result.json')])
    chownSync(path, SECOND_USER, SECOND_USER);
  process.seteuid?.(SECOND_USER);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

describe('OutboxStore', () => {
  it('gives back what was written, the oldest first, and forgets what was removed', async () => {
    const { store } = open();
    const late = await store.write(entry('late', 20));
    await store.write(entry('early', 10, { text: 'ä€😀', nested: { list: [1, null] } }));
    const read = await store.read();
    expect(read.map(({ body }) => body.taskId)).toEqual(['early', 'late']);
    expect(read[0]).toMatchObject(entry('early', 10, { text: 'ä€😀', nested: { list: [1, null] } }));
    await store.remove(late);
    await store.remove(late);
    expect((await store.read()).map(({ body }) => body.taskId)).toEqual(['early']);
  });

  it('is for its owner only, and leaves nothing half written behind', async () => {
    const { store } = open();
    const { file } = await store.write(entry('a'));
    expect(statSync(file!).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'run')).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('a later result of a task takes the place of the earlier one', async () => {
    const { store } = open();
    await store.write(entry('a', 1, { n: 1 }));
    await store.write(entry('a', 1, { n: 2 }));
    expect((await store.read()).map(({ body }) => body.outputData)).toEqual([{ n: 2 }]);
  });

  it('many at the same time are all there', async () => {
    const { store } = open();
    const ids = Array.from({ length: 200 }, (_, index) => `task-${index}`);
    await Promise.all(ids.map((taskId, index) => store.write(entry(taskId, index))));
    expect((await store.read()).map(({ body }) => body.taskId)).toEqual(ids);
  });

  it('knows the tasks of one owner, whatever their ids look like', async () => {
    await open('one').store.write(entry('../../etc/passwd'));
    await open('one').store.write(entry('plain'));
    await open('other').store.write(entry('of another'));
    const { store } = open('third');
    expect(store.taskIdsOf('one')).toEqual(new Set(['../../etc/passwd', 'plain']));
    expect((await store.read('other')).map(({ body }) => body.taskId)).toEqual(['of another']);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it.each([
    ['torn', 'x~a.result.json', '{"version":1,"body":{"taskId":"a'],
    ['empty', 'x~a.result.json', ''],
    ['of another version', 'x~a.result.json', '{"version":2,"body":{}}'],
    [
      'without ids',
      'x~a.result.json',
      '{"version":1,"body":{"status":"COMPLETED"},"responseTimeoutSeconds":1,"receivedAt":1}',
    ],
    [
      'with an unknown status',
      'x~a.result.json',
      '{"version":1,"body":{"taskId":"a","workflowInstanceId":"w","status":"GREAT"},"responseTimeoutSeconds":1,"receivedAt":1}',
    ],
    ['null', 'x~a.result.json', 'null'],
    ['foreign', 'readme.txt', 'not a result'],
  ])('a file that is %s is set aside and told once; the others are read', async (_what, name, text) => {
    const { store, logger } = open();
    await store.write(entry('good'));
    writeFileSync(join(folder, name), text);
    expect((await store.read()).map(({ body }) => body.taskId)).toEqual(['good']);
    expect(readFileSync(join(folder, `${name}.set-aside`), 'utf8')).toBe(text);
    await store.read();
    expect(logger.at('error')).toEqual(['a file in the outbox is not a result; it is set aside']);
    expect(logger.text).toContain(`${name}.set-aside`);
  });

  it('counts bytes, not characters', async () => {
    const { store } = open();
    const { file, bytes } = await store.write(entry('a', 1, { text: 'ä€😀' }));
    expect(bytes).toBe(statSync(file!).size);
    expect((await store.read())[0]!.bytes).toBe(bytes);
  });

  it.skipIf(process.platform === 'win32')(
    'what cannot be read is reported and left where it is; the rest is read',
    async () => {
      const { store, logger } = open();
      await store.write(entry('good'));
      const { file } = await store.write(entry('bad'));
      expect(store.hasUnread).toBe(false);
      chmodSync(file!, 0);
      expect((await withoutRoot(() => store.read())).map(({ body }) => body.taskId)).toEqual(['good']);
      expect(store.hasUnread).toBe(true);
      expect(logger.at('error')).toEqual([
        'results in the outbox cannot be read; they are left where they are',
      ]);
      expect(logger.text).toContain('EACCES');
      expect(readdirSync(folder)).toHaveLength(2);
    },
  );

  it('a folder that cannot be read is reported', async () => {
    writeFileSync(join(root, 'run'), 'a file in the way');
    const { store, logger } = open();
    expect(await store.read()).toEqual([]);
    expect(store.hasUnread).toBe(true);
    expect(logger.text).toContain('ENOTDIR');
  });

  it('passes over names that cannot be decoded when it looks for the tasks of an owner', async () => {
    const { store } = open();
    await store.write(entry('good'));
    writeFileSync(join(folder, 'one~%zz.result.json'), '{}');
    expect(store.taskIdsOf('one')).toEqual(new Set(['good']));
  });

  it('what was cut off while it was written is passed over', async () => {
    const { store, logger } = open();
    await store.write(entry('good'));
    writeFileSync(join(folder, 'one~bad.result.json.7.tmp'), '{"versi');
    expect(await store.read()).toHaveLength(1);
    expect(logger.entries).toEqual([]);
  });

  it('a folder that is not there holds nothing; one that cannot be made is an error', async () => {
    const { store } = open();
    expect(await store.read()).toEqual([]);
    writeFileSync(join(root, 'run'), 'a file in the way');
    await expect(store.write(entry('a'))).rejects.toThrow(/ENOTDIR|EEXIST/);
  });

  it('a result that would be too large to be read again is an error, and leaves no file', async () => {
    const { store } = open();
    const text = 'ä'.repeat(33 * 1024 * 1024);
    await expect(store.write(entry('large', 1, { text }))).rejects.toThrow('too many');
    expect(await store.read()).toEqual([]);
    expect(store.taskIdsOf('one')).toEqual(new Set());
  });

  it('output that JSON cannot hold is an error, and leaves no file', async () => {
    const { store } = open();
    await expect(store.write(entry('a', 1, { big: 1n }))).rejects.toThrow('BigInt');
    expect(await store.read()).toEqual([]);
  });
});
