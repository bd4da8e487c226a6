/** `?a=1&b=2` of the parameters that are set; empty when none is. */
export function queryString(
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return set.length === 0
    ? ''
    : `?${set.map(([name, value]) => `${name}=${encode(String(value))}`).join('&')}`;
}

/** Quotes stand in search conditions; some proxies stumble over bare ones. */
function encode(value: string): string {
  return encodeURIComponent(value).replaceAll("'", '%27');
}
