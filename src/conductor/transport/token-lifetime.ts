/** Conductor servers keep a token for an hour; renewing after three quarters of it is early enough. */
const DEFAULT_LIFETIME_MS = 45 * 60_000;

/**
 * How long a token that was just received can be used, in milliseconds: what its JWT says, or 45 minutes when it
 * is not a JWT. Between `iat` and `exp` only the server's clock counts, so a wrong clock here does no harm.
 */
export function tokenLifetimeMs(token: string, now: number): number {
  const { exp, iat } = jwtClaims(token);
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return DEFAULT_LIFETIME_MS;
  const lifetime = exp * 1000 - (typeof iat === 'number' && Number.isFinite(iat) ? iat * 1000 : now);
  // A token that is over when it arrives: the clocks differ. The server's 401 tells when it really is.
  return lifetime > 0 ? lifetime : DEFAULT_LIFETIME_MS;
}

function jwtClaims(token: string): { exp?: unknown; iat?: unknown } {
  const payload = token.split('.')[1];
  if (payload === undefined) return {};
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
