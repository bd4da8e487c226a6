import { expect, test } from 'vitest';
import { TaskContext } from '../../../src/worker/execution/task-context.js';
import { RecordingLogger } from '../../support/recording-logger.js';

test('every line of a task log has its time, so that a server that sorts by it keeps their order', () => {
  const context = new TaskContext({
    task: { taskId: 't1', workflowInstanceId: 'w1' } as never,
    workerId: 'worker-1',
    logger: new RecordingLogger(),
    onProgress: () => undefined,
  });
  const before = Date.now();
  context.log('first');

  const lines = context.takeLogs([{ log: 'the error' }, { log: 'an old line', createdTime: 5 }]);

  expect(lines.map((line) => line.log)).toEqual(['first', 'the error', 'an old line']);
  expect(lines[0]!.createdTime).toBeGreaterThanOrEqual(before);
  expect(lines[1]!.createdTime).toBeGreaterThanOrEqual(lines[0]!.createdTime!);
  expect(lines[2]!.createdTime).toBe(5);
});
