import { BlockList, isIP } from 'node:net';
import type { Environment } from '../../core/environment.js';

/**
 * The proxy that the environment names for `target`: `https_proxy` or `http_proxy` by the scheme, unless
 * `no_proxy` lists the host. Lower-case names win over upper-case ones. Loopback addresses never go through a
 * proxy of the environment: it could not reach them.
 */
export function proxyFromEnvironment(target: URL, env: Environment): string | undefined {
  const name = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = read(env, name);
  if (proxy === undefined) return undefined;
  const host = target.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isLoopback(host) || isExcluded(host, effectivePort(target), read(env, 'no_proxy') ?? ''))
    return undefined;
  return proxy;
}

/** The port of `url`, the scheme's own when the URL names none. */
export function effectivePort(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

function read(env: Environment, name: string): string | undefined {
  const value = env[name] ?? env[name.toUpperCase()];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

/** @param host - in lower case, without brackets */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d+){3}$/.test(host)
  );
}

function isExcluded(host: string, port: number, noProxy: string): boolean {
  return noProxy
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && entryMatches(entry.toLowerCase(), host, port));
}

function entryMatches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return rangeContains(entry, host);
  const withPort = /^(\[.+\]|[^:]+):(\d+)$/.exec(entry);
  if (withPort !== null && Number(withPort[2]) !== port) return false;
  const name = (withPort?.[1] ?? entry).replace(/^\*?\./, '').replace(/^\[|\]$/g, '');
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`));
}

function rangeContains(range: string, host: string): boolean {
  const [network = '', bits = ''] = range.split('/');
  const version = isIP(network);
  if (version === 0 || isIP(host) !== version || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}
