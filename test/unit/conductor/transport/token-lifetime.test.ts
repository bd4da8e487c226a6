import { expect, it } from 'vitest';
import { tokenLifetimeMs } from '../../../../src/conductor/transport/token-lifetime.js';

const NOW = 1_700_000_000_000;
const jwt = (claims: unknown): string => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const MINUTES_45 = 2_700_000;

it.each([
  ['from issue to expiry, whatever the clock here says', jwt({ iat: 100, exp: 700 }), 600_000],
  ['until expiry when there is no time of issue', jwt({ exp: NOW / 1000 + 60 }), 60_000],
  ['already over on this clock', jwt({ exp: 5 }), MINUTES_45],
  ['no expiry', jwt({ sub: 'x' }), MINUTES_45],
  ['expiry of a wrong type', jwt({ exp: 'soon' }), MINUTES_45],
  ['claims that are not an object', jwt(null), MINUTES_45],
  ['not a JWT', 'opaque', MINUTES_45],
  ['payload that is not JSON', 'a.b.c', MINUTES_45],
])('%s', (_, token, expected) => expect(tokenLifetimeMs(token, NOW)).toBe(expected));
