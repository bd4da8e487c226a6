import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../model/api-error.js';
import { readObject, readString } from '../model/fields.js';
import { json, type Reply } from './reply.js';
import type { Route } from './router.js';

/** What may be asked for without a token: the way to one, and whether the server is there. */
const OPEN_PATHS = new Set(['/api/token', '/health', '/api/health']);
/** Tokens whose end was brought forward; more than a test can mean are forgotten, the oldest first. */
const MAX_EXPIRED = 10_000;

/** Lets in whoever has the key, or a token that was given for it. */
export class Authentication {
  readonly #key: Buffer;
  readonly #lifetimeMs: number;
  /** Tokens of an earlier start are worth nothing. */
  readonly #signingKey = randomBytes(32);
  readonly #expired = new Set<string>();

  constructor(key: string, lifetimeMs: number) {
    this.#key = digest(key);
    this.#lifetimeMs = lifetimeMs;
  }

  /** @throws ApiError 401 */
  check(path: string, headers: IncomingHttpHeaders): void {
    if (OPEN_PATHS.has(path)) return;
    const credential = credentialOf(headers);
    if (credential === undefined) {
      throw unauthorized(
        'INVALID_TOKEN',
        'this server asks for a key or a token: send it as X-Authorization',
      );
    }
    if (this.#isKey(credential)) return;
    const expiresAt = this.#expiryOf(credential);
    if (expiresAt === undefined) throw unauthorized('INVALID_TOKEN', 'the token is not one of this server');
    if (expiresAt <= Date.now() || this.#expired.has(credential))
      throw unauthorized('EXPIRED_TOKEN', 'the token has expired');
  }

  /** From now on this token is refused. */
  expire(token: string): void {
    this.#expired.add(token);
    if (this.#expired.size > MAX_EXPIRED) this.#expired.delete(this.#expired.values().next().value!);
  }

  /** `POST /api/token`: the key as `keySecret`, whatever the `keyId`. */
  route(): Route {
    return [
      'POST',
      '/api/token',
      (request): Reply => {
        const body = readObject(request.json(), 'an access key');
        if (!this.#isKey(readString(body, 'keySecret') ?? ''))
          throw unauthorized('INVALID_TOKEN', 'the access key is wrong');
        return json({ token: this.#issue(readString(body, 'keyId') ?? '') });
      },
    ];
  }

  #isKey(given: string): boolean {
    return timingSafeEqual(digest(given), this.#key);
  }

  /** A JWT, as clients know them: by its times they see when to ask for another. */
  #issue(subject: string): string {
    const now = Date.now();
    const head = encode({ alg: 'HS256', typ: 'JWT' });
    // In seconds, and in parts of them: lifetimes of tests are short.
    const claims = encode({
      sub: subject,
      iat: now / 1000,
      exp: (now + this.#lifetimeMs) / 1000,
      jti: randomBytes(8).toString('hex'),
    });
    return `${head}.${claims}.${this.#sign(`${head}.${claims}`).toString('base64url')}`;
  }

  /** Epoch milliseconds; `undefined` for what this server has not issued. */
  #expiryOf(token: string): number | undefined {
    const at = token.lastIndexOf('.');
    const [signed, signature] = [token.slice(0, at), Buffer.from(token.slice(at + 1), 'base64url')];
    const expected = this.#sign(signed);
    if (at < 0 || signature.length !== expected.length || !timingSafeEqual(signature, expected))
      return undefined;
    const claims = JSON.parse(Buffer.from(signed.split('.')[1]!, 'base64url').toString()) as { exp: number };
    return claims.exp * 1000;
  }

  #sign(signed: string): Buffer {
    return createHmac('sha256', this.#signingKey).update(signed).digest();
  }
}

/** The key or token of a request: `X-Authorization`, or `Authorization: Bearer`. */
export function credentialOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-authorization'];
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
}

// Comparing digests takes the same time for every length.
function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function unauthorized(code: 'INVALID_TOKEN' | 'EXPIRED_TOKEN', message: string): ApiError {
  return new ApiError(401, message, undefined, code);
}
