import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AxiosTransport } from '../../../src/conductor/transport/axios-transport.js';
import {
  createConductorClients,
  type ConductorClients,
} from '../../../src/conductor/clients/conductor-clients.js';
import type { HttpOptions } from '../../../src/conductor/transport/http-options.js';
import { problemOf } from '../../../src/conductor/wire/task-shape.js';
import {
  Transport,
  type TransportRequest,
  type TransportResponse,
} from '../../../src/conductor/transport/transport.js';
import type { Task } from '../../../src/conductor/wire/types.js';
import { UndiciTransport } from '../../../src/conductor/transport/undici-transport.js';
import { HttpError, TuttiError } from '../../../src/core/errors.js';
import { executionLimit } from '../../../src/worker/execution/execution-limit.js';
import { deliveryVerdict, retryDelay } from '../../../src/worker/delivery/result-sender.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const SECRETS = { keyId: 'key-of-the-fuzz', keySecret: 'secret-of-the-fuzz' };
const HEADER = 'header-of-the-fuzz';

/** A value that a field of a task may wrongly have; deep ones and ones that cannot be made a text among them. */
const anyValue = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  fc.constantFrom<unknown>(
    JSON.parse('['.repeat(300) + ']'.repeat(300)),
    { toString: 1, valueOf: 1 },
    JSON.parse('{"toJSON":"x","then":1}'),
    JSON.parse('{"__proto__":{"polluted":true}}'),
    1e308,
    -1,
    1e-9,
    'abc',
    '12',
    '\uD800',
    SECRETS.keySecret,
    HEADER,
  ),
);

const taskLike = fc.record(
  {
    taskId: fc.oneof({ weight: 8, arbitrary: fc.uuid() }, anyValue),
    workflowInstanceId: fc.oneof({ weight: 8, arbitrary: fc.uuid() }, anyValue),
    taskType: anyValue,
    taskDefName: anyValue,
    referenceTaskName: anyValue,
    status: anyValue,
    inputData: anyValue,
    outputData: anyValue,
    retryCount: anyValue,
    pollCount: anyValue,
    responseTimeoutSeconds: anyValue,
    callbackAfterSeconds: anyValue,
    startTime: anyValue,
    updateTime: anyValue,
    reasonForIncompletion: anyValue,
    workerId: anyValue,
    taskDefinition: fc.oneof(anyValue, fc.record({ timeoutSeconds: anyValue, timeoutPolicy: anyValue })),
  },
  { requiredKeys: [] },
);

const errorLike = fc.record(
  { message: anyValue, error: anyValue, validationErrors: fc.oneof(anyValue, fc.array(anyValue)) },
  { requiredKeys: [] },
);

const body: fc.Arbitrary<string> = fc.oneof(
  fc.array(taskLike, { maxLength: 3 }).map((tasks) => JSON.stringify(tasks)),
  taskLike.map((task) => JSON.stringify(task)),
  fc
    .record({ results: fc.oneof(fc.array(taskLike, { maxLength: 3 }), anyValue), totalHits: anyValue })
    .map(toText),
  fc.record({ token: anyValue, bulkErrorResults: anyValue, name: anyValue }).map(toText),
  errorLike.map(toText),
  anyValue.map(toText),
  fc.tuple(taskLike.map(toText), fc.nat(60)).map(([text, cut]) => text.slice(0, -1 - cut)),
  fc.constantFrom('', ' ', '\uFEFF[]', 'null', '<!doctype html><title>x', '<title'.repeat(5_000), 'NaN'),
  fc.string({ maxLength: 40 }),
);

const answer: fc.Arbitrary<TransportResponse> = fc.record({
  status: fc.oneof(
    { weight: 3, arbitrary: fc.constant(200) },
    fc.constantFrom(201, 204, 301, 400, 401, 403, 404, 405, 407, 409, 413, 429, 500, 502, 503),
  ),
  headers: fc.record(
    {
      'content-type': fc.constantFrom('application/json', 'text/html', 'text/plain', 'x'),
      'retry-after': fc.oneof(fc.constantFrom('1', '-1', '1e9', 'Tue, 01 Jan 2030 00:00:00 GMT'), ascii()),
      date: fc.oneof(fc.constant('Tue, 01 Jan 2030 00:00:00 GMT'), ascii()),
      location: fc.oneof(fc.constant('//u:p@h/x?y'), ascii()),
    },
    { requiredKeys: [] },
  ),
  body,
});

function toText(value: unknown): string {
  return JSON.stringify(value);
}

function ascii(): fc.Arbitrary<string> {
  return fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((text) => text.trim());
}

const result = { taskId: 't', workflowInstanceId: 'w', status: 'COMPLETED' } as const;
const CALLS: Readonly<Record<string, (clients: ConductorClients) => Promise<unknown>>> = {
  poll: ({ tasks }) => tasks.poll({ taskType: 'a', workerId: 'w', count: 3, timeoutMs: 1 }),
  update: ({ tasks }) => tasks.update(result),
  updateAndPoll: ({ tasks }) => tasks.updateAndPoll(result),
  extendLease: ({ tasks }) => tasks.extendLease(result),
  getTask: ({ tasks }) => tasks.getTask('t'),
  search: ({ tasks }) => tasks.search('q'),
  getLogs: ({ tasks }) => tasks.getLogs('t'),
  queueSizes: ({ tasks }) => tasks.queueSizes(['a']),
  workflow: ({ workflows }) => workflows.get('w'),
  workflowStatus: ({ workflows }) => workflows.getStatus('w'),
  startWorkflow: ({ workflows }) => workflows.start({ name: 'w' }),
  searchWorkflows: ({ workflows }) => workflows.search('q'),
  taskDefs: ({ metadata }) => metadata.getTaskDefs(),
  updateWorkflowDefs: ({ metadata }) => metadata.updateWorkflowDefs([{ name: 'w', tasks: [] }]),
};

