import { expect, it } from 'vitest';
import { createTaskClient } from '../../../../src/conductor/clients/conductor-clients.js';
import {
  Transport,
  type TransportRequest,
  type TransportResponse,
} from '../../../../src/conductor/transport/transport.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

class EmptyServer extends Transport {
  readonly asked: TransportRequest[] = [];
  isClosed = false;
  override request(request: TransportRequest): Promise<TransportResponse> {
    this.asked.push(request);
    return Promise.resolve({ status: 200, headers: {}, body: '' });
  }
  override close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

function open(requestTimeoutMs?: number) {
  const server = new EmptyServer();
  const connection = { serverUrl: 'http://localhost/api', requestTimeoutMs };
  return {
    server,
    client: createTaskClient(connection, { logger: new RecordingLogger(), transport: () => server }),
  };
}

it.each([
  [undefined, 5000, 15_000],
  [2000, 5000, 7000],
  [60_000, 0, 10_000],
])(
  'with a request limit of %s, a poll that waits %i ms may take %i ms',
  async (limit, timeoutMs, expected) => {
    const { server, client } = open(limit);
    await client.poll({ taskType: 'a', workerId: 'w', count: 1, timeoutMs });
    expect(server.asked[0]).toMatchObject({ method: 'GET', lane: 'poll', timeoutMs: expected });
  },
);

it('an update may be repeated, one that asks for a task and a line of log may not, and neither goes by the lane of polls', async () => {
  const { server, client } = open(2000);
  const result = { taskId: 't', workflowInstanceId: 'w', status: 'COMPLETED' } as const;
  await client.update(result);
  await client.updateAndPoll(result);
  await client.addLog('t', 'line');
  expect(server.asked.map((request) => request.idempotent)).toEqual([true, false, undefined]);
  expect(server.asked.every((request) => request.lane === undefined && request.timeoutMs === 2000)).toBe(
    true,
  );
});

it('uses the same headers object for all requests alike', async () => {
  const { server, client } = open();
  for (let i = 0; i < 2; i++)
    await client.update({ taskId: 't', workflowInstanceId: 'w', status: 'COMPLETED' });
  expect(server.asked[0]?.headers).toBe(server.asked[1]?.headers);
});

it('closes its transport', async () => {
  const { server, client } = open();
  await client.close();
  expect(server.isClosed).toBe(true);
});
