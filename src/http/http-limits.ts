import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';

/** How a server is protected from its clients. */
export interface HttpLimits {
  /** For the head of a request, from the first byte, or from the connection on. */
  readonly headersTimeoutMs: number;
  /** For a whole request. */
  readonly requestTimeoutMs: number;
  /** How often connections are looked at. */
  readonly checkIntervalMs: number;
  /** All headers of a request together. */
  readonly maxHeaderBytes: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  checkIntervalMs: 2_000,
  maxHeaderBytes: 16_384,
};
/** What is read of a body that is too long, so that its sender gets the answer, before the connection is cut. */
const DRAIN_FACTOR = 16;

/** A body is longer than the server takes. */
export class BodyTooLargeError extends Error {
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super(`the body is larger than the ${maxBytes} bytes that this server takes`);
    this.maxBytes = maxBytes;
  }
}

/** An HTTP server whose clients can neither hold a connection by sending slowly nor fill memory with headers. */
export function createLimitedServer(listener: RequestListener, limits: HttpLimits = HTTP_LIMITS): Server {
  return createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: limits.maxHeaderBytes,
    },
    listener,
  );
}

/**
 * The body of a request. What is too long is read to its end and thrown away: a connection that is cut while its client
 * sends would leave the client without the answer.
 *
 * @throws BodyTooLargeError
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Listeners, since the iterator of a stream costs more than all the rest of a small request.
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > maxBytes * DRAIN_FACTOR) request.socket.destroy();
    });
    request.once('end', () => {
      if (bytes > maxBytes) reject(new BodyTooLargeError(maxBytes));
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.once('error', reject);
    request.once('close', () => {
      // Every request closes; an error has a stack, which would cost more than reading the body.
      if (request.readableEnded) return;
      reject(
        bytes > maxBytes
          ? new BodyTooLargeError(maxBytes)
          : new Error('the request has ended before its body'),
      );
    });
  });
}
