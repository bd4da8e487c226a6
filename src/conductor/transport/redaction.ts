/** What of a connection is secret. */
export interface SecretParts {
  readonly credentials: { readonly keyId: string; readonly keySecret: string } | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: { readonly username?: string; readonly password?: string } | undefined;
}

/** Headers whose values are worth hiding however short they are. */
export const SECRET_NAME = /authorization|cookie|token|secret|password|key|credential/i;
/** Shorter values of other headers stand in too many words. */
const MIN_LENGTH = 8;
const MIN_SECRET_LENGTH = 4;

/** Every text that must not be shown: key and secret, values of headers and their parts, the password of the proxy. */
export function secretsOf({ credentials, headers, proxy }: SecretParts): string[] {
  const found = [credentials?.keySecret, credentials?.keyId, proxy?.password];
  if (proxy?.username !== undefined) found.push(basic(`${proxy.username}:${proxy.password ?? ''}`));
  for (const [name, value] of Object.entries(headers)) {
    const least = SECRET_NAME.test(name) ? MIN_SECRET_LENGTH : MIN_LENGTH;
    // `Bearer <token>`, `Basic <user and password>`, `a=<value>; b=<value>`: a server may echo the parts alone.
    const parts = [value, ...value.split(/[\s;,]+/), ...value.split(/[\s;,]+/).map(afterEquals)];
    found.push(...parts.filter((part) => part.length >= least && !/^(basic|bearer|digest)$/i.test(part)));
  }
  const secrets = found.filter((secret): secret is string => secret !== undefined && secret !== '');
  // The longest first: what is left of a longer one would not be recognised.
  return [...new Set(secrets)].sort((a, b) => b.length - a.length);
}

/** `text` without the secrets, in whichever form they stand in it. */
export function redactSecrets(text: string, secrets: Iterable<string>): string {
  let clean = text;
  for (const secret of secrets) {
    for (const form of writtenForms(secret)) clean = clean.replaceAll(form, '***');
  }
  return clean;
}

function basic(userAndPassword: string): string {
  return Buffer.from(userAndPassword).toString('base64');
}

function afterEquals(part: string): string {
  return part.slice(part.indexOf('=') + 1);
}

/** As it is, in JSON, and in a query or form. */
function writtenForms(secret: string): Set<string> {
  return new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    new URLSearchParams({ s: secret }).toString().slice(2),
  ]);
}
