import { describe, expect, it } from 'vitest';
import {
  bodyError,
  describeAnswer,
  parseRetryAfter,
  statusError,
} from '../../../../src/conductor/transport/http-response-error.js';

const request = { method: 'POST', path: '/tasks' } as const;
const answer = (status: number, body: string, headers: Record<string, string> = {}) => ({
  status,
  body,
  headers,
});

describe('statusError', () => {
  it.each([
    [
      'JSON error body',
      answer(404, '{"status":404,"message":"No such task","retryable":false}'),
      'HTTP_STATUS',
      'No such task',
    ],
    [
      'Spring error body',
      answer(404, '{"status":404,"error":"Not Found","path":"/x"}'),
      'HTTP_STATUS',
      'Not Found',
    ],
    ['plain text', answer(500, 'boom\n\tat x'), 'HTTP_STATUS', 'boom at x'],
    ['JSON string', answer(500, '"boom"'), 'HTTP_STATUS', 'boom'],
    [
      'HTML',
      answer(502, '<html><head><title>502 Bad Gateway</title></head></html>'),
      'HTTP_STATUS',
      'HTML: 502 Bad Gateway',
    ],
    [
      'HTML by type',
      answer(502, 'x', { 'content-type': 'text/html' }),
      'HTTP_STATUS',
      'HTML: a page without a title',
    ],
    ['401', answer(401, '{"message":"who?"}'), 'HTTP_AUTH', 'who?'],
    ['403', answer(403, ''), 'HTTP_AUTH', undefined],
    ['nothing', answer(503, ''), 'HTTP_STATUS', undefined],
    [
      'redirect',
      answer(301, '', { location: 'https://u:p@h/api?t=1' }),
      'HTTP_STATUS',
      /^a redirect to https:\/\/h\/api,/,
    ],
    ['JSON of no use', answer(500, '[1]'), 'HTTP_STATUS', '[1]'],
  ])('%s', (_, response, code, serverMessage) => {
    const error = statusError(request, response);
    expect(error).toMatchObject({ code, status: response.status, method: 'POST', path: '/tasks' });
    expect(error.message).toContain(`POST /tasks: the server answered ${response.status}`);
    if (serverMessage instanceof RegExp) expect(error.details['serverMessage']).toMatch(serverMessage);
    else expect(error.details['serverMessage']).toBe(serverMessage);
  });

  it('lists validation errors without the values', () => {
    const body = {
      message: 'Validation failed.',
      validationErrors: [{ path: 'a.b', message: 'is empty', invalidValue: 'v1' }],
    };
    expect(statusError(request, answer(400, JSON.stringify(body))).message).toMatch(
      /Validation failed\. a\.b: is empty$/,
    );
  });

  it.each([
    [
      { validationErrors: [{ path: { toString: 1 }, message: [[]] }, null, 7] },
      'validation failed ?: ?, ?: ?, ?: ?',
    ],
    [{ message: { toString: 1 }, error: ['x'] }, '{"message":{"toString":1},"error":["x"]}'],
  ])('reads what is no text in an error body: %j', (body, expected) => {
    expect(describeAnswer(answer(400, JSON.stringify(body)))).toBe(expected);
  });

  it('shows the first of very many validation errors', () => {
    const validationErrors = Array.from({ length: 100_000 }, () => ({ path: 'p', message: 'm' }));
    expect(describeAnswer(answer(400, JSON.stringify({ validationErrors })))).toMatch(
      /^validation failed( p: m,?){20}$/,
    );
  });

  it('cuts long messages', () => {
    expect(statusError(request, answer(500, 'x'.repeat(100_000))).message.length).toBeLessThan(600);
  });

  it('adds the hint, and takes out what must not be shown', () => {
    const error = statusError(request, answer(401, 'bad hunter2'), 'do this', (text) =>
      text.replace('hunter2', '***'),
    );
    expect(error.message).toMatch(/bad \*\*\*; do this$/);
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('takes it out before the text is cut and its spaces are joined', () => {
    const redact = (text: string): string => text.replaceAll('hunter2  hunter3', '***');
    const long = JSON.stringify({ message: `${'x'.repeat(490)} hunter2  hunter3` });
    for (const body of [long, '<html><title>hunter2  hunter3</title></html>', 'hunter2  hunter3']) {
      expect(statusError(request, answer(401, body), '', redact).message).not.toContain('hunter');
    }
  });

  it.each([
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
    [400, false],
    [404, false],
    [409, false],
  ])('status %i: can be repeated %s', (status, expected) =>
    expect(statusError(request, answer(status, '')).isRetryable).toBe(expected),
  );

  it('has Retry-After in milliseconds', () => {
    expect(statusError(request, answer(429, '', { 'retry-after': '7' })).retryAfterMs).toBe(7000);
  });

  it('takes a date in Retry-After by the clock of the server', () => {
    const headers = {
      date: 'Tue, 24 Nov 2037 08:00:00 GMT',
      'retry-after': 'Tue, 24 Nov 2037 08:00:30 GMT',
    };
    expect(statusError(request, answer(503, '', headers)).retryAfterMs).toBe(30_000);
  });
});

describe('bodyError', () => {
  it('says for HTML what may be wrong, and can be repeated', () => {
    const error = bodyError(request, answer(200, '<!DOCTYPE html><title>Login</title>'), 'HTML: Login');
    expect(error).toMatchObject({ code: 'HTTP_BODY', status: 200, isRetryable: true });
    expect(error.message).toMatch(/answered 200 with HTML: Login; .* usually ends in \/api$/);
  });
});

describe('describeAnswer', () => {
  it('puts control characters out', () => {
    expect(describeAnswer(answer(500, 'a\u0000\r\n\u001b[31mb'))).toBe('a [31mb');
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-11-24T08:00:00Z');
  it.each([
    ['0', 0],
    ['120', 120_000],
    ['1.5', 1500],
    ['Tue, 24 Nov 2026 08:00:30 GMT', 30_000],
    ['Tuesday, 24-Nov-26 08:00:30 GMT', 30_000],
    ['Tue, 24 Nov 2026 07:00:00 GMT', 0],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
    [['3', '9'], 3000],
    ['86400', 600_000],
    ['99999999999999999999', 600_000],
    ['Wed, 21 Oct 2099 07:28:00 GMT', 600_000],
  ])('%s → %s', (header, expected) => expect(parseRetryAfter(header, now)).toBe(expected));
});
