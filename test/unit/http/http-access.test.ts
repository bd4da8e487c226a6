import { describe, expect, it } from 'vitest';
import { HttpAccess, hostNames } from '../../../src/http/http-access.js';

const access = new HttpAccess('127.0.0.1', [], '`allowedHosts`');
const open = new HttpAccess('0.0.0.0', ['workers.example.com'], '`allowedHosts`');

function statusOf(subject: HttpAccess, headers: Record<string, string>): number {
  return subject.refusal({ headers })?.status ?? 200;
}

describe('the Host header', () => {
  it.each([
    'localhost',
    'LOCALHOST:8081',
    'localhost.:80',
    '127.0.0.1:8081',
    '10.1.2.3',
    '[::1]:8081',
    '[fe80::1]',
  ])('%s is served', (host) => {
    expect(statusOf(access, { host })).toBe(200);
  });

  it.each([
    'evil.example',
    'evil.example:8081',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    '127.0.0.1@evil.example',
    'localhost:80:90',
    '[::1',
    '[evil]',
    '2130706433',
    '0x7f.1',
    '',
    ' ',
    'a'.repeat(300),
  ])('%j is refused', (host) => {
    expect(statusOf(access, { host })).toBe(421);
  });

  it('may be the bound host, or an allowed name', () => {
    expect(statusOf(new HttpAccess('workers.local', [], 'x'), { host: 'workers.local:1' })).toBe(200);
    expect(statusOf(open, { host: 'Workers.example.com:8081' })).toBe(200);
    expect(open.refusal({ headers: { host: 'evil.example' } })?.message).toBe(
      'host "evil.example" is not served here: use an IP address or localhost, or add the name to `allowedHosts`',
    );
  });
});

describe('a request of a page', () => {
  it.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'http://203.0.113.7' }, 403],
    [{ origin: 'http://localhost:3000' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: '' }, 403],
    [{ origin: 'http://localhost:8081' }, 200],
    [{ origin: 'http://localhost:8081', 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'something else' }, 403],
  ])('with %j is answered %i', (headers, status) => {
    expect(statusOf(access, { host: 'localhost:8081', ...headers })).toBe(status);
  });

  it('may come from an allowed host', () => {
    const headers = {
      host: '10.0.0.5:8081',
      origin: 'https://workers.example.com',
      'sec-fetch-site': 'cross-site',
    };
    expect(statusOf(open, headers)).toBe(200);
    expect(statusOf(open, { ...headers, origin: 'https://workers.example.com.evil.example' })).toBe(403);
  });
});

it('names with a port, a scheme or a star are no host names', () => {
  expect(hostNames.test(['a.example', 'b'])).toBe(true);
  for (const wrong of ['a:80', 'http://a', '*', '', 7]) expect(hostNames.test([wrong])).toBe(false);
});
