import { describe, expect, it } from 'vitest';
import type { TaskResultBody } from '../../src/conductor/wire/task-result.js';
import { ClientFixture, keys, SECRET, TRANSPORTS } from '../support/client-fixture.js';

const result: TaskResultBody = {
  taskId: 't-1',
  workflowInstanceId: 'w-1',
  status: 'COMPLETED',
  outputData: { text: 'ä€😀'.repeat(1000) },
};
const poll = { taskType: 'greet', workerId: 'me', count: 1, timeoutMs: 100 };
const POLL = 'GET /tasks/poll/batch/greet';

describe.each(TRANSPORTS)('requests on $name', ({ Kind }) => {
  const use = new ClientFixture(Kind);

  describe('authentication', () => {
    const token = (n: number) => ({ body: { token: `secret-token-${n}` } });
    const onlyWith = (n: number) => (request: { headers: Record<string, unknown> }) =>
      request.headers['x-authorization'] === `secret-token-${n}`
        ? { body: 't-1' }
        : { status: 401, body: { message: `bad ${String(request.headers['x-authorization'])}` } };

    it('gets one token for 50 requests at once, and renews it once when all are refused', async () => {
      use.server.on('POST /token', token(1), token(2)).on('POST /tasks', onlyWith(2));
      await use.open(keys);
      await Promise.all(Array.from({ length: 50 }, () => use.clients.tasks.update(result)));
      expect(use.server.of('POST /token')).toHaveLength(2);
      expect(use.server.of('POST /token')[0]).toMatchObject({
        path: '/api/token',
        body: JSON.stringify(keys),
      });
      const bodies = new Set(use.server.of('POST /tasks').map((request) => request.body));
      expect([...bodies]).toEqual([JSON.stringify(result)]);
    });

    it('sends the refused request again whole', async () => {
      use.server.on('POST /token', token(1), token(2)).on('POST /tasks', onlyWith(2));
      await use.open(keys);
      await use.clients.tasks.update(result);
      const [first, second, ...rest] = use.server.of('POST /tasks');
      expect(rest).toHaveLength(0);
      expect(first?.headers['x-authorization']).toBe('secret-token-1');
      expect(second?.headers['x-authorization']).toBe('secret-token-2');
      expect(second?.body).toBe(JSON.stringify(result));
      expect(use.server.of('POST /token')).toHaveLength(2);
      const { 'content-type': type, 'content-length': length } = second?.headers ?? {};
      expect([type, length]).toEqual(['application/json', String(Buffer.byteLength(JSON.stringify(result)))]);
    });

    it.each(['EXPIRED_TOKEN', 'INVALID_TOKEN'])('renews after a 403 with %s', async (error) => {
      use.server
        .on('POST /token', token(1), token(2))
        .on('POST /tasks', { status: 403, body: { error } }, { body: 't-1' });
      await use.open(keys);
      await use.clients.tasks.update(result);
      expect(use.server.of('POST /token')).toHaveLength(2);
    });

    it('does not renew after another 403', async () => {
      use.server
        .on('POST /token', token(1))
        .on('POST /tasks', { status: 403, body: { message: 'not yours' } });
      await use.open(keys);
      const error = await use.failure(use.clients.tasks.update(result));
      expect(error).toMatchObject({ code: 'HTTP_AUTH', status: 403 });
      expect(error.message).toMatch(/not yours; .*permission/);
      expect(use.server.requests).toHaveLength(2);
    });

    it('gives up when a new token is refused as well, without showing what the server echoes', async () => {
      use.server.on('POST /token', token(1), token(2)).on('POST /tasks', onlyWith(3));
      await use.open(keys);
      const error = await use.failure(use.clients.tasks.update(result));
      expect(error).toMatchObject({ code: 'HTTP_AUTH', status: 401 });
      expect(error.message).toContain('bad ***');
      await use.failure(use.clients.tasks.update(result));
      expect(use.server.of('POST /tasks')).toHaveLength(3);
      expect(use.server.of('POST /token')).toHaveLength(2);
    });

    it('shows nothing of a page that echoes the token, nor of a key that was written as JSON or in a query', async () => {
      use.server.on('POST /token', token(1)).on('POST /tasks', (request) => ({
        headers: { 'content-type': 'text/html' },
        body: `<html><title>for ${String(request.headers['x-authorization'])}</title></html>`,
      }));
      await use.open(keys);
      expect((await use.failure(use.clients.tasks.update(result))).message).toContain('HTML: for ***');
      const odd = 'hunter2+"\\/=';
      for (const echo of [JSON.stringify({ keySecret: odd }), `secret=${encodeURIComponent(odd)}`]) {
        await use.clients.close();
        use.server.on('POST /token', { status: 401, body: `bad request: ${echo}` });
        await use.open({ ...keys, keySecret: odd });
        expect((await use.failure(use.clients.tasks.update(result))).message).toContain('bad request: ');
      }
    });

    it('asks for a token again when a server that seemed open refuses what has none', async () => {
      use.server
        .on('POST /token', { status: 404, body: 'no server yet' }, token(1))
        .on('POST /tasks', ({ headers }) =>
          headers['x-authorization'] === undefined ? { status: 403, body: 'Forbidden' } : { body: 't-1' },
        );
      await use.open(keys);
      await use.clients.tasks.update(result);
      expect(use.server.of('POST /token')).toHaveLength(2);
    });

    it('knows an open server', async () => {
      use.server.on('POST /tasks', { body: 't-1' });
      await use.open(keys);
      await use.clients.tasks.update(result);
      await use.clients.tasks.update(result);
      expect(use.server.of('POST /token')).toHaveLength(1);
      expect(use.server.of('POST /tasks')[1]?.headers['x-authorization']).toBeUndefined();
      expect(use.logger.at('info')).toEqual([expect.stringContaining('no authentication')]);
    });

    it('reports a wrong key at once, and does not ask again for each request', async () => {
      use.server.on('POST /token', { status: 401, body: { message: `unknown key my-key:${SECRET}` } });
      await use.open(keys);
      const error = await use.failure(use.clients.tasks.update(result));
      expect(error).toMatchObject({ code: 'HTTP_AUTH', status: 401 });
      expect(error.message).toContain('CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET');
      await use.failure(use.clients.tasks.update(result));
      expect(use.server.requests).toHaveLength(1);
    });

    it.each([
      ['error and message', { error: 'UNAUTHORIZED', message: 'who are you?' }, 'who are you?'],
      ['text', 'go away', '401'],
      ['nothing', '', '401'],
    ])('knows a 401 by its status, also with %s as its body', async (_what, body, text) => {
      use.server.on(POLL, { status: 401, body });
      await use.open();
      const error = await use.failure(use.clients.tasks.poll(poll));
      expect(error).toMatchObject({ code: 'HTTP_AUTH', status: 401 });
      expect(error.message).toContain(text);
    });

    it('a key can be checked before anything else is asked', async () => {
      use.server
        .on('POST /token', { status: 401, body: { message: 'unknown key' } })
        .on('POST /tasks', { body: 't-1' });
      await use.open(keys);
      expect(await use.failure(use.clients.tasks.checkAccess())).toMatchObject({
        code: 'HTTP_AUTH',
        status: 401,
      });
      expect(use.server.requests).toHaveLength(1);
    });

    it('without a key there is nothing to check', async () => {
      await use.open();
      await use.clients.tasks.checkAccess();
      expect(use.server.requests).toEqual([]);
    });

    it('says that a key is needed', async () => {
      use.server.on('POST /tasks', { status: 401 });
      await use.open();
      expect((await use.failure(use.clients.tasks.update(result))).message).toContain(
        'set CONDUCTOR_AUTH_KEY',
      );
    });

    it('an abort does not wait for the token, nor stop it for others', async () => {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      use.server
        .on('POST /token', async () => (await held, token(1)))
        .on(POLL, { body: [] })
        .on('POST /tasks', { body: '' });
      await use.open(keys);
      const controller = new AbortController();
      const aborted = use.clients.tasks.poll({ ...poll, signal: controller.signal });
      const other = use.clients.tasks.update(result);
      await use.server.received(1);
      controller.abort(new Error('stop'));
      await expect(aborted).rejects.toThrow('stop');
      release();
      await other;
      expect(use.server.of(POLL)).toHaveLength(0);
    });
  });

  describe('a signal for what is not sent yet', () => {
    it('ends what waits for a token, also after the server has refused the one before', async () => {
      let refused = false;
      use.server
        .on('POST /token', { body: { token: 'secret-token-1' } }, 'hang')
        .on(POLL, () => ((refused = true), { status: 401 }));
      await use.open(keys);
      const controller = new AbortController();
      const polled = use.clients.tasks.poll({ ...poll, unsentSignal: controller.signal });
      await use.server.received(3);
      controller.abort(new Error('stop'));
      await expect(polled).rejects.toThrow('stop');
      expect(refused).toBe(true);
    });

    it('changes nothing once it is on its way', async () => {
      let answer = (): void => undefined;
      const held = new Promise<void>((resolve) => (answer = resolve));
      const task = { taskId: 't-1', workflowInstanceId: 'w-1' };
      use.server.on(POLL, async () => (await held, { body: [task] }));
      await use.open();
      const controller = new AbortController();
      const polled = use.clients.tasks.poll({ ...poll, unsentSignal: controller.signal });
      await use.server.received(1);
      controller.abort(new Error('stop'));
      answer();
      expect((await polled).tasks).toMatchObject([task]);
    });
  });

  describe('answers that are no good', () => {
    it('HTML with 200', async () => {
      use.server.on('POST /tasks', {
        headers: { 'content-type': 'text/html' },
        body: '<html><title>Log in</title>',
      });
      use.server.on(POLL, { body: '<!doctype html><title>Log in</title>' });
      await use.open();
      for (const promise of [use.clients.tasks.update(result), use.clients.tasks.poll(poll)]) {
        const error = await use.failure(promise);
        expect(error).toMatchObject({ code: 'HTTP_BODY', status: 200, isRetryable: true });
        expect(error.message).toContain('HTML: Log in');
      }
    });

    it.each([
      ['cut off', '[{"taskId":"secret-token"'],
      ['an object', '{"taskId":"a"}'],
      ['a number', '7'],
    ])('a poll that brings %s', async (_, body) => {
      use.server.on(POLL, { body });
      await use.open();
      expect((await use.failure(use.clients.tasks.poll(poll))).code).toBe('HTTP_BODY');
    });

    it('a status with a message and Retry-After', async () => {
      use.server.on('POST /tasks', {
        status: 503,
        headers: { 'retry-after': '2' },
        body: { message: 'busy' },
      });
      await use.open();
      const error = await use.failure(use.clients.tasks.update(result));
      expect(error).toMatchObject({
        code: 'HTTP_STATUS',
        status: 503,
        method: 'POST',
        path: '/tasks',
        retryAfterMs: 2000,
      });
      expect(error.message).toBe('POST /tasks: the server answered 503: busy');
    });

    it('none at all', async () => {
      use.server.on('POST /tasks', 'hang');
      await use.open({ requestTimeoutMs: 150 });
      expect((await use.failure(use.clients.tasks.update(result))).code).toBe('HTTP_TIMEOUT');
    });
  });
});
