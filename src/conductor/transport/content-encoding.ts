import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { describeThrown, type HttpError } from '../../core/errors.js';
import { bodyError } from './http-response-error.js';
import type { TransportRequest, TransportResponse } from './transport.js';

/** What can be undone; names in lower case. */
const DECODERS = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
]);

type Head = Pick<TransportResponse, 'status' | 'headers'>;

/**
 * The text of an answer's body, as it was before it was compressed. Nobody asks for that here, but a gateway may do it
 * unasked. The body of an answer that is not a 2xx is empty where it cannot be read: its status is the news.
 *
 * @throws HttpError HTTP_BODY for a 2xx answer with an encoding that is not known, a body that is not encoded like that, or
 *   one that is longer than `maxBytes`
 */
export function textOfAnswer(request: TransportRequest, head: Head, body: Buffer, maxBytes: number): string {
  try {
    if (body.length > maxBytes) throw tooLargeError(request, head, maxBytes);
    const encoding = String(head.headers['content-encoding'] ?? '')
      .trim()
      .toLowerCase();
    if (body.length === 0 || encoding === '' || encoding === 'identity') return body.toString();
    return decode(request, head, body, encoding, maxBytes).toString();
  } catch (error) {
    if (isGood(head)) throw error;
    return '';
  }
}

/** The error for an answer of which no more is read. */
export function tooLargeError(request: TransportRequest, head: Head, maxBytes: number): HttpError {
  const hint = /[?&]size=/.test(request.path) ? '; ask for fewer at a time' : '';
  return bodyError(request, { ...head, body: '' }, `more than ${maxBytes} bytes${hint}`, undefined, {
    maxAnswerBytes: maxBytes,
  });
}

export function isGood({ status }: Head): boolean {
  return status >= 200 && status < 300;
}

function decode(
  request: TransportRequest,
  head: Head,
  body: Buffer,
  encoding: string,
  maxOutputLength: number,
): Buffer {
  const decoder = DECODERS.get(encoding);
  const answer = { ...head, body: '' };
  if (decoder === undefined)
    throw bodyError(
      request,
      answer,
      `a body encoded as "${encoding.slice(0, 100)}", which is not known here`,
    );
  try {
    return decoder(body, { maxOutputLength });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLargeError(request, head, maxOutputLength);
    throw bodyError(
      request,
      answer,
      `a body that is not "${encoding}" as it says`,
      new Error(describeThrown(error)),
    );
  }
}
