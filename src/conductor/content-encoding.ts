import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** What can be undone; names in lower case. */
const DECODERS = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

/**
 * The body as it was before it was compressed. Nobody asks for that here, but a gateway may do it unasked.
 *
 * @throws Error that says what is wrong, for an encoding that is not known, and a body that is not encoded like that or
 *   is longer than `maxBytes`
 */
export function decodeContent(body: Buffer, encoding: string, maxBytes: number): Buffer {
  const decode = DECODERS.get(encoding);
  if (decode === undefined) throw new Error(`a body encoded as "${encoding}", which is not known here`);
  try {
    return decode(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const problem = isTooLong ? `more than ${maxBytes} bytes` : `a body that is not "${encoding}" as it says`;
    throw new Error(problem, { cause: error });
  }
}
