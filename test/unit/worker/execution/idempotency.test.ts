import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TaskResult } from '../../../../src/conductor/wire/task-result.js';
import type { Task } from '../../../../src/conductor/wire/types.js';
import { IdempotencyInterceptor, ResultCache } from '../../../../src/worker/execution/idempotency.js';
import { TaskContext } from '../../../../src/worker/execution/task-context.js';
import { taskOutcome } from '../../../../src/worker/execution/task-outcome.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tutti-test-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(
  execute: (task: Task) => unknown,
  keyOf = (task: Task) => task.inputData['key'] as string | undefined,
) {
  const logger = new RecordingLogger();
  const executed: string[] = [];
  const interceptor = new IdempotencyInterceptor(
    'charge:worker',
    keyOf,
    new ResultCache(join(folder, 'results'), logger),
  );
  const run = async (taskId: string, key?: string): Promise<unknown> => {
    const task = makeTask(taskId, { inputData: key === undefined ? {} : { key } });
    const context = new TaskContext({ task, workerId: 'me', logger, onProgress: () => undefined });
    const value = await interceptor.execute(task, context, async () => {
      executed.push(task.taskId);
      return await execute(task);
    });
    return taskOutcome({ kind: 'returned', value }).outputData;
  };
  return { run, executed, logger };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a task with an idempotency key', () => {
  it('is executed once for each key; without a key always', async () => {
    const { run, executed } = open((task) => ({ by: task.taskId }));
    expect(await run('a', 'k')).toEqual({ by: 'a' });
    expect(await run('b', 'k')).toEqual({ by: 'a' });
    expect(await run('c', 'other')).toEqual({ by: 'c' });
    expect(await run('d')).toEqual({ by: 'd' });
    expect(await run('e')).toEqual({ by: 'e' });
    expect(executed).toEqual(['a', 'c', 'd', 'e']);
  });

  it('has its output seen by other interceptors as that of the worker, also when it looks like a result', async () => {
    const lookalike = { status: 'FAILED', reasonForIncompletion: 'as the user says', outputData: {} };
    for (const output of [{ by: 'a' }, lookalike]) {
      const { run, executed } = open(() =>
        Object.assign(TaskResult.from(makeTask('a')), { outputData: output }),
      );
      expect(await run('a', JSON.stringify(output))).toEqual(output);
      expect(await run('b', JSON.stringify(output))).toEqual(output);
      expect(executed).toEqual(['a']);
    }
  });

  it('waits for the one that is being executed', async () => {
    const { run, executed } = open(async (task) => {
      await pause(30);
      return { by: task.taskId };
    });
    const results = await Promise.all(['a', 'b', 'c', 'd'].map((taskId) => run(taskId, 'k')));
    expect(results).toEqual(Array.from({ length: 4 }, () => ({ by: 'a' })));
    expect(executed).toEqual(['a']);
  });

  it('is executed when that one fails; however many wait, one at a time', async () => {
    let underWay = 0;
    let most = 0;
    const { run, executed } = open(async (task) => {
      most = Math.max(most, ++underWay);
      await pause(20);
      underWay--;
      if (task.taskId !== 'c') throw new Error(`no luck with ${task.taskId}`);
      return { by: 'c' };
    });
    const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((taskId) => run(taskId, 'k')));
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect(executed).toEqual(['a', 'b', 'c']);
    expect(most).toBe(1);
  });

  it('finds the result of an earlier run of the program, and does without one that cannot be read', async () => {
    await open(() => ({ kept: true })).run('a', 'k');
    const later = open(() => ({ kept: false }));
    expect(await later.run('b', 'k')).toEqual({ kept: true });
    const [file] = readdirSync(join(folder, 'results'));
    writeFileSync(join(folder, 'results', file!), '{"savedAt":');
    expect(await later.run('c', 'k')).toEqual({ kept: false });
  });

  it('leaves nothing of its key in the name of the file, which only the owner can read', async () => {
    await open(() => ({ ok: true })).run('a', 'card 4111 1111');
    const [name] = readdirSync(join(folder, 'results'));
    expect(name).toMatch(/^[0-9a-f]{64}\.json$/);
    expect(readFileSync(join(folder, 'results', name!), 'utf8')).not.toContain('4111');
    expect(statSync(join(folder, 'results', name!)).mode & 0o777).toBe(0o600);
  });

  it('is executed all the same when its result cannot be kept, and that is told', async () => {
    writeFileSync(join(folder, 'results'), 'a file in the way');
    const { run, logger } = open(() => ({ ok: true }));
    expect(await run('a', 'k')).toEqual({ ok: true });
    expect(logger.at('warn')).toEqual(['a result cannot be kept for its idempotency key']);
  });

  it('fails when its key cannot be told, and is not executed', async () => {
    const { run, executed } = open(
      () => ({}),
      () => {
        throw new Error('no key');
      },
    );
    await expect(run('a')).rejects.toThrow('no key');
    expect(executed).toEqual([]);
  });
});
