/** Deeper values are counted as nothing. */
const MAX_DEPTH = 5_000;

/**
 * About how many bytes a value takes as JSON. For one that is too large to be written at all: nothing is copied, and
 * escapes in texts are not counted.
 */
export function approximateJsonSize(root: unknown): number {
  let bytes = 0;
  const waiting: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value === 'string') bytes += Buffer.byteLength(value) + 2;
    else if (typeof value !== 'object' || value === null) bytes += String(value).length;
    else {
      bytes += 2;
      if (depth >= MAX_DEPTH) continue;
      for (const [key, member] of Object.entries(value)) {
        bytes += Array.isArray(value) ? 1 : Buffer.byteLength(key) + 4;
        waiting.push({ value: member, depth: depth + 1 });
      }
    }
  }
  return bytes;
}
