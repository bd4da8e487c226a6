import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { OptionRule } from '../core/options.js';

/** Why a request is refused. */
export interface AccessRefusal {
  /** 421 for a host that is not ours, 403 for a request that a foreign page has sent. */
  readonly status: 403 | 421;
  /** What to send to the client: names the value and the way out. */
  readonly message: string;
}

/** Names as they stand in a `Host` header, without a port. */
export const hostNames: OptionRule = {
  expected: 'an array of host names such as "workers.example.com", without a port',
  test: (value) =>
    Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[\w.-]{1,253}$/.test(name)),
};

/**
 * Decides which requests a server of ours takes, although it asks nobody for a password: those that name it by an
 * address that no stranger can point at it, and that no page of another site has sent.
 *
 * - `Host` must be the bound host, an IP address, `localhost` or one of the allowed names. A page that has its own name
 *   resolve to this machine (DNS rebinding) is refused by that.
 * - `Origin`, which browsers add, must be the address that the request itself went to, or have an allowed name.
 * - `Sec-Fetch-Site`, which browsers add too, must not be `cross-site`, nor `same-site` without an allowed origin.
 *
 * Programs send neither of the last two, and connect by an address that they were given.
 */
export class HttpAccess {
  readonly #names: ReadonlySet<string>;
  readonly #allowed: ReadonlySet<string>;
  readonly #option: string;

  /**
   * @param host - what the server listens on
   * @param allowedHosts - further names by which it may be called
   * @param option - how the list is called where the user sets it, for the message of a refusal
   */
  constructor(host: string, allowedHosts: readonly string[], option: string) {
    this.#allowed = new Set(allowedHosts.map(normalised));
    this.#names = new Set(['localhost', normalised(host), ...this.#allowed]);
    this.#option = option;
  }

  /** `undefined`: the request may be answered. */
  refusal({ headers }: Pick<IncomingMessage, 'headers'>): AccessRefusal | undefined {
    const { host, origin } = headers;
    // HTTP/1.0 knows no `Host`, and no browser speaks it. Node refuses its absence in HTTP/1.1.
    if (host !== undefined && !this.#isOurs(host)) {
      return {
        status: 421,
        message: `host ${shown(host)} is not served here: use an IP address or localhost, or add the name to ${this.#option}`,
      };
    }
    const isKnownOrigin = origin !== undefined && this.#isKnownOrigin(origin, host);
    if (origin !== undefined && !isKnownOrigin) {
      return {
        status: 403,
        message: `requests of pages of ${shown(origin)} are refused; to allow them, add its host to ${this.#option}`,
      };
    }
    const site = headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none' || isKnownOrigin) return undefined;
    return { status: 403, message: `requests of pages of another site are refused (${shown(String(site))})` };
  }

  #isOurs(host: string): boolean {
    const name = nameOf(host);
    return name !== undefined && (isIP(name) !== 0 || this.#names.has(name));
  }

  #isKnownOrigin(origin: string, host: string | undefined): boolean {
    // `null` is what sandboxed pages and files send.
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    if (host !== undefined && url.host === host.toLowerCase()) return true;
    return this.#allowed.has(normalised(url.hostname));
  }
}

/** The name in a `Host` header, port and brackets left out. */
function nameOf(host: string): string | undefined {
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i.exec(host)?.[1];
  if (bracketed !== undefined) return bracketed.toLowerCase();
  const name = /^([^:@/\s]{1,253})(?::\d{1,5})?$/.exec(host)?.[1];
  return name === undefined ? undefined : normalised(name);
}

/** A dot at the end says that a name is complete, and changes nothing. */
function normalised(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
