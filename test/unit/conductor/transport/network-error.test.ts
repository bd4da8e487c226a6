import { describe, expect, it } from 'vitest';
import { networkError, timeoutError } from '../../../../src/conductor/transport/network-error.js';

const request = { method: 'GET', path: '/tasks/1', timeoutMs: 5 } as const;

describe('networkError', () => {
  it.each([
    ['ECONNREFUSED', 'is the server running?'],
    ['ENOTFOUND', 'is the server URL right?'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls.caPath'],
    ['EPROTO', 'http://'],
    ['UND_ERR_SOCKET', 'connection was closed'],
  ])('explains %s', (code, text) => {
    const cause = Object.assign(new Error('low level'), { code });
    const error = networkError(request, 'http://h/api', cause);
    expect(error).toMatchObject({
      code: 'HTTP_NETWORK',
      status: undefined,
      path: '/tasks/1',
      isRetryable: true,
      cause,
    });
    expect(error.message).toContain(`GET /tasks/1: no answer from http://h/api: `);
    expect(error.message).toContain(text);
    expect(error.message).toContain(`(${code})`);
  });

  it('uses the message of what it does not know, whatever was thrown', () => {
    expect(networkError(request, 'http://h', new Error('odd')).message).toMatch(/: odd$/);
    expect(networkError(request, 'http://h', undefined).message).toContain('undefined was thrown');
  });
});

describe('timeoutError', () => {
  it('says how long it was, and whether the request was sent', () => {
    expect(timeoutError(request, 'http://h', true).message).toMatch(
      /no complete answer from http:\/\/h within 5 ms/,
    );
    expect(timeoutError(request, 'http://h', false)).toMatchObject({
      code: 'HTTP_TIMEOUT',
      isRetryable: true,
    });
    expect(timeoutError(request, 'http://h', false).message).toContain('no free connection');
  });
});
