import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConductorClients } from '../../src/conductor/clients/conductor-clients.js';
import { ConfigurationError } from '../../src/core/errors.js';
import type { Task } from '../../src/conductor/wire/types.js';
import { embeddedServer, type FaultOptions, type RunningServer } from '../../src/server/index.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

let server: RunningServer;
let client: ConformanceClient;

beforeEach(async () => {
  server = await embeddedServer().start(new RecordingLogger());
  client = new ConformanceClient(server.url);
});
afterEach(() => server.close());

/** A workflow of one task. @returns the type of the task */
async function queueTask(): Promise<string> {
  const type = await client.defineTask({ retryCount: 0 });
  await client.run([type]);
  return type;
}

describe('which requests', () => {
  it('by task type: polls, updates and heartbeats of one type, by either endpoint', async () => {
    const [one, other] = [await queueTask(), await queueTask()];
    const fault = server.faults.add({ on: { taskType: one }, answer: { status: 503 } });
    expect((await client.poll(one)).status).toBe(503);
    const task = (await client.poll(other)).body[0]!;
    expect((await client.report(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(200);
    expect((await client.reportV2(task, 'COMPLETED')).status).toBe(204);
    expect(fault.count).toBe(1);
    fault.remove();
    const own = (await client.poll(one)).body[0]!;
    const again = server.faults.add({ on: { taskType: one }, answer: { status: 500 } });
    expect((await client.report(own, 'COMPLETED')).status).toBe(500);
    expect((await client.reportV2(own, 'COMPLETED')).status).toBe(500);
    expect((await client.request('GET', `/tasks/${own.taskId}`)).status).toBe(500);
    expect(again.count).toBe(3);
  });

  it('by what they are for: a heartbeat is no update', async () => {
    const type = await queueTask();
    const task = await client.take(type);
    server.faults.add({ on: { endpoint: 'heartbeat' }, answer: { status: 503 } });
    expect((await client.report(task, 'IN_PROGRESS', { extendLease: true })).status).toBe(503);
    expect((await client.report(task, 'COMPLETED')).status).toBe(200);
  });

  it('by method and path', async () => {
    server.faults.add({ on: { method: 'GET', path: '/metadata/taskdefs' }, answer: { status: 503 } });
    server.faults.add({ on: { path: /^\/workflow\//g }, answer: { status: 429 } });
    expect((await client.request('GET', '/metadata/taskdefs')).status).toBe(503);
    expect((await client.request('POST', '/metadata/taskdefs', [{ name: 'work' }])).status).toBe(200);
    expect((await client.request('GET', '/workflow/some')).status).toBe(429);
    expect((await client.request('GET', '/workflow/some')).status).toBe(429);
  });

  it('of several, the first that was added happens, as often as it may', async () => {
    const type = await queueTask();
    const first = server.faults.add({ on: { endpoint: 'poll' }, times: 2, answer: { status: 503 } });
    const second = server.faults.add({ on: { taskType: type }, times: 1, answer: { status: 500 } });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await client.poll(type)).status);
    expect(statuses).toEqual([503, 503, 500, 200]);
    expect([first.count, second.count]).toEqual([2, 1]);
  });

  it('with a probability: the same ones for the same seed, about as many as it says', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const fault = server.faults.add({ probability: 0.3, seed, answer: { status: 503 } });
      const statuses = [];
      for (let i = 0; i < 60; i++) statuses.push((await client.request('GET', '/version')).status);
      fault.remove();
      return statuses;
    };
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
    const refused = first.filter((status) => status === 503).length;
    expect(refused).toBeGreaterThan(8);
    expect(refused).toBeLessThan(30);
  });

  it('clear() ends them all', async () => {
    const type = await queueTask();
    server.faults.add({ answer: { status: 503 } });
    server.faults.pauseQueue(type);
    server.faults.clear();
    expect((await client.poll(type)).body).toHaveLength(1);
  });
});

describe('what happens', () => {
  it('another answer, with Retry-After and a body', async () => {
    server.faults.add({ times: 1, answer: { status: 429, retryAfter: 3, body: 'slow down' } });
    const refused = await client.request('GET', '/version');
    expect([refused.status, refused.text, refused.headers.get('retry-after')]).toEqual([
      429,
      'slow down',
      '3',
    ]);
    server.faults.add({ times: 1, answer: { status: 503 } });
    expect((await client.request('GET', '/version')).body).toMatchObject({ status: 503, retryable: false });
  });

  it('an answer that does not tell that the request has taken effect', async () => {
    const task = await client.take(await queueTask());
    server.faults.add({ on: { endpoint: 'update' }, answer: { status: 503 }, takesEffect: true });
    expect((await client.report(task, 'COMPLETED')).status).toBe(503);
    expect((await client.task(task.taskId)).status).toBe('COMPLETED');
  });

  it('a delay', async () => {
    server.faults.add({ times: 1, delay: '150ms' });
    expect((await client.request('GET', '/version')).ms).toBeGreaterThan(140);
    expect((await client.request('GET', '/version')).ms).toBeLessThan(140);
  });

  it('a connection that is cut, before or after the request has taken effect', async () => {
    const task = await client.take(await queueTask());
    server.faults.add({ on: { endpoint: 'update' }, times: 1, drop: 'before' });
    await expect(client.report(task, 'COMPLETED')).rejects.toThrow('fetch failed');
    expect((await client.task(task.taskId)).status).toBe('IN_PROGRESS');
    server.faults.add({ on: { endpoint: 'update' }, times: 1, drop: 'after' });
    await expect(client.report(task, 'COMPLETED')).rejects.toThrow('fetch failed');
    expect((await client.task(task.taskId)).status).toBe('COMPLETED');
  });

  it('the answer of a poll that is lost: its task is with a worker that does not know', async () => {
    const type = await queueTask();
    server.faults.add({ on: { endpoint: 'poll' }, times: 1, drop: 'after' });
    await expect(client.poll(type)).rejects.toThrow('fetch failed');
    expect((await client.poll(type, 'count=1&timeout=50')).body).toEqual([]);
    expect(await client.expectOk('GET', `/tasks/queue/size?taskType=${type}`)).toMatchObject({ text: '0' });
  });

  it('a lost heartbeat, and a lost result: both look as if they had arrived', async () => {
    const task = await client.take(await queueTask());
    const { updateTime } = await client.task(task.taskId);
    server.faults.add({ on: { endpoint: 'heartbeat' }, times: 1, ignore: true });
    server.faults.add({ on: { endpoint: 'update' }, times: 2, ignore: true });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const beat = await client.report(task, 'IN_PROGRESS', { extendLease: true });
    expect([beat.status, beat.text]).toEqual([200, task.taskId]);
    expect((await client.task(task.taskId)).updateTime).toBe(updateTime);
    expect((await client.report(task, 'COMPLETED')).status).toBe(200);
    expect((await client.reportV2(task, 'COMPLETED')).status).toBe(204);
    expect((await client.task(task.taskId)).status).toBe('IN_PROGRESS');
    expect((await client.report(task, 'COMPLETED')).status).toBe(200);
    expect((await client.task(task.taskId)).status).toBe('COMPLETED');
  });

  it('a poll that finds nothing, although something is there', async () => {
    const type = await queueTask();
    server.faults.add({ on: { endpoint: 'poll' }, times: 2, ignore: true });
    expect((await client.poll(type)).body).toEqual([]);
    expect((await client.request('GET', `/tasks/poll/${type}`)).status).toBe(204);
    expect((await client.poll(type)).body).toHaveLength(1);
  });

  it('a task that is delivered twice, also when it is done meanwhile', async () => {
    const type = await queueTask();
    await client.run([type]);
    const fault = server.faults.add({ on: { taskType: type }, times: 2, twice: true });
    const first = await client.take(type);
    const copy = await client.take(type);
    expect(copy).toMatchObject({ taskId: first.taskId, pollCount: first.pollCount + 1 });
    // The next one comes as the answer to the result of the one before.
    const second = (await client.reportV2(first, 'COMPLETED')).body;
    expect(second.taskId).not.toBe(first.taskId);
    await client.report(second, 'COMPLETED');
    expect((await client.request<Task>('GET', `/tasks/poll/${type}`)).body.taskId).toBe(second.taskId);
    expect((await client.poll(type, 'count=5&timeout=50')).body).toEqual([]);
    expect(fault.count).toBe(2);
  });

  it('a queue that is paused, in all domains; what waits is handed out when it goes on', async () => {
    const type = await client.defineTask();
    const workflow = await client.defineWorkflow([type]);
    const paused = server.faults.pauseQueue(type);
    await client.start(workflow);
    await client.start(workflow, { taskToDomain: { [type]: 'blue' } });
    expect((await client.poll(type, 'count=1&timeout=50')).body).toEqual([]);
    expect((await client.poll(type, 'count=1&timeout=50&domain=blue')).body).toEqual([]);
    const waiting = client.poll(type, 'count=1&timeout=5000');
    for (let i = 0; i < 3; i++) await client.expectOk('GET', '/version');
    paused.resume();
    expect((await waiting).body).toHaveLength(1);
    expect((await waiting).ms).toBeLessThan(4_000);
    expect((await client.poll(type, 'count=1&timeout=50&domain=blue')).body).toHaveLength(1);
    paused.resume();
  });
});

describe('faults.add() refuses', () => {
  it.each<[object, string]>([
    [{ answer: { status: 503 }, tims: 1 }, 'unknown option `tims`, did you mean `times`?'],
    [{ on: { endpoint: 'pol' }, delay: 1 }, 'expected `endpoint` to be one of "poll", "update"'],
    [{ on: { path: 'tasks' }, delay: 1 }, "expected `path` to be a path below /api such as '/tasks'"],
    [{ times: 0, delay: 1 }, 'expected `times` to be an integer from 1 and up, got 0 (number)'],
    [{ probability: 30, delay: 1 }, 'expected `probability` to be a number above 0 and up to 1'],
    [{}, 'expected exactly one of `answer`, `delay`, `drop`, `ignore`, `twice`, `expireToken`, got none'],
    [{ delay: 1, drop: 'after' }, 'got `delay` and `drop`'],
    [{ delay: 'soon' }, 'expected `delay` to be a duration'],
    [{ answer: {} }, '`status` is missing'],
    [{ answer: { status: 42 } }, 'expected `status` to be an integer from 200 to 599'],
    [{ drop: 'after', takesEffect: true }, '`takesEffect` goes with `answer` only'],
  ])('%j', (fault, message) => {
    expect(() => server.faults.add(fault as FaultOptions)).toThrow(ConfigurationError);
    expect(() => server.faults.add(fault as FaultOptions)).toThrow(message);
  });
});

describe('a server that asks for a token', () => {
  const key = 'the-key-of-this-test';
  let guarded: RunningServer;

  beforeEach(async () => {
    guarded = await embeddedServer({ auth: { key } }).start(new RecordingLogger());
  });
  afterEach(() => guarded.close());

  const ask = async (headers: Record<string, string>, path = '/version'): Promise<[number, string]> => {
    const response = await fetch(`${guarded.url}${path}`, { headers });
    return [response.status, await response.text()];
  };
  const token = async (keySecret = key, lifetimeOf = guarded): Promise<Response> =>
    fetch(`${lifetimeOf.url}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ keyId: 'anybody', keySecret }),
    });
  const tokenOf = async (response: Response): Promise<string> =>
    ((await response.json()) as { token: string }).token;

  it('lets nobody in without one, health aside', async () => {
    const [status, body] = await ask({});
    expect(status).toBe(401);
    expect(JSON.parse(body)).toMatchObject({ status: 401, error: 'INVALID_TOKEN' });
    expect((await ask({}, '/health'))[0]).toBe(200);
    expect((await ask({ 'x-authorization': 'wrong' }))[0]).toBe(401);
    expect((await ask({ 'x-authorization': 'a.b.c' }))[0]).toBe(401);
    expect((await ask({ authorization: 'Bearer wrong' }))[0]).toBe(401);
    expect((await ask({}, '/no/such/path'))[0]).toBe(401);
  });

  it('takes the key itself, and a token for it, in both headers', async () => {
    expect((await token('wrong')).status).toBe(401);
    const given = await tokenOf(await token());
    for (const credential of [key, given]) {
      expect((await ask({ 'x-authorization': credential }))[0]).toBe(200);
      expect((await ask({ authorization: `Bearer ${credential}` }))[0]).toBe(200);
    }
    expect((await ask({ 'x-authorization': `${given.slice(0, -2)}xx` }))[0]).toBe(401);
  });

  it('does not take a token of another start', async () => {
    const other = await embeddedServer({ auth: { key } }).start(new RecordingLogger());
    const given = await tokenOf(await token(key, other));
    await other.close();
    expect((await ask({ 'x-authorization': given }))[0]).toBe(401);
  });

  it('has tokens end after their time', async () => {
    const short = await embeddedServer({ auth: { key, tokenLifetime: 50 } }).start(new RecordingLogger());
    const given = await tokenOf(await token(key, short));
    await new Promise((resolve) => setTimeout(resolve, 60));
    const response = await fetch(`${short.url}/version`, { headers: { 'x-authorization': given } });
    await short.close();
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: 'EXPIRED_TOKEN' });
  });

  it('is used by our clients with key and secret; an expired token is renewed', async () => {
    const { metadata, close } = await createConductorClients(
      { serverUrl: guarded.url, keyId: 'app', keySecret: key },
      { logger: new RecordingLogger() },
    );
    const issued = guarded.faults.add({ on: { endpoint: 'token' }, delay: 0 });
    await metadata.registerTaskDefs([{ name: 'work', ownerEmail: 'test@example.com' }]);
    const expired = guarded.faults.add({ on: { path: /^\/metadata/ }, times: 1, expireToken: true });
    expect((await metadata.getTaskDef('work'))?.name).toBe('work');
    expect([issued.count, expired.count]).toEqual([2, 1]);
    await close();
  });

  it('keeps refusing a token that a fault has ended', async () => {
    const given = await tokenOf(await token());
    guarded.faults.add({ times: 1, expireToken: true });
    for (let i = 0; i < 2; i++) {
      const [status, body] = await ask({ 'x-authorization': given });
      expect(status).toBe(401);
      expect(JSON.parse(body)).toMatchObject({ error: 'EXPIRED_TOKEN' });
    }
  });

  it.each([
    [{ auth: {} }, 'expected `key` to be a non-empty string'],
    [{ auth: { key: undefined } }, 'expected `key` to be a non-empty string'],
    [{ auth: { key, tokenLifetime: 'soon' } }, 'expected `tokenLifetime` to be a duration'],
    [{ auth: 'key' }, 'expected `auth` to be an object'],
  ])('refuses %j', (options, message) => {
    expect(() => embeddedServer(options as never)).toThrow(message);
  });
});