/** Whatever comes, a call gives what its type says, or fails with one of our errors that shows no secret. */
async function expectSafe(
  name: string,
  clients: ConductorClients,
  logger: RecordingLogger,
  secrets: readonly string[],
): Promise<void> {
  let value: unknown;
  try {
    value = await CALLS[name]!(clients);
  } catch (error) {
    if (!(error instanceof TuttiError)) throw error;
    expect(error).toBeInstanceOf(HttpError);
    expect(error.message.length).toBeLessThan(5_000);
    const printed = JSON.stringify(error) + logger.text;
    expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
    expect(['retry', 'retry-auth', 'refused', 'unknown-task']).toContain(deliveryVerdict(error));
    expect(retryDelay(error, 1)).toBeLessThanOrEqual(600_000);
    return;
  }
  expectTasks(tasksIn(name, value));
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}

function tasksIn(name: string, value: unknown): Task[] {
  if (name === 'poll') return (value as { tasks: Task[] }).tasks;
  if (name === 'search') {
    const { results, totalHits } = value as { results: Task[]; totalHits: number };
    expect(typeof totalHits).toBe('number');
    return results;
  }
  const isTask = name === 'getTask' || (name === 'updateAndPoll' && value !== undefined);
  return isTask ? [value as Task] : [];
}

function expectTasks(tasks: readonly Task[]): void {
  for (const task of tasks) {
    for (const name of [
      'taskId',
      'workflowInstanceId',
      'taskType',
      'taskDefName',
      'referenceTaskName',
    ] as const)
      expect(typeof task[name], name).toBe('string');
    expect(() => encodeURIComponent(task.taskId)).not.toThrow();
    for (const name of ['retryCount', 'pollCount', 'responseTimeoutSeconds', 'callbackAfterSeconds'] as const)
      expect(Number.isFinite(task[name]), name).toBe(true);
    const { responseTimeoutSeconds: lease } = task;
    expect(lease === 0 || (lease >= 1 && lease <= 0x7fffffff)).toBe(true);
    expect(task.inputData).toBeTypeOf('object');
    expect(Array.isArray(task.inputData)).toBe(false);
    const limit = executionLimit(task, undefined);
    expect(limit === undefined || (Number.isFinite(limit) && limit >= 1)).toBe(true);
    expect(['string', 'undefined']).toContain(typeof problemOf(task));
  }
}

class Answers extends Transport {
  readonly #answers: TransportResponse[];
  constructor(answers: readonly TransportResponse[]) {
    super();
    this.#answers = [...answers];
  }
  override request(_: TransportRequest): Promise<TransportResponse> {
    const [first] = this.#answers;
    return Promise.resolve(this.#answers.length > 1 ? this.#answers.shift()! : first!);
  }
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

function open(
  serverUrl: string,
  hasKey: boolean,
  logger: RecordingLogger,
  transport: (options: HttpOptions) => Transport,
): Promise<ConductorClients> {
  const connection = { serverUrl, headers: { 'x-secret': HEADER }, ...(hasKey ? SECRETS : {}) };
  return createConductorClients(connection, { logger, transport });
}

it('whatever a server answers, a client gives a value of the right shape or an HttpError', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(CALLS)),
      fc.array(answer, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async (name, answers, hasKey) => {
        const logger = new RecordingLogger();
        const clients = await open('http://localhost/api', hasKey, logger, () => new Answers(answers));
        await expectSafe(name, clients, logger, hasKey ? [HEADER, ...Object.values(SECRETS)] : [HEADER]);
      },
    ),
    { seed: 20_261_124, numRuns: 2_000 },
  );
});

describe.each([UndiciTransport, AxiosTransport])('over real HTTP with %o', (Kind) => {
  let server: Server;
  let next: { status: number; headers: Record<string, string>; bytes: Buffer };
  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(next.status, next.headers).end(next.status === 204 ? undefined : next.bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const encoded = fc.tuple(
    fc.constantFrom(
      'gzip',
      'x-gzip',
      'deflate',
      'br',
      'zstd',
      'identity',
      '',
      'GZIP',
      'gzip, br',
      'constructor',
    ),
    fc.constantFrom<(text: string) => Buffer>(
      (text) => Buffer.from(text),
      (text) => gzipSync(text),
      (text) => deflateSync(text),
      (text) => brotliCompressSync(text),
      (text) => gzipSync(text).subarray(0, -5),
      () => Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    ),
  );

  it('the same holds for every encoding, right or wrong', async () => {
    const { port } = server.address() as AddressInfo;
    const logger = new RecordingLogger();
    const clients = await open(`http://127.0.0.1:${port}/api`, false, logger, (options) => new Kind(options));
    const calls = fc.constantFrom('poll', 'update', 'updateAndPoll', 'search', 'getTask');
    await fc.assert(
      fc.asyncProperty(calls, answer, encoded, async (name, { status, body: text }, [encoding, encode]) => {
        next = { status, headers: { 'content-encoding': encoding }, bytes: encode(text) };
        await expectSafe(name, clients, logger, [HEADER]);
      }),
      { seed: 7, numRuns: 150 },
    );
    await clients.close();
  });
});
