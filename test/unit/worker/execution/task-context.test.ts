import { describe, expect, it, test, vi } from 'vitest';
import {
  joinEntries,
  TaskContext,
  taskContext,
  withTaskContext,
} from '../../../../src/worker/execution/task-context.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

function makeContext(
  options: { logger?: RecordingLogger; onProgress?: (p: string | number) => void } = {},
): TaskContext {
  return new TaskContext({
    task: makeTask('t-1', { retryCount: 2, pollCount: 4 }),
    workerId: 'worker-1',
    logger: options.logger ?? new RecordingLogger(),
    onProgress: options.onProgress ?? (() => undefined),
  });
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`);

describe('TaskContext', () => {
  it('counts attempts and polls from 1', () => {
    expect(makeContext()).toMatchObject({ attempt: 3, pollCount: 4, workerId: 'worker-1' });
  });

  it('logs with the ids of the task', () => {
    const logger = new RecordingLogger();
    makeContext({ logger }).logger.info('hello');
    expect(logger.entries[0]).toEqual({
      level: 'info',
      message: 'hello',
      fields: { taskType: 'greet', taskId: 't-1', workflowId: 'workflow-1', attempt: 3 },
    });
  });

  it('passes progress on', () => {
    const onProgress = vi.fn<(progress: string | number) => void>();
    makeContext({ onProgress }).progress(0.5);
    expect(onProgress).toHaveBeenCalledExactlyOnceWith(0.5);
  });

  describe('signal', () => {
    it('aborts with the reason', () => {
      const context = makeContext();
      const { signal } = context;
      const reason = new Error('time is up');
      context.abort(reason);
      expect(signal).toMatchObject({ aborted: true, reason });
    });

    it('has aborted already when it is asked for late, and keeps the first reason', () => {
      const context = makeContext();
      context.abort('first');
      context.abort('second');
      expect(context.signal).toMatchObject({ aborted: true, reason: 'first' });
    });

    it('is one and the same', () => {
      const context = makeContext();
      expect(context.signal).toBe(context.signal);
    });
  });

  describe('logs', () => {
    test.each([0, 1, 9, 10, 11, 19, 25, 100, 9_999])(
      '%i lines: at most 10 entries, no line lost, order kept',
      (count) => {
        const context = makeContext();
        for (const line of numbered(count)) context.log(line);
        const entries = context.takeLogs();
        expect(entries.length).toBeLessThanOrEqual(10);
        const text = entries.map((entry) => entry.log).join('\n');
        expect(text).toBe(numbered(count).join('\n'));
      },
    );

    it('puts the lines of the result behind its own, and gives every entry its time', () => {
      const context = makeContext();
      context.log('mine');
      const entries = context.takeLogs([{ log: 'of the result', createdTime: 5 }, { log: 'without time' }]);
      expect(entries.map((entry) => entry.log)).toEqual(['mine', 'of the result', 'without time']);
      for (const entry of entries) expect(entry.createdTime).toBeTypeOf('number');
    });

    it('gives them once', () => {
      const context = makeContext();
      context.log('once');
      expect(context.takeLogs()).toHaveLength(1);
      expect(context.takeLogs()).toEqual([]);
    });

    it('keeps a limit, and says how much was dropped', () => {
      const context = makeContext();
      for (let line = 0; line < 10_050; line++) context.log('x');
      const entries = context.takeLogs();
      expect(entries.at(-1)!.log).toMatch(/50 more lines were dropped$/);
    });

    it('takes whatever JavaScript code logs', () => {
      const context = makeContext();
      context.log(undefined as unknown as string);
      context.log(5 as unknown as string);
      expect(context.takeLogs().map((entry) => entry.log)).toEqual(['undefined', '5']);
    });
  });
});

test.each([
  [0, 10, 0],
  [10, 10, 10],
  [11, 10, 6],
  [3, 1, 1],
])('joinEntries: %i lines with limit %i are %i entries', (lines, limit, entries) => {
  const joined = joinEntries(
    numbered(lines).map((log, index) => ({ log, createdTime: index })),
    limit,
  );
  expect(joined).toHaveLength(entries);
  if (lines > 0) expect(joined[0]!.createdTime).toBe(0);
});

describe('taskContext()', () => {
  it('finds the context in everything that a task starts', async () => {
    const [one, two] = [makeContext(), makeContext()];
    const seen = await Promise.all(
      [one, two].map((context) =>
        withTaskContext(context, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          return taskContext();
        }),
      ),
    );
    expect(seen[0]).toBe(one);
    expect(seen[1]).toBe(two);
  });

  it('throws outside of a task', () => {
    withTaskContext(makeContext(), () => undefined);
    expect(() => taskContext()).toThrow(
      expect.objectContaining({
        code: 'ILLEGAL_STATE',
        message: expect.stringMatching(
          /^taskContext\(\) was called while no task was being executed\. Call it inside/,
        ),
      }),
    );
  });
});
