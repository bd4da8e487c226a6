import { expect, it } from 'vitest';
import { sendResult } from '../../../../src/worker/delivery/result-sender.js';
import { FakeTaskClient } from '../../../support/fake-task-client.js';

it('searches an output that cannot be written as JSON once', async () => {
  let reads = 0;
  const outputData = {
    get id() {
      reads++;
      return 5n;
    },
  };
  const client = new FakeTaskClient();
  client.answers.update = ({ status }) =>
    status === 'COMPLETED' ? Promise.reject(new TypeError('no JSON')) : Promise.resolve();
  const lost: unknown[] = [];
  const outcome = await sendResult(
    client,
    { taskId: 't', workflowInstanceId: 'w', status: 'COMPLETED', outputData },
    false,
    ({ taskId }, _error, path) => lost.push([taskId, path]),
  );
  expect(outcome).toMatchObject({ kind: 'accepted', body: { status: 'FAILED_WITH_TERMINAL_ERROR' } });
  expect(client.results).toMatchObject([
    { reasonForIncompletion: 'the output cannot be written as JSON: outputData.id: a BigInt' },
  ]);
  expect(lost).toEqual([['t', 'outputData.id: a BigInt']]);
  // Once by whoever writes it, once by the search.
  expect(reads).toBe(2);
});
