import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { Authentication } from '../../../../src/conductor/transport/authentication.js';
import { resolveHttpOptions } from '../../../../src/conductor/transport/http-options.js';
import {
  Transport,
  type TransportRequest,
  type TransportResponse,
} from '../../../../src/conductor/transport/transport.js';
import { HttpError } from '../../../../src/core/errors.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const MINUTE = 60_000;
const serverUrl = 'http://localhost/api';
const keys = { keyId: 'key-of-mine', keySecret: 'hunter2' };

class TokenServer extends Transport {
  readonly asked: TransportRequest[] = [];
  answer: () => Partial<TransportResponse> = () => ({
    body: JSON.stringify({ token: `token-${this.asked.length}` }),
  });

  override async request(request: TransportRequest): Promise<TransportResponse> {
    this.asked.push(request);
    return { status: 200, headers: {}, body: '', ...this.answer() };
  }
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('Authentication', () => {
  let server: TokenServer;
  let logger: RecordingLogger;
  let now: number;
  let authentication: Authentication;
  const create = (credentials: object = keys): Authentication =>
    new Authentication(server, resolveHttpOptions({ serverUrl, ...credentials }, {}), logger, () => now);
  const failure = async (promise: unknown): Promise<HttpError> => {
    const error: unknown = await Promise.resolve(promise).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(HttpError);
    return error as HttpError;
  };

  beforeEach(() => {
    server = new TokenServer();
    logger = new RecordingLogger();
    now = 1_000_000;
    authentication = create();
  });

  it('asks for nothing without an access key', async () => {
    authentication = create({});
    expect(authentication.token()).toBeUndefined();
    expect(await authentication.replace(undefined)).toBeUndefined();
    expect(server.asked).toHaveLength(0);
  });

  it('exchanges the key for a token once, and has it at hand after that', async () => {
    const tokens = await Promise.all(Array.from({ length: 50 }, async () => authentication.token()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    expect(authentication.token()).toBe('token-1');
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]).toMatchObject({ method: 'POST', path: '/token', body: JSON.stringify(keys) });
  });

  it('renews in the background when four fifths of the time are over', async () => {
    await authentication.token();
    now += 36 * MINUTE - 1;
    expect(authentication.token()).toBe('token-1');
    expect(server.asked).toHaveLength(1);
    now += 1;
    expect(authentication.token()).toBe('token-1');
    expect(server.asked).toHaveLength(2);
    await new Promise(setImmediate);
    expect(authentication.token()).toBe('token-2');
  });

  it('waits for a new token when the old one is over', async () => {
    await authentication.token();
    now += 45 * MINUTE;
    expect(await authentication.token()).toBe('token-2');
  });

  it('keeps the old token while the renewal fails, and does not try at every request', async () => {
    await authentication.token();
    server.answer = () => ({ status: 503 });
    now += 40 * MINUTE;
    for (let i = 0; i < 5; i++) {
      expect(authentication.token()).toBe('token-1');
      await new Promise(setImmediate);
    }
    expect(server.asked).toHaveLength(2);
    now += 2000;
    expect(authentication.token()).toBe('token-1');
    expect(server.asked).toHaveLength(3);
  });

  it('pauses longer and longer after failures; requests meanwhile get the failure at once', async () => {
    server.answer = () => ({ status: 503, body: '{"message":"not yet"}' });
    const first = await failure(authentication.token());
    expect(first).toMatchObject({ code: 'HTTP_STATUS', status: 503, path: '/token' });
    expect(first.retryAfterMs).toBeGreaterThanOrEqual(800);
    now += 300;
    const second = await failure(authentication.token());
    expect(second.message).toBe(first.message);
    expect(second.retryAfterMs).toBe(first.retryAfterMs! - 300);
    now -= 300;
    expect(server.asked).toHaveLength(1);
    now += 1000;
    await failure(authentication.token());
    now += 1000;
    await failure(authentication.token());
    expect(server.asked).toHaveLength(2);
    now += 1000;
    server.answer = () => ({ body: '{"token":"at-last"}' });
    expect(await authentication.token()).toBe('at-last');
  });

  it('obeys Retry-After', async () => {
    server.answer = () => ({ status: 429, headers: { 'retry-after': '30' } });
    await failure(authentication.token());
    now += 29_000;
    await failure(authentication.token());
    expect(server.asked).toHaveLength(1);
    now += 1000;
    await failure(authentication.token());
    expect(server.asked).toHaveLength(2);
  });

  it.each([400, 401, 403])('names the variables to check when the key is refused with %i', async (status) => {
    server.answer = () => ({ status, body: JSON.stringify({ message: 'no key-of-mine with hunter2' }) });
    const error = await failure(authentication.token());
    expect(error).toMatchObject({ code: 'HTTP_AUTH', status });
    expect(error.message).toContain('no *** with ***');
    expect(error.message).toContain('CONDUCTOR_AUTH_KEY');
    expect(error.message).toContain('CONDUCTOR_AUTH_SECRET');
  });

  it('takes a server without /token as open, and says so once', async () => {
    server.answer = () => ({ status: 404 });
    expect(await authentication.token()).toBeUndefined();
    expect(authentication.token()).toBeUndefined();
    expect(await authentication.replace(undefined)).toBeUndefined();
    expect(logger.at('info')).toHaveLength(1);
    expect(server.asked).toHaveLength(2);
  });

  it.each([
    ['HTML', '<html><title>hunter2</title></html>'],
    ['something cut off', '{"token":"hunter2'],
    ['no token', '{"tok":"hunter2"}'],
    ['a token that no header can hold', '{"token":"hunter2\\n"}'],
    ['null', 'null'],
  ])('refuses %s as an answer, and does not show it', async (_, body) => {
    server.answer = () => ({ body });
    const error = await failure(authentication.token());
    expect(error.code).toBe('HTTP_BODY');
    expect(inspect(error, { depth: 9, showHidden: true }) + logger.text).not.toContain('hunter2');
  });

  describe('replace', () => {
    it('gives a newer token that is there already', async () => {
      await authentication.token();
      expect(await authentication.replace('an older one')).toBe('token-1');
      expect(server.asked).toHaveLength(1);
    });

    it('renews once for all who were refused', async () => {
      await authentication.token();
      const tokens = await Promise.all(Array.from({ length: 50 }, () => authentication.replace('token-1')));
      expect(new Set(tokens)).toEqual(new Set(['token-2']));
      expect(server.asked).toHaveLength(2);
    });

    it('does not renew again and again when new tokens are refused too', async () => {
      let token = await authentication.token();
      token = await authentication.replace(token);
      expect(await authentication.replace(token)).toBeUndefined();
      now += 1000;
      token = await authentication.replace(token);
      expect(token).toBe('token-3');
      now += 1999;
      expect(await authentication.replace(token)).toBeUndefined();
      now += 10 * MINUTE;
      expect(await authentication.replace(token)).toBe('token-4');
      expect(server.asked).toHaveLength(4);
    });

    it('renews each second at most, however often, while the new tokens are taken', async () => {
      let token = await authentication.token();
      for (let renewals = 0; renewals < 10; renewals++) {
        token = await authentication.replace(token);
        authentication.renewalHelped();
        now += 999;
        expect(await authentication.replace(token)).toBeUndefined();
        now += 1;
      }
      expect(token).toBe('token-11');
    });
  });

  it('shows no secret when it is printed', async () => {
    await authentication.token();
    const printed = inspect(authentication, { depth: 9, showHidden: true }) + JSON.stringify(authentication);
    expect(printed).not.toMatch(/hunter2|key-of-mine|token-1/);
  });
});
