import { describe, expect, it } from 'vitest';
import { proxyFromEnvironment } from '../../../../src/conductor/transport/proxy-environment.js';

const http_proxy = 'http://plain:1';
const https_proxy = 'http://secure:2';

describe('proxyFromEnvironment', () => {
  it('goes by the scheme; lower case wins; empty counts as absent', () => {
    const env = { http_proxy, https_proxy, HTTP_PROXY: 'http://other' };
    expect(proxyFromEnvironment(new URL('http://a.com'), env)).toBe(http_proxy);
    expect(proxyFromEnvironment(new URL('https://a.com'), env)).toBe(https_proxy);
    expect(proxyFromEnvironment(new URL('https://a.com'), { http_proxy })).toBeUndefined();
    expect(proxyFromEnvironment(new URL('http://a.com'), { HTTP_PROXY: http_proxy })).toBe(http_proxy);
    expect(proxyFromEnvironment(new URL('http://a.com'), { http_proxy: ' ' })).toBeUndefined();
  });

  it.each([
    ['http://a.com', '*', false],
    ['http://a.com', 'a.com', false],
    ['http://A.com', 'b.com, A.COM', false],
    ['http://x.a.com', 'a.com', false],
    ['http://x.a.com', '.a.com', false],
    ['http://x.a.com', '*.a.com', false],
    ['http://xa.com', 'a.com', true],
    ['http://a.com:8080', 'a.com:8080', false],
    ['http://a.com:8080', 'a.com:80', true],
    ['http://a.com', 'a.com:80', false],
    ['http://10.1.2.3', '10.0.0.0/8', false],
    ['http://11.1.2.3', '10.0.0.0/8', true],
    ['http://10.1.2.3', '10.0.0.0/99', true],
    ['http://[2001:db8::1]', '2001:db8::/32', false],
    ['http://[2001:db8::1]:81', '[2001:db8::1]:81', false],
    ['http://1.2.3.4', '2.3.4', true],
    ['http://localhost:8080', '', false],
    ['http://127.0.0.1', '', false],
    ['http://[::1]', '', false],
    ['http://a.com', '', true],
  ])('%s with no_proxy "%s": through the proxy %s', (url, no_proxy, expected) => {
    expect(proxyFromEnvironment(new URL(url), { http_proxy, no_proxy }) !== undefined).toBe(expected);
  });
});
