// Requests to a Conductor server.

/**
 * @param {string} baseUrl
 * @returns {(method: string, path: string, body?: unknown) => Promise<string>} the text of the answer; rejects when its
 *   status is not 2xx
 */
export function apiOf(baseUrl) {
  return async (method, path, body) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text;
  };
}
