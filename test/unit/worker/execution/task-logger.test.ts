import { afterEach, describe, expect, it, vi } from 'vitest';
import { Logger } from '../../../../src/core/logger.js';
import { TaskContext, withTaskContext } from '../../../../src/worker/execution/task-context.js';
import { TaskLogger } from '../../../../src/worker/execution/task-logger.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

afterEach(() => void vi.resetModules());

function contextOf(taskId: string): TaskContext {
  const logger = new RecordingLogger();
  const task = makeTask(taskId, { retryCount: 1 });
  return new TaskContext({ task, workerId: 'w', worker: 'Greet', logger, onProgress: () => undefined });
}

const ids = (taskId: string): object => ({
  worker: 'Greet',
  taskType: 'greet',
  taskId,
  workflowId: 'workflow-1',
  attempt: 2,
});

describe('TaskLogger', () => {
  it('adds the ids of the task in which a service logs, at every level', async () => {
    const recorded = new RecordingLogger();
    const logger = new TaskLogger(recorded);
    const service = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      logger.log('info', 'log');
      for (const level of ['error', 'warn', 'info', 'debug'] as const) logger[level](level);
    };
    await Promise.all(['a', 'b'].map((taskId) => withTaskContext(contextOf(taskId), service)));
    expect(recorded.entries).toHaveLength(10);
    for (const taskId of ['a', 'b'])
      expect(recorded.entries.filter(({ fields }) => fields['taskId'] === taskId)).toHaveLength(5);
    expect(recorded.entries[0]!.fields).toEqual(ids('a'));
  });

  it('adds nothing outside of a task', () => {
    const recorded = new RecordingLogger();
    new TaskLogger(recorded).info('at start', { port: 1 });
    expect(recorded.entries).toEqual([{ level: 'info', message: 'at start', fields: { port: 1 } }]);
  });

  it('lets children do the same, made before the task or in it; what is said last wins', () => {
    const recorded = new RecordingLogger();
    const child = new TaskLogger(recorded).child({ service: 'mail', worker: 'mine' });
    withTaskContext(contextOf('a'), () => child.child({ n: 1 }).warn('sent', { attempt: 9 }));
    expect(recorded.entries[0]!.fields).toEqual({ service: 'mail', n: 1, ...ids('a'), attempt: 9 });
  });

  it('leaves the methods of a logger of the program in charge', () => {
    const seen: unknown[] = [];
    class Own extends Logger {
      override log(): void {
        seen.push('log');
      }
      override warn(message: string, fields?: object): void {
        seen.push(message, fields);
      }
    }
    withTaskContext(contextOf('a'), () => new TaskLogger(new Own()).warn('careful'));
    expect(seen).toEqual(['careful', ids('a')]);
  });
});

describe('two copies of the package in one process', () => {
  it('share the context of the running task', async () => {
    const { taskContext } = await import('../../../../src/worker/execution/task-context.js');
    vi.resetModules();
    const other = await import('../../../../src/worker/execution/task-context.js');
    expect(other.taskContext).not.toBe(taskContext);
    const context = contextOf('a');
    expect(withTaskContext(context, () => other.taskContext())).toBe(context);
  });
});
